"""Alerts in the order in which they came into the archive, by their lco_id.

A batch takes its lco_ids under a lock that it holds until it has committed. So a reader that has
seen one number has seen all below it, and what it has not seen yet has a higher one.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import asyncpg
from sqlalchemy import BigInteger, bindparam, literal_column, select

from app.alerts.access.archive import Archive
from app.alerts.sql.search_sql import GLANCE, page_statement, stretch_statement
from app.alerts.sql.shapes import shape_of
from app.alerts.sql.statements import compile_statement
from app.search.cursor import Cursor
from app.search.filters import Clause
from app.search.search import Search, Sort
from app.search.values import read_integer
from app.search.vocabulary import FILTERS
from archive.surveys.ztf.tables import alert
from archive.tables import counter

MAX_NUMBER: Final = 2**63 - 1
BY_NUMBER: Final = Sort("lco_id", descending=False)
_NEWEST: Final = compile_statement(select(counter.c.batch, counter.c.lco_id))
_NEXT: Final = compile_statement(
    select(alert.c.lco_id, alert.c.batch)
    .where(alert.c.lco_id > bindparam("number", type_=BigInteger()))
    .order_by(alert.c.lco_id)
    .limit(literal_column("1"))
)


class Newest(NamedTuple):
    """How far the archive is."""

    batch: int
    number: int
    """The newest lco_id that was given."""


class Stretch(NamedTuple):
    """What follows a number: the rows that match among the next GLANCE alerts."""

    rows: list[asyncpg.Record]
    reached: int
    """The number up to which all has been looked at."""


async def read_newest(archive: Archive) -> Newest:
    """How far the archive is, at the server that answers: one that lags says less."""
    return Newest(*(await archive.fetch(_NEWEST))[0])


async def number_as_of(archive: Archive, batch: int, newest: Newest) -> int:
    """The newest number of the archive as it was after a batch; 0 if it held nothing.

    By bisection, as numbers and batches grow together: no index leads from the one to the other.
    """
    low, high = 0, newest.number
    while low < high:
        middle = (low + high) // 2
        found = await archive.fetch(_NEXT, number=middle, as_of=batch)
        if found and found[0]["batch"] <= batch:
            low = found[0]["lco_id"]
        else:
            high = middle
    return low


async def read_stretch(
    archive: Archive, search: Search, since: int, newest: Newest, most: int = GLANCE
) -> Stretch:
    """What follows a number, at a server that has come to the newest batch: `most` rows at most.

    A row has `lco_id` beside the columns of its answer.
    """
    # Of equal numbers there is one: what follows is beyond any id.
    after = Cursor(search.digest, newest.batch, since, MAX_NUMBER)
    asked = replace(search, sort=BY_NUMBER, cursor=after, limit=most, as_of=None)
    shape, values = shape_of(asked)
    rows = await archive.fetch(stretch_statement(shape), **values | {"as_of": newest.batch})
    found = [row for row in rows if row["lco_id"] is not None]
    if len(found) > most:
        return Stretch(found[:most], found[most - 1]["lco_id"])
    reached = rows[0]["reached"] or since
    # Behind the last alert may be numbers that were given and not used.
    reached = max(reached, newest.number) if rows[0]["whole"] else reached
    return Stretch(found, reached)


def parse_number(text: str) -> int:
    """The number in a text; 0 is before all alerts. Raises ValueError."""
    if not 0 <= (number := read_integer(text)) <= MAX_NUMBER:
        raise ValueError("out of bounds")
    return number


def numbered(numbers: Sequence[int]) -> Clause:
    """The clause of the alerts of some numbers."""
    return Clause(FILTERS["lco_id"].any_of, list(numbers))


async def read_numbered(
    archive: Archive, fields: tuple[str, ...], numbers: Sequence[int], newest: Newest
) -> list[asyncpg.Record]:
    """The rows of some numbers in their order, at a server that has come to the newest batch."""
    found = Search(
        clauses=(numbered(numbers),), sort=BY_NUMBER, limit=max(1, len(numbers)), fields=fields
    )
    shape, values = shape_of(found)
    rows = await archive.fetch(page_statement(shape), **values | {"as_of": newest.batch})
    return [row for row in rows if row["lco_id"] is not None]
