"""What others know of the translator without it: sqlglot, which it needs, is imported late."""

from typing import Final, NamedTuple

from archive.columns import Column

FUNCTIONS: Final = (
    "IVO_HEALPIX_INDEX(hpxOrder INTEGER, ra DOUBLE PRECISION, dec DOUBLE PRECISION) -> BIGINT",
    "IVO_HEALPIX_INDEX(hpxOrder INTEGER, p POINT) -> BIGINT",
)
"""Functions beside those of ADQL (healpix.py)."""


class Upload(NamedTuple):
    """A table that came with a query: its columns are parameters of the statement, as arrays."""

    name: str
    columns: tuple[Column, ...]
    array_types: tuple[str, ...]
    """Types of PostgreSQL."""
