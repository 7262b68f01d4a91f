"""The map of the sky: pixels where cdshealpix has them, areas that are true, shades that add up."""

import re

import cdshealpix.nested
import numpy as np
import pytest

from app.pages.plots.skymap import (
    FINE,
    HEIGHT,
    WIDTH,
    draw_sky,
    edges_of_shades,
    find_places,
    outline_pixels,
    project,
    split_pixels,
)


@pytest.mark.parametrize("order", [0, 1, 4])
def test_pixels_are_where_healpix_has_them(order: int) -> None:
    face, x, y = split_pixels(order)
    side, every = 2.0**order, np.arange(12 * 4**order)
    ra, sine = find_places(face, (x + 0.5) / side, (y + 0.5) / side)
    lon, lat = cdshealpix.nested.healpix_to_lonlat(every, order)
    assert np.abs((ra - lon.deg + 180) % 360 - 180).max() < 1e-9
    assert np.abs(sine - np.sin(lat.rad)).max() < 1e-12
    lon, lat = cdshealpix.nested.vertices(every, order)
    for n, (right, up) in enumerate([(0, 0), (1, 0), (1, 1), (0, 1)]):
        ra, sine = find_places(face, (x + right) / side, (y + up) / side)
        pole = np.abs(sine) > 1 - 1e-12
        apart = np.abs((ra - lon.deg[:, n] + 180) % 360 - 180)
        assert apart[~pole].max() < 1e-9
        assert np.abs(sine - np.sin(lat.rad[:, n])).max() < 1e-12


def test_the_projection_by_places_that_are_known() -> None:
    ra = np.array([0.0, 180, -180, 0, 0, 90])
    sine = np.sin(np.radians([0.0, 0, 0, 90, -90, 0]))
    across, down = project(ra, sine)
    wanted_across = [WIDTH / 2, 0, WIDTH, WIDTH / 2, WIDTH / 2, WIDTH / 4]
    # Newton's method ends some thousandths before a pole, where the slope is 0.
    assert across == pytest.approx(wanted_across, abs=0.5)
    assert down == pytest.approx([HEIGHT / 2, HEIGHT / 2, HEIGHT / 2, 0, HEIGHT, HEIGHT / 2], abs=1)
    # The parallel of 30° halves a hemisphere, and so the upper half of the ellipse.
    _, down = project(np.zeros(1), np.array([0.5]))
    angle = np.arcsin(1 - down[0] / (HEIGHT / 2))
    assert (angle + np.sin(angle) * np.cos(angle)) * 2 / np.pi == pytest.approx(0.5, abs=1e-9)


def test_every_pixel_has_the_same_area_and_none_is_missing() -> None:
    areas = []
    for path in outline_pixels(4):
        parts = re.findall(r"M(-?\d+) (-?\d+)l([^z]+)z", path)
        assert 1 <= len(parts) <= 2
        x, y, steps = parts[0]
        moves = np.array(steps.split(), int).reshape(-1, 2)
        places = np.vstack([[0, 0], moves.cumsum(axis=0)]) / FINE
        a, b = places[:, 0], places[:, 1]
        areas.append(abs(a @ np.roll(b, -1) - b @ np.roll(a, -1)) / 2)
        assert -50 * FINE < int(x) < (WIDTH + 50) * FINE
        assert 0 <= int(y) <= HEIGHT * FINE
    whole = np.pi * WIDTH / 2 * HEIGHT / 2
    assert np.median(areas) == pytest.approx(whole / 3072, rel=0.02)
    assert sum(areas) == pytest.approx(whole, rel=0.02)
    # Between the caps each second of 31 rings has a pixel whose middle is at RA 180.
    assert sum(path.count("M") == 2 for path in outline_pixels(4)) == 16


@pytest.mark.parametrize("most", [1, 2, 3, 7, 50, 10**6])
def test_each_pixel_has_one_shade(most: int) -> None:
    counts = [0] * 3072
    counts[:5] = [1, most, max(1, most // 2), 0, most]
    sky = draw_sky(4, counts)
    assert sum(shade.pixels for shade in sky.shades) == 4
    assert sum(shade.path.count("z") for shade in sky.shades) >= 4
    assert (sky.shades[0].least, sky.shades[-1].most) == (1, most)
    assert draw_sky(4, [0] * 3072).shades == []


def test_shades_have_as_many_pixels_each() -> None:
    counts = [1000 + n for n in range(700)] + [10**6] * 2 + [0] * 2370
    shades = draw_sky(4, counts).shades
    assert len(shades) == 7
    assert all(99 <= shade.pixels <= 103 for shade in shades)
    assert edges_of_shades(np.array([5, 5, 5, 5])) == [5]
