"""Rows of the database, column by column."""

from collections.abc import Sequence
from typing import Any

import asyncpg


def by_column(rows: Sequence[asyncpg.Record]) -> dict[str, tuple[Any, ...]]:
    """The values of each column of some rows, of which there must be one at least.

    Of a thousand rows of 111 columns in half the time in which a record finds each by its name; of
    100,000 rows of few columns in five times that.
    """
    return dict(zip(rows[0].keys(), zip(*rows, strict=True), strict=True))
