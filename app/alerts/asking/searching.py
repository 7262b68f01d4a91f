"""A search -> its rows, their number: by which way, which statement, and its values."""

import logging
from dataclasses import replace

import asyncpg

from app.alerts.access.archive import Archive
from app.alerts.asking.by_columns import count_by_columns, find_by_columns, readable_for
from app.alerts.sql.costs import Cost, cost_of, cost_of_all
from app.alerts.sql.search_sql import (
    count_statement,
    explain_statement,
    glance_statement,
    page_statement,
)
from app.alerts.sql.shapes import shape_of
from app.errors import ColumnsUnavailable
from app.search.search import DEFAULT_SORT, Search
from app.search.windows import check_sort

log = logging.getLogger(__name__)


def check_order(archive: Archive, search: Search) -> None:
    """Raise BadParameters for an order that nothing can give: see windows.check_sort."""
    if readable_for(archive, search) is None:
        check_sort(search)


async def find_alerts(
    archive: Archive, search: Search, more: tuple[str, ...] = (), skip: int = 0
) -> tuple[int, list[asyncpg.Record]]:
    """The newest batch, and the page with one row more where there is one.

    `more` are columns in front of those of a whole alert; `skip` rows are left out at the start.
    """
    shape, values = shape_of(search, more, skip)
    cost = cost_of(search, skip)
    if cost is Cost.OPEN and not archive.costly:
        rows = await archive.fetch(glance_statement(shape), **values)
        if rows[0]["whole"] or len(rows) > search.limit:
            return _newest_and_page(rows, search.vocabulary.survey.key)
    copy = None if cost is Cost.LITTLE else readable_for(archive, search)
    # The pages of a long answer follow each other down an index.
    if copy is not None and not (archive.costly and cost is Cost.OPEN):
        try:
            return await find_by_columns(archive, copy, search, more, skip)
        except ColumnsUnavailable as error:
            log.warning("columns did not answer", extra={"error": str(error)})
    check_sort(search)
    statement = page_statement(shape)._replace(costly=cost is not Cost.LITTLE)
    rows = await archive.fetch(statement, **values)
    return _newest_and_page(rows, search.vocabulary.survey.key)


async def is_glanced(archive: Archive, search: Search) -> bool:
    """Whether a glance at the beginning of a walk finds the page, or all there is."""
    shape, values = shape_of(search)
    rows = await archive.fetch(glance_statement(shape), **values)
    return bool(rows[0]["whole"]) or len(rows) > search.limit


def _newest_and_page(rows: list[asyncpg.Record], key: str) -> tuple[int, list[asyncpg.Record]]:
    return rows[0]["newest"], [row for row in rows if row[key] is not None]


async def count_all(archive: Archive, search: Search) -> int:
    """How many alerts match."""
    copy = None if cost_of_all(search) is Cost.LITTLE else readable_for(archive, search)
    if copy is not None:
        try:
            return await count_by_columns(archive, copy, search)
        except ColumnsUnavailable as error:
            log.warning("columns did not count", extra={"error": str(error)})
    return await count_alerts(archive, search)


async def count_alerts(archive: Archive, search: Search, most: int = 2**62) -> int:
    """How many alerts match by PostgreSQL alone; the count ends at one more than `most`."""
    shape, values = shape_of(replace(search, sort=DEFAULT_SORT, cursor=None, limit=most))
    statement = count_statement(shape)._replace(costly=cost_of_all(search) is not Cost.LITTLE)
    return int((await archive.fetch(statement, **values))[0][0])


async def estimate_count(archive: Archive, search: Search) -> int:
    """How many alerts the planner expects to match. It knows nothing of cones."""
    shape, values = shape_of(replace(search, sort=DEFAULT_SORT, cursor=None, limit=1))
    ((plans,),) = await archive.fetch(explain_statement(shape), **values)
    return int(plans[0]["Plan"]["Plan Rows"])
