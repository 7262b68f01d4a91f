"""How the sky is cut, and what lies beside a cut, held against astropy's plain geometry."""

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from cdshealpix.nested import healpix_to_lonlat

from catalog.pixels import (
    COUNTED,
    Pixel,
    Tiles,
    beside,
    count,
    cuts,
    new_leaves,
    no_counts,
    pixels_of,
    rim,
)

RANDOM = np.random.default_rng(0)


def sky(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions all over the sky, poles and RA 0 among them."""
    dec = np.degrees(np.arcsin(RANDOM.uniform(-1, 1, n)))
    ra = RANDOM.uniform(0, 360, n)
    ra[:4], dec[:4] = (0, 0, 359.9999999, 123), (90, -90, 0, 89.99999)
    return ra, dec


def test_leaves_cover_each_row_once() -> None:
    ra, dec = sky(20_000)
    places = np.sort(pixels_of(ra, dec))
    counts = no_counts()
    count(places, counts)
    leaves = list(new_leaves(counts, [], 500))
    of = Tiles(leaves).of(places)
    rows = np.bincount(of, minlength=len(leaves))
    assert of.min() == 0
    assert rows.max() <= 500
    assert rows.min() > 0
    # A leaf's parent would have had too many.
    for leaf in leaves:
        if leaf.order:
            parent = Pixel(leaf.order - 1, leaf.number // 4)
            assert ((places >= parent.first) & (places < parent.end)).sum() > 500


def test_what_a_leaf_covers_it_takes() -> None:
    held = [Pixel(0, 3), Pixel(2, 0), Pixel(8, 4**8 * 5)]
    ra, dec = sky(50_000)
    places = np.sort(pixels_of(ra, dec))
    counts = no_counts()
    count(places, counts)
    new = list(new_leaves(counts, held, 1e9))
    tiles = Tiles([*held, *new])
    assert (tiles.of(places) >= 0).all()
    for one, other in zip(tiles.leaves, tiles.leaves[1:], strict=False):
        assert one.end <= other.first
    # The coarsest that hold no leaf: beside the one of order 8 three of each order from 1 on.
    assert sum(leaf.order == 1 for leaf in new) == 3 + 3
    assert sum(leaf.order == 2 for leaf in new) == 3 + 3


def test_a_crowded_pixel_is_not_split_for_ever() -> None:
    counts = no_counts()
    counts[77] = 10**7
    assert list(new_leaves(counts, [], 100)) == [Pixel(COUNTED, 77)]
    assert cuts(counts, Pixel(0, 0), 1000) == [Pixel(0, 0).end]


def test_cuts_bound_the_rows_of_a_piece() -> None:
    counts = no_counts()
    counts[: 4**COUNTED] = RANDOM.integers(0, 5, 4**COUNTED)
    ends = cuts(counts, Pixel(0, 0), 1000)
    sums = np.add.reduceat(counts, [0, *(end >> 42 for end in ends[:-1])])
    assert (sums[:-1] <= 1000).all()
    assert len(ends) < 1.1 * counts.sum() / 1000


@pytest.mark.parametrize("order", [0, 1, 5])
def test_all_within_ten_arcsec_of_a_leaf_is_in_its_margin(order: int) -> None:
    """Points are thrown along the edges of pixels, where the margin matters."""
    tiles = Tiles(Pixel(order, n) for n in range(12 * 4**order))
    edge = np.concatenate([rim(tiles.leaves[n]) for n in range(0, 12 * 4**order, 4**order)])
    edge = RANDOM.choice(edge, 400)
    lon, lat = healpix_to_lonlat(edge, 13)
    points = SkyCoord(lon, lat).directional_offset_by(
        RANDOM.uniform(0, 360, 400) * units.deg, RANDOM.uniform(0, 30, 400) * units.arcsec
    )
    places = np.sort(pixels_of(points.ra.deg, points.dec.deg))
    lon, lat = healpix_to_lonlat(places, 29)
    points = SkyCoord(lon, lat)
    own = tiles.of(places)
    found = set()
    for n in np.unique(own).tolist():
        rows, leaves = beside(places[own == n], tiles, n)
        found |= set(zip(np.flatnonzero(own == n)[rows].tolist(), leaves.tolist(), strict=True))
    for angle in range(0, 360, 10):
        near = points.directional_offset_by(angle * units.deg, 10 * units.arcsec)
        for row, leaf in enumerate(tiles.of(pixels_of(near.ra.deg, near.dec.deg)).tolist()):
            assert leaf == own[row] or (row, leaf) in found
