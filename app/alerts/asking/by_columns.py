"""A search answered by the columnar copy, and by PostgreSQL for what came after it.

The copy finds ids up to its last batch, PostgreSQL those of later batches; put in order together
they are the page, whose rows PostgreSQL then reads by key. So the answer is exact and of now.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import asyncpg

from app import late
from app.alerts.access.archive import Archive
from app.alerts.sql.costs import is_gathered
from app.alerts.sql.search_sql import Shape, count_statement, page_statement
from app.alerts.sql.shapes import shape_of
from app.columns.copy import Readable
from app.columns.question import Question
from app.columns.region import PIXEL
from app.columns.scan_sql import can_scan, count_matches, find_keys, key_columns
from app.search.filters import Clause
from app.search.search import DEFAULT_SORT, MAX_LIMIT, Search
from archive.surveys import SURVEYS

if TYPE_CHECKING:
    import pyarrow as pa

_LAST = 2**62
"""Greater than the number of any batch."""


class Newer(NamedTuple):
    """What PostgreSQL holds beyond the copy."""

    newest: int
    """The last batch of all."""
    keys: "pa.Table | None"
    """key_columns of it, in order; None where it is nothing. A tenth of what records take."""


def readable_for(archive: Archive, search: Search) -> Readable | None:
    """The copy, if there is one and a scan of it is the best way to this search's alerts."""
    copy = archive.columns.readable if archive.columns else None
    if copy is None or search.vocabulary.survey is not SURVEYS[0]:
        return None
    named = {name for clause in search.clauses for name in clause.filter.field.columns}
    placed = {PIXEL} if search.region_id else set()
    there = {*named, search.sort.column, *placed} <= copy.columns
    return copy if there and can_scan(search) and not is_gathered(search) else None


async def find_by_columns(
    archive: Archive, copy: Readable, search: Search, more: tuple[str, ...] = (), skip: int = 0
) -> tuple[int, list[asyncpg.Record]]:
    """As searching.find_alerts. Raises what Archive.scan and Archive.fetch raise."""
    newer = await find_newer(archive, copy, search, skip)
    ids = [id_ for (id_,) in await archive.scan(keys_question(copy, search, newer, skip))]
    return newer.newest, await read_rows(archive, search, ids, more, as_of=newer.newest)


def keys_question(copy: Readable, search: Search, newer: Newer, skip: int = 0) -> Question:
    """The ids of a page and one more, of the copy and of what came after it."""
    return find_keys(
        search,
        copy,
        as_of=min(copy.as_of, _seen(search, newer.newest)),
        skip=skip,
        found=newer.keys,
    )


async def count_by_columns(archive: Archive, copy: Readable, search: Search) -> int:
    """How many alerts match. Raises what Archive.scan and Archive.fetch raise."""
    shape, values = _newer_of(copy, replace(search, sort=DEFAULT_SORT, cursor=None, limit=_LAST))
    newer = await archive.fetch(count_statement(shape), **values)
    as_of = min(copy.as_of, _seen(search, _LAST))
    ((older,),) = await archive.scan(count_matches(search, copy, as_of=as_of))
    return int(newer[0][0]) + int(older)


def _seen(search: Search, newest: int) -> int:
    return newest if search.as_of is None else min(search.as_of, newest)


def _newer_of(copy: Readable, search: Search) -> tuple[Shape, dict[str, Any]]:
    """The same search of the batches after the copy's last one."""
    shape, values = shape_of(replace(search, as_of=None))
    until = _LAST if search.as_of is None else search.as_of
    values |= {"since": copy.as_of, "until": until}
    # Read by a server that has come to the batch which the answer is to be of.
    return shape._replace(new=True), values | {"as_of": search.as_of}


async def find_newer(archive: Archive, copy: Readable, search: Search, skip: int) -> Newer:
    """The newest batch, and as many keys of later batches as may come into the page."""
    keys = replace(search, fields=key_columns(search), limit=search.limit + skip)
    shape, values = _newer_of(copy, keys)
    rows = await archive.fetch(page_statement(shape), **values)
    # Where nothing is found, one row tells of the newest batch.
    if rows[0][search.vocabulary.survey.key] is None:
        return Newer(rows[0]["newest"], None)
    if len(rows) <= MAX_LIMIT:
        return Newer(rows[0]["newest"], _table_of(rows, keys.fields))
    # A night's 300,000 would keep all others waiting for 0.1 s.
    return Newer(rows[0]["newest"], await asyncio.to_thread(_table_of, rows, keys.fields))


def _table_of(rows: Sequence[asyncpg.Record], names: Sequence[str]) -> "pa.Table":
    return late.arrow.table({name: [row[name] for row in rows] for name in names})


async def read_rows(
    archive: Archive,
    search: Search,
    ids: Sequence[int],
    more: tuple[str, ...] = (),
    *,
    as_of: int,
) -> list[asyncpg.Record]:
    """The rows of some ids, in the order of the search, at a server that has come to a batch."""
    if not ids:
        return []
    by_id = search.vocabulary.filters[search.vocabulary.survey.key].any_of
    found = Search(
        vocabulary=search.vocabulary,
        clauses=(Clause(by_id, list(ids)),),
        sort=search.sort,
        limit=search.limit,
        fields=search.fields,
    )
    shape, values = shape_of(found, more)
    back = search.cursor is not None and search.cursor.back
    values["as_of"] = as_of
    return await archive.fetch(page_statement(shape._replace(back=back)), **values)
