"""Which part of the sky the archive's alerts cover, as a MOC."""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from app import late

if TYPE_CHECKING:
    from mocpy import MOC


@lru_cache(maxsize=4)
def coverage_of(order: int, covered: tuple[int, ...]) -> "MOC":
    """The MOC of pixels of an order."""
    cells = np.array(covered, np.uint64)
    return late.mocpy.MOC.from_healpix_cells(
        cells, np.full(len(cells), order, np.uint8), max_depth=order
    )
