"""A region as PostgreSQL takes it: ranges of its pixels, and the ranges of q3c that cover it."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from app import late
from app.alerts.access.archive import Archive
from app.alerts.sql.region_sql import covering_statement
from app.regions.reading import SKY_DEG2

if TYPE_CHECKING:
    from mocpy import MOC

MAX_CELLS: Final = 600
"""Cells whose circles cover a region: each is a few ranges of the index, 10 µs to go to."""
MAX_DEG2: Final = 400.0
"""A region whose cells hold more is no way to its alerts, as a cone beyond 10 degrees is none."""
_COARSEST, _FINEST = 4, 12
_WIDER: Final = 1.02
"""Sides of cells are a little curved: a corner need not be the farthest place."""


def write_ranges(ranges: NDArray[Any]) -> str:
    """Ranges [low, high) as the text of an int8multirange."""
    return "{" + ",".join(f"[{low},{high})" for low, high in ranges.tolist()) + "}"


def enclosing_cells(moc: "MOC") -> tuple[int, NDArray[Any]] | None:
    """Order and numbers of at most MAX_CELLS cells that hold a region; None if it is too large."""
    for order in range(min(_FINEST, max(moc.max_order, _COARSEST)), _COARSEST - 1, -1):
        coarse = moc.degrade_to_order(order) if order < moc.max_order else moc
        fraction = float(coarse.sky_fraction)
        if fraction * 12 * 4**order <= MAX_CELLS:
            if fraction * SKY_DEG2 > MAX_DEG2:
                return None
            first, last = coarse.to_depth29_ranges.astype(np.int64).T >> 2 * (29 - order)
            return order, np.concatenate(
                [np.arange(*pair) for pair in zip(first, last, strict=True)]
            )
    return None


def circles_around(order: int, cells: NDArray[Any]) -> dict[str, list[float]]:
    """Centres and radii of circles around cells [deg]."""
    centre = late.healpix.healpix_to_skycoord(cells, order)
    corners = late.healpix.vertices_skycoord(cells, order)
    radius = centre[:, np.newaxis].separation(corners).deg.max(axis=1) * _WIDER
    return {"ra": centre.ra.deg.tolist(), "dec": centre.dec.deg.tolist(), "radius": radius.tolist()}


async def cover_region(archive: Archive, moc: "MOC") -> str | None:
    """The text of the ranges of q3c's pixels that cover a region; None if it is too large.

    Raises what Archive.fetch raises.
    """
    found = enclosing_cells(moc)
    if found is None:
        return None
    ((text,),) = await archive.fetch(covering_statement(), **circles_around(*found))
    return str(text)
