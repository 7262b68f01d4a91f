"""Stamps as FITS with a WCS and as pictures, over HTTP, read by astropy and Pillow."""

import gzip
import io
from itertools import product
from typing import Any

import httpx
import matplotlib as mpl
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from PIL import Image

from app.stamps.colormaps import FIRST, LAST, MISSING, palette
from app.stamps.options import ColorMap, Limits, Look, Stretch
from app.stamps.pictures import draw_stamp, find_levels
from tests.app import sky
from tests.app.conftest import Served
from tests.app.stamps.stamps import Pixels, fits_of, pixels_of

AT = f"/api/v1/alerts/{sky.FIRST}/cutouts"


def picture(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    assert (image.format, image.mode) == ("PNG", "P")
    return image.convert("RGB")


async def got(served: Served, path: str, **headers: str) -> httpx.Response:
    answer = await served.client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("kind", ["science", "template", "difference"])
async def test_fits_with_wcs(served: Served, kind: str) -> None:
    plain = (await got(served, f"{AT}/{kind}.fits")).content
    for coding in ("gzip", "identity"):
        answer = await got(served, f"{AT}/{kind}.fits?wcs=true", **{"accept-encoding": coding})
        assert (coding == "gzip") == ("content-encoding" in answer.headers)
        assert answer.headers["content-type"] == "application/fits"
        with fits.open(io.BytesIO(answer.content)) as file:
            file.verify("exception")
            np.testing.assert_array_equal(file[0].data, pixels_of(plain))
            assert file[0].data.tobytes() == pixels_of(plain).astype(">f4").tobytes()
            wcs = WCS(file[0].header)
            assert "added by MARS" in str(file[0].header["COMMENT"])
        assert wcs.all_world2pix(100.0, -20.0, 1) == pytest.approx(wcs.wcs.crpix, abs=1e-6)
        assert answer.content[2880:] == plain[2880:]
    packed = await got(served, f"{AT}/{kind}.fits.gz?wcs=true")
    assert packed.headers["content-type"] == "application/gzip"
    assert gzip.decompress(packed.content) == answer.content
    assert f'"{sky.FIRST}_{kind}_wcs.fits.gz"' in packed.headers["content-disposition"]


async def test_without_wcs_nothing_changes(served: Served) -> None:
    for ending in ("fits", "fits.gz"):
        plain = await got(served, f"{AT}/science.{ending}")
        for same in ("wcs=false", "wcs=0", "wcs=", "x="):
            answer = await got(served, f"{AT}/science.{ending}?{same}")
            assert (answer.content, answer.headers["etag"]) == (
                plain.content,
                plain.headers["etag"],
            )


@pytest.mark.parametrize(
    "path",
    [
        *(f"{AT}/science.{e}" for e in ("png", "fits?wcs=true", "fits.gz?wcs=true")),
        f"{AT}/difference.png?size=64&cmap=magma&stretch=log&limits=minmax",
        f"/api/v1/objects/{sky.OBJECT}/cutouts.png",
    ],
)
async def test_head_range_and_etag(served: Served, path: str) -> None:
    whole = await got(served, path, **{"accept-encoding": "identity"})
    head = await served.client.head(path, headers={"accept-encoding": "identity"})
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "content-type", "content-length", "content-disposition", "cache-control"):
        assert head.headers[name] == whole.headers[name]
    part = await served.client.get(
        path, headers={"range": "bytes=10-19", "accept-encoding": "identity"}
    )
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole.content)}"
    beyond = await served.client.get(path, headers={"range": "bytes=99999999-"})
    assert beyond.status_code == 416
    held = {"if-none-match": whole.headers["etag"], "accept-encoding": "identity"}
    answer = await served.client.get(path, headers=held)
    assert (answer.status_code, answer.content) == (304, b"")


async def test_each_representation_has_its_etag(served: Served) -> None:
    queries = ["", "size=190", "stretch=log", "cmap=viridis", "limits=minmax"]
    etags = [(await got(served, f"{AT}/science.png?{q}")).headers["etag"] for q in queries]
    for ending, coding in product(("fits", "fits.gz"), ("gzip", "identity")):
        for wcs in ("false", "true"):
            path = f"{AT}/science.{ending}?wcs={wcs}"
            etags.append((await got(served, path, **{"accept-encoding": coding})).headers["etag"])
    assert len(set(etags)) == len(etags) - 2  # .fits.gz is the same for every Accept-Encoding
    assert not any(etag.startswith("W/") for etag in etags)
    assert (await got(served, f"{AT}/science.png?size=189&cmap=grey")).headers["etag"] == etags[0]


@pytest.mark.parametrize("size", [32, 63, 189, 1024])
async def test_size(served: Served, size: int) -> None:
    answer = await got(served, f"{AT}/science.png?size={size}")
    assert picture(answer.content).size == (size, size)
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        *((f"size={v}", "size") for v in ("31", "1025", "-1", "1e2", "nan", "9" * 400, "x", "%00")),
        *((f"cmap={v}", "cmap") for v in ("jet", "GREY", "%00", "grey,magma", "x" * 5000)),
        *((f"stretch={v}", "stretch") for v in ("log10", "%ff")),
        *((f"limits={v}", "limits") for v in ("1,2", "none")),
        ("size=64&size=65", "size"),
        ("wcs=true", "wcs"),
        ("Size=64", "Size"),
        ("model_fields=1", "model_fields"),
    ],
)
async def test_what_cannot_be_drawn(served: Served, query: str, parameter: str) -> None:
    for path in (f"{AT}/science.png", f"/api/v1/objects/{sky.OBJECT}/cutouts.png"):
        answer = await served.client.get(f"{path}?{query}")
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert [e["parameter"] for e in answer.json()["errors"]] == [parameter]


@pytest.mark.parametrize(
    ("query", "nearest"),
    [("stretch=asin", "asinh"), ("cmap=VIRIDIS", "viridis"), ("cmap=jet", None), ("size=x", None)],
)
async def test_a_misspelt_word_gets_the_nearest(
    served: Served, query: str, nearest: str | None
) -> None:
    answer = await served.client.get(f"{AT}/science.png?{query}")
    (error,) = answer.json()["errors"]
    assert (error["parameter"], error["nearest"]) == (query.partition("=")[0], nearest)
    assert not error["reason"].startswith("Value error")


@pytest.mark.parametrize("query", ["wcs=maybe", "wcs=2", "wcs=true&wcs=true", "size=64", "wcss=1"])
async def test_what_no_fits_file_can_be(served: Served, query: str) -> None:
    for ending in ("fits", "fits.gz"):
        answer = await served.client.get(f"{AT}/science.{ending}?{query}")
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["parameter"] in query
    nearest = (await served.client.get(f"{AT}/science.fits?wcss=1")).json()["errors"][0]["nearest"]
    assert nearest == "wcs"


async def test_absent_stamps_say_so(served: Served) -> None:
    for ending in ("fits?wcs=true", "fits.gz?wcs=true", "png?size=64"):
        answer = await served.client.get(f"/api/v1/alerts/{sky.NO_STAMPS}/cutouts/science.{ending}")
        assert answer.status_code == 404
        assert "no science cutout" in answer.json()["detail"]
    withheld = await got(served, f"/api/v1/alerts/{sky.WITHHELD}/cutouts/science.fits?wcs=true")
    assert b"RA---TAN" in withheld.content


def noise(shape: tuple[int, int] = (20, 30)) -> Pixels:
    return np.random.default_rng(1).normal(0, 1, shape).astype(np.float32)


@pytest.mark.parametrize(
    ("cmap", "missing"),
    [(cmap, (63, 116, 181) if cmap is ColorMap.GREY else (128, 128, 128)) for cmap in ColorMap],
)
def test_the_first_row_is_on_top_and_gaps_show(
    cmap: ColorMap, missing: tuple[int, int, int]
) -> None:
    """FITS's first row is the northernmost of ZTF's stamps."""
    pixels = noise()
    pixels[0, 0], pixels[19, 29], pixels[19, 0] = 1000, np.nan, np.inf
    shown = picture(draw_stamp(gzip.compress(fits_of(pixels)), Look(size=90, cmap=cmap)))
    assert shown.size == (90, 60)
    brightest = tuple(palette(cmap)[3 * LAST : 3 * LAST + 3])
    assert shown.getpixel((0, 0)) == brightest
    for gap in ((89, 59), (87, 57), (0, 59)):
        assert shown.getpixel(gap) == missing
    same = np.all(np.asarray(shown) == missing, axis=-1)
    assert same.sum() == 2 * 9


@pytest.mark.parametrize("cmap", list(ColorMap))
def test_no_level_looks_like_a_gap(cmap: ColorMap) -> None:
    colours = np.frombuffer(palette(cmap), dtype=np.uint8).reshape(256, 3).astype(float)
    distances = np.linalg.norm(colours[1:] - colours[MISSING], axis=1)
    assert distances.min() > 40


@pytest.mark.parametrize(
    "look", [Look(stretch=s, limits=li) for s, li in product(Stretch, Limits)], ids=str
)
def test_brighter_is_never_darker(look: Look) -> None:
    pixels = noise()
    drawn = find_levels(fits_of(pixels), look).ravel()[np.argsort(pixels.ravel())].astype(int)
    assert np.all(np.diff(drawn) >= 0)
    assert (drawn[0], drawn[-1]) == (FIRST, LAST)


def test_linear_between_the_extremes_is_plain_arithmetic() -> None:
    pixels = noise()
    low, high = float(pixels.min()), float(pixels.max())
    expected = FIRST + np.rint((LAST - FIRST) * (pixels.astype(float) - low) / (high - low))
    look = Look(stretch=Stretch.LINEAR, limits=Limits.MINMAX)
    np.testing.assert_array_equal(find_levels(fits_of(pixels), look), expected)


def test_stretches_differ_as_they_should() -> None:
    """A tenth of the way up: log lifts most, then asinh, sqrt, linear."""
    pixels = np.array([[0.0, 0.1, 1.0]], dtype=np.float32)
    drawn = {
        stretch: int(
            find_levels(fits_of(pixels), Look(stretch=stretch, limits=Limits.MINMAX))[0, 1]
        )
        for stretch in Stretch
    }
    by_level = sorted(drawn, key=lambda stretch: drawn[stretch])
    assert by_level == [Stretch.LINEAR, Stretch.ASINH, Stretch.SQRT, Stretch.LOG]


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((9, 9), np.nan),
        np.full((9, 9), np.inf),
        np.zeros((9, 9)),
        np.full((9, 9), 3e38),
        np.where(np.eye(9) > 0, 3.4e38, -3.4e38),
        np.ones((1, 1)),
        np.arange(500.0)[None, :],
    ],
)
def test_odd_pixels(pixels: Any) -> None:
    image = fits_of(np.asarray(pixels, dtype=np.float32))
    for stretch, limits in product(Stretch, Limits):
        drawn = find_levels(image, Look(stretch=stretch, limits=limits))
        assert np.all((drawn == MISSING) == ~np.isfinite(pixels))
        assert max(picture(draw_stamp(image, Look(stretch=stretch, limits=limits))).size) == 189


@pytest.mark.parametrize("cmap", list(ColorMap))
def test_colours_are_the_maps_own(cmap: ColorMap) -> None:
    name = {"grey": "gray"}.get(cmap, str(cmap))
    own = np.frombuffer(palette(cmap), dtype=np.uint8).reshape(256, 3).astype(float)
    theirs = 255 * mpl.colormaps[name](np.linspace(0, 1, LAST - FIRST + 1))[:, :3]
    # Theirs has steps of its own, 256 of them.
    assert np.abs(own[FIRST : LAST + 1] - theirs).max() < 4
    assert own[254].tolist() == [0, 0, 0]
    assert own[255].tolist() == [255, 255, 255]
