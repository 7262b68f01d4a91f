"""The WCS of stamps, held against the sky on the real packets, read by astropy.wcs."""

import io
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from app.errors import NotFound
from app.stamps.astrometry import with_wcs
from app.surveys.ztf.camera import QUADRANT, Centre, PixelPlace, angle_of_north, find_centre
from tests.app.stamps.stamps import Alert, Pixels, brightest, fits_of, pixels_of, real_alerts

PID = 522193343315
BLOCK = 2880
"""Bytes of a stamp's header, as FITS counts them."""


class Image(NamedTuple):
    """A stamp as a strict reader has it."""

    header: fits.Header
    data: Pixels


Found = list[tuple[Alert, str, Image, WCS]]


def opened(image: bytes) -> fits.PrimaryHDU:
    """A file as a strict reader takes it."""
    with fits.open(io.BytesIO(image)) as file:
        file.verify("exception")
        hdu: fits.PrimaryHDU = file[0].copy()
    return hdu


def place_of(alert: Alert) -> PixelPlace:
    return PixelPlace(*(alert.candidate[name] for name in PixelPlace._fields))


@pytest.fixture(scope="module")
def stamps(real: Path) -> Found:
    """Every stamp of every public real packet, with a WCS.

    A header is read once: the stamps of most alerts have the same.
    """
    found = []
    read: dict[bytes, tuple[fits.Header, WCS]] = {}
    for alert in real_alerts(real / "ztf"):
        for kind, image in alert.stamps.items():
            made = with_wcs(image, place_of(alert))
            pixels = np.frombuffer(made[BLOCK:], dtype=">f4")
            if made[:BLOCK] not in read:
                hdu = opened(made)
                assert np.array_equal(hdu.data, as_told(hdu.header, pixels), equal_nan=True)
                read[made[:BLOCK]] = hdu.header, WCS(hdu.header)
            header, wcs = read[made[:BLOCK]]
            found.append((alert, kind, Image(header, as_told(header, pixels)), wcs))
    assert len(found) == 2532
    return found


def as_told(header: fits.Header, pixels: Pixels) -> Pixels:
    """The image in a file's numbers, behind which it is filled up to a whole block."""
    width, height = header["NAXIS1"], header["NAXIS2"]
    return pixels[: width * height].reshape(height, width)


def test_the_pixels_are_untouched(real: Path) -> None:
    alerts = list(real_alerts(real / "ztf" / "fink_alert_simulator_20181129"))
    assert len(alerts) > 200
    for alert in alerts:
        for image in alert.stamps.values():
            made = with_wcs(image, place_of(alert))
            assert made[2880:] == image[2880:]
            assert made[:2880] != image[:2880]


@pytest.mark.parametrize(("half", "share"), [(4, 0.97), (31, 0.82)])
def test_the_alert_lies_where_it_shines(stamps: Found, half: int, share: float) -> None:
    """The brightest pixel of each difference is at the place of ra and dec.

    Of the 9 × 9 pixels around it in 97 %; of the whole stamp in 83 %: in the others a neighbour, a
    trail or an edge is brighter.
    """
    near = []
    for alert, kind, hdu, wcs in stamps:
        if kind == "difference":
            x, y = wcs.all_world2pix(alert.candidate["ra"], alert.candidate["dec"], 0)
            left, low = max(0, round(float(x)) - half), max(0, round(float(y)) - half)
            box = hdu.data[low : round(float(y)) + half + 1, left : round(float(x)) + half + 1]
            peak = brightest(box)
            near.append(np.hypot(left + peak[0] - x, low + peak[1] - y) < 1.8)
    assert len(near) == 844
    assert np.mean(near) > share


def test_bright_alerts_to_a_tenth_of_a_pixel(stamps: Found) -> None:
    """Centroids of bright positive differences: xpos and ypos count to a fraction of a pixel."""
    offsets = []
    for alert, kind, hdu, _ in stamps:
        x, y = brightest(hdu.data)
        place = np.array([hdu.header["CRPIX1"], hdu.header["CRPIX2"]]) - 1
        near = max(abs(x - place[0]), abs(y - place[1])) < 2
        if kind == "difference" and near and alert.candidate["magpsf"] < 18.5:
            offsets.append(centroid(hdu.data, x, y) - place)
    assert len(offsets) > 300
    assert np.all(np.median(np.abs(offsets), axis=0) < 0.15)


def centroid(pixels: Pixels, x: int, y: int) -> npt.NDArray[np.float64]:
    box = np.clip(np.nan_to_num(pixels[y - 3 : y + 4, x - 3 : x + 4].astype(float)), 0, None)
    rows, columns = np.mgrid[y - 3 : y + 4, x - 3 : x + 4]
    return np.array([float((box * each).sum() / box.sum()) for each in (columns, rows)])


@pytest.mark.parametrize(
    ("turned", "share"),
    [
        (lambda dx, dy: (dx, dy), (0.55, 1.0)),
        (lambda dx, dy: (dx, -dy), (0.0, 0.2)),
        (lambda dx, dy: (-dx, dy), (0.0, 0.2)),
        (lambda dx, dy: (-dx, -dy), (0.0, 0.2)),
    ],
    ids=["ours", "north down", "east right", "half a turn"],
)
def test_other_sources_lie_where_the_catalogue_says(
    stamps: Found,
    turned: Callable[[float, float], tuple[float, float]],
    share: tuple[float, float],
) -> None:
    """A template's source at ranr, decnr: only our orientation finds a peak there."""
    hits = []
    for alert, kind, hdu, wcs in stamps:
        c = alert.candidate
        if kind != "template" or c["ranr"] < 0 or c["decnr"] < -90:
            continue
        here = np.array(wcs.all_world2pix(c["ra"], c["dec"], 0))
        there = wcs.all_world2pix(c["ranr"], c["decnr"], 0)
        if 3 < np.hypot(*(there - here)) < 40:
            x, y = here + turned(*(there - here))
            column, row = round(float(x)), round(float(y))
            box = hdu.data[max(0, row - 3) : row + 4, max(0, column - 3) : column + 4]
            if box.shape == (7, 7) and np.isfinite(box).all():
                dx, dy = brightest(box)
                hits.append(np.hypot(column - 3 + dx - x, row - 3 + dy - y) < 1.5)
    assert len(hits) > 200
    assert share[0] <= np.mean(hits) <= share[1]


def test_north_is_turned_as_pairs_of_alerts_say(stamps: Found) -> None:
    """Where an alert's WCS puts another alert of the same exposure, against its xpos and ypos."""
    exposures: dict[int, dict[int, tuple[Alert, WCS]]] = defaultdict(dict)
    for alert, kind, _, wcs in stamps:
        if kind == "science":
            exposures[alert.candidate["pid"]][alert.candid] = alert, wcs
    angles, scales, plain = [], [], []
    for one, *others in (list(alerts.values()) for alerts in exposures.values()):
        for other, _ in others:
            here, there = one[0].candidate, other.candidate
            seen = complex(there["xpos"] - here["xpos"], there["ypos"] - here["ypos"])
            if abs(seen) > 300:
                x, y = one[1].all_world2pix(there["ra"], there["dec"], 1) - one[1].wcs.crpix
                angles.append(np.degrees(np.angle(complex(x, y) / seen)))
                scales.append(abs(complex(x, y) / seen))
                plain.append(angle_of_north(place_of(one[0])) or 0.0)
            assert here["rcid"] == here["pid"] % 10_000 // 100
    assert len(angles) > 200
    assert np.std(angles) < 0.16
    assert np.abs(angles).max() < 0.4
    assert np.std(plain) > 0.5
    assert np.abs(np.array(scales) - 1).max() < 0.002


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (PixelPlace(0, 0, 100.0, 100.0, PID), 0.0),
        (PixelPlace(0, 89.0, 100.0, 100.0, PID), None),
        (PixelPlace(0, -89.0, 100.0, 100.0, PID), None),
        (PixelPlace(0, 30.0, None, 100.0, PID), None),
        (PixelPlace(0, 30.0, 1e30, 100.0, PID), None),
        (PixelPlace(0, 30.0, 100.0, 100.0, 9999), None),
        (PixelPlace(0, 30.0, 100.0, 100.0, -1), None),
    ],
)
def test_how_north_is_turned(place: PixelPlace, expected: float | None) -> None:
    assert angle_of_north(place) == expected
    header = opened(with_wcs(fits_of(np.ones((63, 63), dtype=np.float32)), place)).header
    assert ("north ASSUMED" in str(header["COMMENT"])) == (expected is None)
    assert len(header["COMMENT"]) == 4


def test_the_turn_is_the_meridians() -> None:
    """Against astropy: the direction to the pole at w west of the middle of a field."""
    middle = SkyCoord(150 * units.deg, 60 * units.deg)
    frame = middle.skyoffset_frame()
    for quadrant, xpos in ((0, 1536.0), (3, 10.0), (13, 3000.0), (14, 1536.0)):
        column, side = quadrant // 4 % 4 - 1.5, 0.5 if quadrant % 4 in (1, 2) else -0.5
        west = column * 1.91 + side * 0.864 + (xpos - 1536) * 1.0126 / 3600
        point = SkyCoord(-west * units.deg, 0 * units.deg, frame=frame).icrs
        above = SkyCoord(-west * units.deg, 0.01 * units.deg, frame=frame).icrs
        lean = -point.position_angle(above).wrap_at(180 * units.deg).deg
        place = PixelPlace(point.ra.deg, point.dec.deg, xpos, 100.0, 10_000 + 100 * quadrant + 15)
        assert angle_of_north(place) == pytest.approx(lean, abs=0.1)


def test_stamps_that_an_edge_cut(stamps: Found) -> None:
    """All five alerts that are not square: right columns are missing, the alert keeps its place."""
    cut = [s for s in stamps if s[2].data.shape != (63, 63)]
    assert len(cut) == 15
    for alert, kind, hdu, wcs in cut:
        assert hdu.data.shape[0] == 63
        assert hdu.data.shape[1] == QUADRANT[0] - round(alert.candidate["xpos"]) + 32
        assert "ASSUMED" not in str(hdu.header["COMMENT"])
        x, y = wcs.all_world2pix(alert.candidate["ra"], alert.candidate["dec"], 0)
        assert abs(x - 31) <= 0.5 >= abs(y - 31)
        if kind == "difference":
            peak = brightest(hdu.data)
            assert np.hypot(peak[0] - x, peak[1] - y) < 2


def test_nothing_is_assumed_of_the_real_ones(stamps: Found) -> None:
    assert not [s for s in stamps if "ASSUMED" in str(s[2].header["COMMENT"])]


@pytest.mark.parametrize(
    ("size", "position", "edge", "expected"),
    [
        (63, 1000.25, 3072, Centre(32.25, 0, True)),
        (63, 999.75, 3072, Centre(31.75, 0, True)),
        # Sizes of two packets that are not public: cut at the bottom.
        (41, 10.39, 3080, Centre(10.39, 22, True)),
        (45, 13.9, 3080, Centre(13.9, 18, True)),
        (55, 3048.63, 3072, Centre(31.63, 0, True)),
        (32, 3080.4, 3080, Centre(32.4, 0, True)),
        (32, 0.6, 3072, Centre(0.6, 31, True)),
        (55, 1000.0, 3072, Centre(28.0, 0, False)),
        (63, None, 3072, Centre(32.0, 0, False)),
        *((63, odd, 3072, Centre(32.0, 0, False)) for odd in (-999.0, 1e30, float("nan"))),
    ],
)
def test_centre(size: int, position: float | None, edge: int, expected: Centre) -> None:
    got = find_centre(size, position, edge)
    assert got == pytest.approx(expected)


def test_what_is_not_known_is_said() -> None:
    image = fits_of(np.zeros((63, 40), dtype=np.float32))
    header = opened(with_wcs(image, PixelPlace(10.0, 20.0, None, None, PID))).header
    assert "ASSUMED" in str(header["COMMENT"])
    assert (header["CRPIX1"], header["CRPIX2"]) == (20.5, 32.0)


@pytest.mark.parametrize("position", [(0.0, 90.0), (359.999, -90.0), (180.0, 0.0)])
def test_poles(position: tuple[float, float]) -> None:
    image = fits_of(np.zeros((63, 63), dtype=np.float32))
    wcs = WCS(opened(with_wcs(image, PixelPlace(*position, 100.0, 100.0, PID))).header)
    assert wcs.all_world2pix(*position, 1) == pytest.approx([32, 32], abs=1e-6)
    if abs(position[1]) < 90:
        north_east = wcs.all_pix2world(31, 31, 1)
        assert north_east[0] > position[0]
        assert north_east[1] > position[1]


def test_a_wcs_of_its_own_is_replaced() -> None:
    image = fits_of(np.ones((63, 63), dtype=np.float32))
    once = with_wcs(image, PixelPlace(10.0, 20.0, 100.0, 100.0, PID))
    header = opened(with_wcs(once, PixelPlace(11.0, 21.0, 100.0, 100.0, PID))).header
    assert (header.count("CRVAL1"), header["CRVAL1"]) == (1, 11.0)


@pytest.mark.parametrize(
    "image",
    [
        b"",
        b"SIMPLE  =  T",
        b"SIMPLE  =  T".ljust(80) + b"END".ljust(2800),
        b"SIMPLE  =  T".ljust(80) + b"\xff" * 80 + b"END".ljust(2720),
        b"SIMPLE  =  T".ljust(80) * 100,
        b"NAXIS   =  2".ljust(80) + b"END".ljust(2800),
        fits_of(np.zeros((63, 63), dtype=np.float32)).replace(b"NAXIS1  =  63", b"NAXIS1  =  'a"),
        fits_of(np.zeros((63, 63), dtype=np.float32)).replace(b"NAXIS   =  2", b"NAXIS   =  3"),
    ],
)
def test_hostile_images(image: bytes) -> None:
    with pytest.raises(NotFound):
        with_wcs(image, PixelPlace(10.0, 20.0, 100.0, 100.0, PID))


def test_pixels_of_reads_what_with_wcs_writes() -> None:
    pixels = np.arange(63 * 63, dtype=np.float32).reshape(63, 63)
    pixels[3, 4] = np.nan
    made = with_wcs(fits_of(pixels), PixelPlace(10.0, 20.0, 100.0, 100.0, PID))
    np.testing.assert_array_equal(opened(made).data, pixels)
    np.testing.assert_array_equal(pixels_of(made), pixels)
