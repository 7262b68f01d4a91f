"""The bytes of a packet over HTTP: whole, in parts, unchanged, or with the reason why not."""

import gzip
import hashlib
import io
from typing import Any

import fastavro
import httpx
import pytest
from PIL import Image

from app.errors import NotFound
from app.stamps.options import Look
from app.stamps.pictures import MAX_FITS, draw_stamp, expand_fits
from tests.app import sky
from tests.app.conftest import Served

AVRO = f"/api/v1/alerts/{sky.FIRST}/avro"
CUTOUTS = f"/api/v1/alerts/{sky.FIRST}/cutouts"
STAMPS = ("science", "template", "difference")


def stamp(kind: str) -> bytes:
    """The gzipped FITS of a cutout, taken from the packet by fastavro."""
    (record,) = fastavro.reader(io.BytesIO(sky.curve_packet(sky.FIRST)))
    held: Any = record
    data: bytes = held[f"cutout{kind.capitalize()}"]["stampData"]
    return data


async def raw(served: Served, path: str, **headers: str) -> tuple[httpx.Response, bytes]:
    """An answer and its body as it came over the wire."""
    async with served.client.stream("GET", path, headers=headers) as answer:
        return answer, b"".join([chunk async for chunk in answer.aiter_raw()])


async def test_avro_is_the_packet(served: Served) -> None:
    answer, body = await raw(served, AVRO)
    assert body == sky.curve_packet(sky.FIRST)
    assert answer.headers["content-type"] == "application/avro"
    assert f'filename="{sky.FIRST}.avro"' in answer.headers["content-disposition"]
    assert answer.headers["content-length"] == str(len(body))
    assert "immutable" in answer.headers["cache-control"]
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("kind", STAMPS)
async def test_cutouts(served: Served, kind: str) -> None:
    stored = stamp(kind)
    file, body = await raw(served, f"{CUTOUTS}/{kind}.fits.gz")
    assert (body, file.headers["content-type"]) == (stored, "application/gzip")
    squeezed, body = await raw(served, f"{CUTOUTS}/{kind}.fits", **{"accept-encoding": "gzip"})
    assert (body, squeezed.headers["content-encoding"]) == (stored, "gzip")
    for encoding in ("identity", "gzip;q=0", "br"):
        plain, body = await raw(served, f"{CUTOUTS}/{kind}.fits", **{"accept-encoding": encoding})
        assert body == gzip.decompress(stored)
        assert "content-encoding" not in plain.headers
    assert "accept-encoding" in plain.headers["vary"].lower()
    assert {squeezed.headers["content-type"], plain.headers["content-type"]} == {"application/fits"}
    picture = Image.open(io.BytesIO((await served.client.get(f"{CUTOUTS}/{kind}.png")).content))
    assert (picture.format, picture.size) == ("PNG", (189, 189))
    etags = {file.headers["etag"], squeezed.headers["etag"], plain.headers["etag"]}
    assert len(etags) == 3


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-99", 206, slice(0, 100)),
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=-7", 206, slice(-7, None)),
        ("bytes=5-99999999999", 206, slice(5, None)),
        ("bytes=9-3", 200, slice(None)),
        ("bytes=-", 200, slice(None)),
        ("bytes=0-1,5-6", 200, slice(None)),
        ("lines=0-1", 200, slice(None)),
    ],
)
async def test_ranges(served: Served, asked: str, status: int, part: slice) -> None:
    whole = sky.curve_packet(sky.FIRST)
    answer, body = await raw(served, AVRO, range=asked)
    assert (answer.status_code, body) == (status, whole[part])
    if status == 206:
        first, last, _ = part.indices(len(whole))
        assert answer.headers["content-range"] == f"bytes {first}-{last - 1}/{len(whole)}"


DOWNLOADS = [
    *(AVRO, f"/{sky.FIRST}/cutout/Science/", f"/api/v1/objects/{sky.OBJECT}/cutouts.png"),
    *(f"{CUTOUTS}/science.{form}" for form in ("fits", "fits.gz", "png")),
    *(f"{CUTOUTS}/science.{form}?wcs=true" for form in ("fits", "fits.gz")),
]


@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize("path", DOWNLOADS)
async def test_ranges_of_every_download(served: Served, path: str, coding: str) -> None:
    """They are ranges of the bytes that would come, so of the gzip where gzip is taken."""
    whole, body = await raw(served, path, **{"accept-encoding": coding})
    kept = ("etag", "content-encoding", "content-type", "accept-ranges")
    wanted = {name: whole.headers.get(name) for name in kept}
    assert wanted["accept-ranges"] == "bytes"
    asked = {"accept-encoding": coding, "if-range": whole.headers["etag"]}
    end, middle = len(body), len(body) // 2
    for first, last in ((0, 0), (0, end - 1), (middle, end - 1), (middle, middle + 9)):
        answer, part = await raw(served, path, range=f"bytes={first}-{last}", **asked)
        assert (answer.status_code, part) == (206, body[first : last + 1])
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{end}"
        assert {name: answer.headers.get(name) for name in kept} == wanted
    beyond, _ = await raw(served, path, range=f"bytes={end}-", **asked)
    assert beyond.status_code == 416
    other = asked | {"if-range": '"another"'}
    again, part = await raw(served, path, range="bytes=1-2", **other)
    assert (again.status_code, part) == (200, body)


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0"])
async def test_range_beyond_the_end(served: Served, asked: str) -> None:
    answer, _ = await raw(served, AVRO, range=asked)
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(sky.curve_packet(sky.FIRST))}"
    assert answer.headers["content-type"] == "application/problem+json"


async def test_if_range(served: Served) -> None:
    etag = (await served.client.head(AVRO)).headers["etag"]
    for given, status in ((etag, 206), ('"other"', 200)):
        answer, _ = await raw(served, AVRO, range="bytes=0-9", **{"if-range": given})
        assert answer.status_code == status


@pytest.mark.parametrize("path", [AVRO, *(f"{CUTOUTS}/science.{e}" for e in ("fits", "png"))])
async def test_etag_and_head(served: Served, path: str) -> None:
    whole, body = await raw(served, path, **{"accept-encoding": "gzip"})
    head = await served.client.head(path, headers={"accept-encoding": "gzip"})
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "content-type", "content-length", "content-disposition", "cache-control"):
        assert head.headers[name] == whole.headers[name]
    assert head.headers["content-length"] == str(len(body))
    for given in (whole.headers["etag"], f'"x", W/{whole.headers["etag"]}', "*"):
        asked = {"if-none-match": given, "accept-encoding": "gzip"}
        answer = await served.client.get(path, headers=asked)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == whole.headers["etag"]


async def test_withheld_and_missing(served: Served) -> None:
    withheld = await served.client.get(f"/api/v1/alerts/{sky.WITHHELD}/avro")
    assert withheld.status_code == 404
    assert "withheld" in withheld.json()["detail"]
    science = await served.client.get(f"/api/v1/alerts/{sky.WITHHELD}/cutouts/science.fits")
    assert science.content[:6] == b"SIMPLE"
    for ending in ("fits", "fits.gz", "png"):
        path = f"/api/v1/alerts/{sky.NO_STAMPS}/cutouts/template.{ending}"
        missing = await served.client.get(path)
        assert missing.status_code == 404
        assert "no template cutout" in missing.json()["detail"]


@pytest.mark.parametrize(
    "stamp",
    [
        gzip.compress(bytes(MAX_FITS + 1), mtime=0),
        gzip.compress(b"SIMPLE  =  T", mtime=0),
        gzip.compress(bytes(5000), mtime=0)[:-9],
        b"\x1f\x8bnothing",
        b"",
    ],
)
def test_hostile_stamps(stamp: bytes) -> None:
    with pytest.raises(NotFound):
        draw_stamp(stamp, Look())


def test_expanding_is_bounded() -> None:
    assert expand_fits(gzip.compress(bytes(MAX_FITS))) == bytes(MAX_FITS)
    assert hashlib.sha1(expand_fits(b"SIMPLE")).digest() == hashlib.sha1(b"SIMPLE").digest()
