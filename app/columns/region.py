"""A region as a table beside the copy's: its ranges of pixels, cut where pixels of order 6 meet.

A row of the copy is then compared with the ranges of its own pixel of order 6 only: DuckDB finds
these by a hash, and would otherwise hold each row against all ranges.
"""

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from app import late

if TYPE_CHECKING:
    import pyarrow as pa

PIXEL: Final = "_healpix_29"
"""The column with the pixel of order 29 of a row's position."""
REGION: Final = "region"
"""The table's name in a question."""
_SHIFT: Final = 2 * (29 - 6)


def joined_with_region(table: str) -> str:
    """The rows of a table that lie in the region, as the FROM of a query."""
    return (
        f"{table} SEMI JOIN {REGION} ON {PIXEL} >> {_SHIFT} = {REGION}.place "
        f"AND {PIXEL} >= {REGION}.low AND {PIXEL} < {REGION}.high"
    )


def read_ranges(text: str) -> NDArray[np.int64]:
    """Ranges [low, high), a row each, from the text of an int8multirange."""
    return np.array(re.findall(r"\d+", text), np.int64).reshape(-1, 2)


@lru_cache(maxsize=8)
def table_of_region(cells: str) -> "pa.Table":
    """A region's ranges [low, high), each in one pixel `place` of order 6.

    `cells` is the text of an int8multirange.
    """
    bounds = read_ranges(cells)
    first, last = bounds[:, 0] >> _SHIFT, (bounds[:, 1] - 1) >> _SHIFT
    pieces = last - first + 1
    own = np.repeat(np.arange(len(bounds)), pieces)
    # The how-manieth piece of its range each one is.
    number = np.arange(len(own)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    place = first[own] + number
    low = np.maximum(bounds[own, 0], place << _SHIFT)
    high = np.minimum(bounds[own, 1], (place + 1) << _SHIFT)
    return late.arrow.table({"place": place, "low": low, "high": high})
