"""Pixels of the sky (HEALPix, nested): where a position lies, and how the sky is cut into leaves."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from astropy import units
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import external_neighbours, lonlat_to_healpix, neighbours
from numpy.typing import NDArray

Ints = NDArray[np.int64]
FINEST: Final = 29
"""The order of `_healpix_29`."""
COUNTED: Final = 8
"""The order at which rows are counted, in pixels of 14 arcmin; no leaf is smaller."""
MARGIN: Final = 13
"""The order of the strips around leaves: no point of a pixel's edge is nearer than 10 arcsec to the
far side of its neighbour, which is 26 arcsec wide on average."""


class Pixel(NamedTuple):
    """One pixel; those of the sky lie in the order of their `first`."""

    order: int
    number: int

    @property
    def first(self) -> int:
        """The first pixel of order 29 in it."""
        return self.number << 2 * (FINEST - self.order)

    @property
    def end(self) -> int:
        """The first pixel of order 29 behind it."""
        return (self.number + 1) << 2 * (FINEST - self.order)

    @property
    def children(self) -> "tuple[Pixel, ...]":
        """Its four quarters."""
        return tuple(Pixel(self.order + 1, 4 * self.number + n) for n in range(4))


class Tiles:
    """Leaves, none within another, in the order of the sky."""

    def __init__(self, leaves: Iterable[Pixel]) -> None:
        self.leaves = sorted(leaves, key=lambda leaf: leaf.first)
        self._firsts = np.array([leaf.first for leaf in self.leaves], np.int64)
        self._ends = np.array([leaf.end for leaf in self.leaves], np.int64)

    def of(self, pixels: Ints) -> Ints:
        """The index of the leaf in which each pixel of order 29 lies; -1 where there is none."""
        found = np.searchsorted(self._firsts, pixels, "right") - 1
        inside = (found >= 0) & (pixels < self._ends[found]) if self.leaves else found >= 0
        return np.where(inside, found, -1)


def pixels_of(ra: NDArray[np.float64], dec: NDArray[np.float64]) -> Ints:
    """The pixel of order 29 of each position in degrees."""
    lon, lat = Longitude(ra, units.deg), Latitude(dec, units.deg)
    found: Ints = lonlat_to_healpix(lon, lat, FINEST, num_threads=1).astype(np.int64)
    return found


def count(pixels: Ints, into: Ints) -> None:
    """Add pixels of order 29 to the counts of the sky's pixels of order COUNTED."""
    found, counts = np.unique(pixels >> 2 * (FINEST - COUNTED), return_counts=True)
    into[found] += counts


def no_counts() -> Ints:
    """Counts of a sky without rows."""
    return np.zeros(12 * 4**COUNTED, np.int64)


def new_leaves(counts: Ints, held: Sequence[Pixel], most: float) -> Iterator[Pixel]:
    """The leaves that rows need beside those that are there: `counts` are the rows to place.

    What a leaf covers it takes, however many. The others get the coarsest pixel that holds no
    leaf, and of that the quarters as long as more than `most` rows are in it.
    """
    leaves = set(held)
    around = {
        Pixel(o, leaf.number >> 2 * (leaf.order - o)) for leaf in held for o in range(leaf.order)
    }
    sums = [counts.reshape(12 * 4**order, -1).sum(axis=1) for order in range(COUNTED + 1)]
    waiting = [Pixel(0, n) for n in reversed(range(12))]
    while waiting:
        pixel = waiting.pop()
        rows = sums[pixel.order][pixel.number]
        if rows == 0 or pixel in leaves:
            continue
        if pixel in around or (rows > most and pixel.order < COUNTED):
            waiting.extend(reversed(pixel.children))
        else:
            yield pixel


def cuts(counts: Ints, leaf: Pixel, most: int) -> list[int]:
    """Where to cut a leaf so that each piece has `most` rows at most: the end of each, order 29.

    A piece that is one pixel of order COUNTED may have more.
    """
    shift = 2 * (FINEST - COUNTED)
    first, end = leaf.first >> shift, leaf.end >> shift
    ends, rows = [], 0
    for n in (np.flatnonzero(counts[first:end]) + first).tolist():
        if rows and rows + counts[n] > most:
            ends.append(n << shift)
            rows = 0
        rows += counts[n]
    return [*ends, leaf.end]


def beside(pixels: Ints, tiles: Tiles, own: int) -> tuple[Ints, Ints]:
    """Which pixels lie within the margin of other leaves than their own, and of which.

    Indices into `pixels`, which are sorted, and indices of leaves, in pairs; by leaf, then pixel.
    """
    shift = 2 * (FINEST - MARGIN)
    strips, which = np.unique(pixels >> shift, return_inverse=True)
    around = neighbours(strips.astype(np.uint64), MARGIN, num_threads=1).astype(np.int64)
    leaves = tiles.of(np.where(around < 0, -1, around << shift).reshape(-1)).reshape(around.shape)
    leaves[around < 0] = -1
    others = (leaves != own) & (leaves >= 0)
    of_rows: list[Ints] = []
    of_leaves: list[Ints] = []
    for leaf in np.unique(leaves[others]).tolist():
        rows = np.flatnonzero((leaves == leaf).any(axis=1)[which])
        of_rows.append(rows)
        of_leaves.append(np.full(len(rows), leaf, np.int64))
    if not of_rows:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return np.concatenate(of_rows), np.concatenate(of_leaves)


def rim(leaf: Pixel) -> Ints:
    """The pixels of order MARGIN around a leaf, sorted."""
    number = np.array([leaf.number], np.uint64)
    edges, corners = external_neighbours(number, leaf.order, MARGIN - leaf.order, num_threads=1)
    found = np.concatenate([np.ravel(corners), np.ravel(edges)]).astype(np.int64)
    return np.unique(found[found >= 0])
