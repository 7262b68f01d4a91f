"""Numbers by HEALPix pixel as a map of the sky: Mollweide's projection, as paths of an SVG.

Pixels: Górski et al. 2005, ApJ 622, 759, section 5. Projection: Snyder 1987, Map Projections: A
Working Manual, page 251. RA 0 is in the middle and grows to the left.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.floating[Any]]
WIDTH, HEIGHT = 720, 360
SHADES: Final = 7
FINE: Final = 10
"""Coordinates of the paths are integers, of a tenth of the SVG's pixel."""
_STEPS: Final = 12
_FACE_ROW: Final = np.repeat([2, 3, 4], 4)
"""For each base pixel how far its northern corner's opposite lies from the pole, in its sides."""
_FACE_TURN: Final = np.array([1, 3, 5, 7, 0, 2, 4, 6, 1, 3, 5, 7])
"""The longitude of each base pixel's middle, in eighths of a turn."""
_CORNERS: Final = ((0, 0), (1, 0), (1, 1), (0, 1))


class Shade(NamedTuple):
    """Pixels with `least` to `most` alerts in each; `path` draws all of them."""

    least: int
    most: int
    pixels: int
    path: str


class SkyChart(NamedTuple):
    """The content of the SVG."""

    shades: list[Shade]
    meridians: list[str]
    parallels: list[str]
    labels: list[tuple[float, float, str]]


def split_pixels(order: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Base pixel, x and y in it, of every nested pixel: x in its even bits, y in its odd ones."""
    number = np.arange(12 * 4**order)
    inner = number & (4**order - 1)
    x, y = np.zeros_like(inner), np.zeros_like(inner)
    for bit in range(order):
        x |= (inner >> (2 * bit) & 1) << bit
        y |= (inner >> (2 * bit + 1) & 1) << bit
    return number >> (2 * order), x, y


def find_places(face: NDArray[np.int64], x: Numbers, y: Numbers) -> tuple[Numbers, Numbers]:
    """RA and sine of Dec [deg, 1] of places in base pixels; x, y from 0 at the south to 1.

    Within a polar cap the rows become shorter towards the pole.
    """
    row = _FACE_ROW[face] - x - y
    width = np.clip(np.minimum(row, 4 - row), 0, 1)
    cap = 1 - width**2 / 3
    sine = np.where(row < 1, cap, np.where(row > 3, -cap, (2 - row) * 2 / 3))
    turn = _FACE_TURN[face] * width + x - y
    ra = 45 * np.divide(turn, width, out=np.zeros_like(turn), where=width > 0)
    # At a pole every RA will do: that of the middle of the base pixel.
    return np.where(width > 0, ra, 45 * _FACE_TURN[face]), sine


def project(ra: Numbers, sine: Numbers) -> tuple[Numbers, Numbers]:
    """Places of the SVG, in its pixels; RA from -180 to 180 and, for what crosses the edge, beyond.

    Newton's method solves 2 t + sin 2t = π sin(Dec).
    """
    wanted = np.pi * sine
    angle = np.arcsin(np.clip(sine, -1, 1))
    for _ in range(_STEPS):
        slope = 2 + 2 * np.cos(2 * angle)
        step = (2 * angle + np.sin(2 * angle) - wanted) / np.maximum(slope, 1e-9)
        angle = np.clip(angle - step, -np.pi / 2, np.pi / 2)
    across = WIDTH / 2 * (1 - ra / 180 * np.cos(angle))
    return across, HEIGHT / 2 * (1 - np.sin(angle))


@cache
def outline_pixels(order: int) -> tuple[str, ...]:
    """The outline of every pixel; of one across the edge of the map both of its parts."""
    face, x, y = split_pixels(order)
    side = 2.0**order
    ra, _ = find_places(face, (x + 0.5) / side, (y + 0.5) / side)
    middle = (ra + 180) % 360 - 180
    corners = []
    for right, up in _CORNERS:
        own, height = find_places(face, (x + right) / side, (y + up) / side)
        # The same turn as the middle's; the corner at a pole has the middle's RA.
        own = np.where(np.abs(height) > 1 - 1e-12, middle, own)
        corners.append((middle + (own - middle + 180) % 360 - 180, height))
    drawn = np.stack([np.stack(project(*corner), -1) for corner in corners], 1)
    paths = []
    for n, outline in enumerate(drawn):
        path = _path_of(outline)
        beyond = [float(corner[0][n]) for corner in corners]
        turned = 360 if min(beyond) < -180 else -360 if max(beyond) > 180 else 0
        if turned:
            path += _path_of(np.array([project(c[0][n] + turned, c[1][n]) for c in corners]))
        paths.append(path)
    return tuple(paths)


def _path_of(outline: Any) -> str:
    """A closed path through places, each but the first relative to the one before."""
    places = np.rint(np.asarray(outline, float) * FINE).astype(int)
    steps = np.diff(places, axis=0)
    return f"M{places[0][0]} {places[0][1]}l" + " ".join(f"{a} {b}" for a, b in steps) + "z"


def edges_of_shades(numbers: NDArray[np.int64]) -> list[int]:
    """The least numbers of the shades, each of which has about as many of these as the others.

    Shades of equal steps would all be one wherever few numbers are far from the rest.
    """
    steps = np.arange(SHADES) / SHADES
    return sorted({int(edge) for edge in np.quantile(numbers, steps, method="lower")})


def draw_sky(order: int, counts: Sequence[int]) -> SkyChart:
    """The map of numbers by pixel; pixels with none are left empty."""
    held = np.asarray(counts)
    outlines = outline_pixels(order)
    edges = edges_of_shades(held[held > 0]) if held.any() else []
    shades = []
    for least, after in zip(edges, [*edges[1:], int(held.max()) + 1], strict=False):
        own = np.flatnonzero((held >= least) & (held < after))
        path = "".join(outlines[n] for n in own)
        shades.append(Shade(least, after - 1, len(own), path))
    return SkyChart(shades, *_draw_grid())


def _draw_grid() -> tuple[list[str], list[str], list[tuple[float, float, str]]]:
    """Meridians, parallels, and their labels."""
    heights = np.sin(np.radians(np.linspace(-90, 90, 37)))
    meridians = [_line_of(*project(np.full(37, ra), heights)) for ra in range(-120, 180, 60)]
    parallels, labels = [], []
    for dec in (-60, -30, 0, 30, 60):
        sine = np.full(2, math.sin(math.radians(dec)))
        across, down = project(np.array([180.0, -180.0]), sine)
        parallels.append(_line_of(across, down))
        labels.append(_label(across, down, f"{dec:+d}°" if dec else "0°"))
    for ra in (120, 60, 0, -60, -120):
        across, down = project(np.array([float(ra)]), np.zeros(1))
        labels.append(_label(across, down, f"{ra % 360}°"))
    return meridians, parallels, labels


def _label(across: Numbers, down: Numbers, text: str) -> tuple[float, float, str]:
    """A text beside the first of some places."""
    return round(float(across[0]) + 4, 1), round(float(down[0]) - 4, 1), text


def _line_of(across: Numbers, down: Numbers) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in zip(across, down, strict=True))
