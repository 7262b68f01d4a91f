"""All stamps of an object, as a strip and as a zip file, read by Pillow and zipfile."""

import csv
import gzip
import io
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from app.alerts.access.archive import Archive
from app.alerts.access.gate import Gate
from app.alerts.asking.queries import read_stamps
from app.settings import Settings
from app.stamps.options import MAX_STRIP, MAX_ZIP, StripLook
from app.stamps.strips import draw_strip
from app.stamps.zips import zip_stamps
from archive.database import make_engine
from archive.objects import open_store
from archive.surveys.ztf.tables import STAMPS
from tests import packets
from tests.app import sky
from tests.app.conftest import Served, fresh_archive, serving, take_in
from tests.app.stamps.stamps import Alert, fits_of, real_alerts

FOLDER = "pitt_google_2020_2021_ZTF21abiuvdk"
SUPERNOVA = "/api/v1/objects/ZTF21abiuvdk/cutouts"
OBJECT = f"/api/v1/objects/{sky.OBJECT}/cutouts"
LABELS, HEAD, GAP = 84, 20, 4


@pytest.fixture(scope="module")
async def supernova(real: Path) -> AsyncIterator[tuple[httpx.AsyncClient, list[Alert]]]:
    """A real supernova's 34 alerts, served, and the same in time order as fastavro reads them."""
    folder = real / "ztf" / FOLDER
    async with fresh_archive() as settings:
        files = [path.read_bytes() for path in sorted(folder.rglob("*.avro"))]
        await take_in(settings, files, "ztf_20210801_programid1")
        async with serving(settings) as client:
            alerts = sorted(real_alerts(folder), key=lambda a: a.candidate["jd"])
            yield client, alerts


def listed(content: bytes) -> list[dict[str, str]]:
    """The manifest of a zip file whose members are all sound."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return list(csv.DictReader(io.StringIO(archive.read("manifest.csv").decode())))


async def test_a_zip_holds_every_stamp_as_the_packets_do(
    supernova: tuple[httpx.AsyncClient, list[Alert]],
) -> None:
    client, alerts = supernova
    answer = await client.get(f"{SUPERNOVA}.zip")
    assert answer.headers["content-type"] == "application/zip"
    assert 'filename="ZTF21abiuvdk_cutouts.zip"' in answer.headers["content-disposition"]
    assert answer.headers["x-alerts-shown"] == answer.headers["x-alerts-total"] == "34"
    lines = listed(answer.content)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert len(archive.namelist()) == 1 + 3 * len(alerts) == 103
        assert {i.compress_type for i in archive.infolist()} == {zipfile.ZIP_STORED}
        assert not any(i.flag_bits & 8 for i in archive.infolist())
        for alert in alerts:
            for kind, image in alert.stamps.items():
                stored = archive.read(f"{alert.candid}_{kind}.fits.gz")
                assert gzip.decompress(stored) == image
                path = f"/api/v1/alerts/{alert.candid}/cutouts/{kind}.fits.gz"
                assert (await client.get(path)).content == stored
    assert [(int(line["candid"]), line["kind"]) for line in lines] == [
        (alert.candid, kind) for alert in alerts for kind in STAMPS
    ]
    for line, alert in zip(lines[::3], alerts, strict=True):
        assert float(line["jd"]) == alert.candidate["jd"]
        assert line["filter"] == "-gri"[alert.candidate["fid"]]
        assert line["present"] == "true"


async def test_the_newest_are_kept(supernova: tuple[httpx.AsyncClient, list[Alert]]) -> None:
    client, alerts = supernova
    for ending in ("zip", "png"):
        answer = await client.get(f"{SUPERNOVA}.{ending}?limit=5")
        assert answer.headers["x-alerts-shown"] == "5"
        assert answer.headers["x-alerts-total"] == "34"
        if ending == "zip":
            lines = listed(answer.content)
            assert [int(line["candid"]) for line in lines[::3]] == [a.candid for a in alerts[-5:]]
        else:
            assert Image.open(io.BytesIO(answer.content)).size == (LABELS + 390, HEAD + 650)


async def test_a_strip_shows_what_the_pictures_show(
    supernova: tuple[httpx.AsyncClient, list[Alert]],
) -> None:
    client, alerts = supernova
    answer = await client.get(f"{SUPERNOVA}.png?size=63&cmap=viridis")
    strip = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert strip.shape == (HEAD + 34 * 67, LABELS + 3 * 67)
    for line, alert in enumerate(alerts):
        top = HEAD + line * (63 + GAP)
        for column, kind in enumerate(STAMPS):
            left = LABELS + column * (63 + GAP)
            path = f"/api/v1/alerts/{alert.candid}/cutouts/{kind}.png?size=63&cmap=viridis"
            alone = np.asarray(Image.open(io.BytesIO((await client.get(path)).content)))
            np.testing.assert_array_equal(strip[top : top + 63, left : left + 63], alone)
        assert (strip[top : top + 63, :LABELS] == 254).any()


async def test_etags_follow_the_alerts(served: Served) -> None:
    async with fresh_archive() as settings:
        await take_in(settings, [sky.curve_packet(sky.FIRST)], "ztf_20260131_programid1")
        async with serving(settings) as client:
            for path in (f"{OBJECT}.png", f"{OBJECT}.zip"):
                before = await client.get(path)
                held = {"if-none-match": before.headers["etag"]}
                assert (await client.get(path, headers=held)).status_code == 304
                head = await client.head(path)
                assert (head.status_code, head.content) == (200, b"")
                assert head.headers["etag"] == before.headers["etag"]
                assert "immutable" not in before.headers["cache-control"]
                again = await served.client.get(path)
                assert again.headers["etag"] != before.headers["etag"]
                assert (await client.get(path)).content == before.content
            part = await client.get(f"{OBJECT}.zip", headers={"range": "bytes=0-3"})
            assert part.status_code == 200


async def test_absent_stamps_are_left_out_and_said(served: Served) -> None:
    answer = await served.client.get("/api/v1/objects/ZTF26nostamp/cutouts.zip")
    lines = listed(answer.content)
    assert [(line["kind"], line["present"], line["file"]) for line in lines] == [
        (kind, "false", "") for kind in STAMPS
    ]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["manifest.csv"]
    strip = await served.client.get("/api/v1/objects/ZTF26nostamp/cutouts.png")
    assert Image.open(io.BytesIO(strip.content)).size == (LABELS + 390, HEAD + 130)
    withheld = await served.client.get("/api/v1/objects/ZTF26withhel/cutouts.zip")
    assert len(zipfile.ZipFile(io.BytesIO(withheld.content)).namelist()) == 4


async def test_one_of_three_and_packets_that_were_compressed() -> None:
    stamp = gzip.compress(fits_of(np.arange(63.0 * 63, dtype=np.float32).reshape(63, 63)))
    alone = packets.packet(candid=sky.FIRST, object_id=sky.OBJECT, cutouts=(None, stamp, None))
    squeezed = packets.packet(
        candid=sky.SECOND, object_id=sky.OBJECT, codec="deflate", cutouts=(stamp, stamp, b"none")
    )
    async with fresh_archive() as settings:
        await take_in(settings, [alone, squeezed], "ztf_20260131_programid1")
        async with serving(settings) as client:
            answer = await client.get(f"{OBJECT}.zip")
            with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
                held = {name: archive.read(name) for name in archive.namelist()[1:]}
            assert held == {
                f"{sky.FIRST}_template.fits.gz": stamp,
                f"{sky.SECOND}_science.fits.gz": stamp,
                f"{sky.SECOND}_template.fits.gz": stamp,
                f"{sky.SECOND}_difference.fits.gz": b"none",
            }
            assert (await client.get(f"{OBJECT}.png")).status_code == 200


async def test_a_broken_zip_never_looks_whole() -> None:
    """One alert's object is gone: a 503 where it is the first, else a file that ends in nothing."""
    async with fresh_archive() as settings:
        for number, candid in enumerate((sky.FIRST, sky.SECOND, sky.THIRD)):
            await take_in(settings, [sky.curve_packet(candid)], "ztf_20260131_programid1", number)
        async with serving(settings) as client, open_store(settings) as store:
            whole = (await client.get(f"{OBJECT}.zip")).content
            keys = await keys_of(settings)
            await store.put(keys[1], b"")
            got = bytearray()
            with pytest.raises(httpx.RemoteProtocolError):
                await read_into(got, client, f"{OBJECT}.zip")
            assert whole.startswith(got)
            assert got
            assert not zipfile.is_zipfile(io.BytesIO(got))
            assert (await client.get(f"{OBJECT}.png")).status_code == 503
            await store.put(keys[0], b"")
            first = await client.get(f"{OBJECT}.zip")
            assert first.status_code == 503
            assert first.headers["content-type"] == "application/problem+json"


async def read_into(got: bytearray, client: httpx.AsyncClient, path: str) -> None:
    async with client.stream("GET", path) as answer:
        async for chunk in answer.aiter_raw():
            got += chunk


async def keys_of(settings: Settings) -> list[str]:
    """Where the stamps of the object's alerts lie, in time order."""
    engine = make_engine(settings, "test")
    try:
        return [
            row["key"]
            for row in await read_stamps(Archive(engine, 5, 5, Gate(engine, 2)), sky.OBJECT, 10)
        ]
    finally:
        await engine.dispose()


def test_a_cut_stamp_keeps_its_alert_in_the_middle() -> None:
    """Cut at the left and at the low side: the missing part of the cell is empty."""
    pixels = np.random.default_rng(1).normal(0, 1, (40, 50)).astype(np.float32)
    row = {"jd": 2459000.5, "filter": "g", "magpsf": None, "isdiffpos": None}
    row |= {"xpos": 19.0, "ypos": 9.0}
    look = StripLook(size=63)
    content = draw_strip([(row, {"science": fits_of(pixels)})], look)
    cell = np.asarray(Image.open(io.BytesIO(content)))[HEAD : HEAD + 63, LABELS : LABELS + 63]
    assert (cell[:23] == 0).all()
    assert (cell[:, :13] == 0).all()
    assert (cell[23:, 13:] != 0).all()


@pytest.mark.parametrize("jd", [0.0, 2444239.5, 2459000.123456, 5373484.4])
async def test_any_date_can_be_zipped(jd: float) -> None:
    row = {"candid": 1, "jd": jd}

    async def alerts() -> AsyncGenerator[tuple[dict[str, float], dict[str, bytes]], None]:
        yield row, {"science": b"stamp"}

    content = b"".join([chunk async for chunk in zip_stamps("index", alerts())])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read("1_science.fits.gz") == b"stamp"


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        (f"{OBJECT}.zip?limit=0", "limit"),
        (f"{OBJECT}.zip?limit={MAX_ZIP + 1}", "limit"),
        (f"{OBJECT}.zip?limit=nan", "limit"),
        (f"{OBJECT}.zip?size=63", "size"),
        (f"{OBJECT}.png?limit={MAX_STRIP + 1}", "limit"),
        (f"{OBJECT}.png?size=190", "size"),
        (f"{OBJECT}.png?limit=5&limit=6", "limit"),
    ],
)
async def test_bounds(served: Served, path: str, parameter: str) -> None:
    answer = await served.client.get(path)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == parameter


@pytest.mark.parametrize(
    "name", ["ZTF00nothere", "%00", "a%00b", "%ff", "%ed%a0%80", "x" * 5000, "..", "'%22", "%0d%0a"]
)
async def test_no_such_object(served: Served, name: str) -> None:
    for ending in ("png", "zip"):
        answer = await served.client.get(f"/api/v1/objects/{name}/cutouts.{ending}")
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
