"""A search -> its rows, their number: what it costs, which statement, and its values."""

from dataclasses import replace
from typing import Any

import asyncpg

from app.alerts.archive import Archive
from app.alerts.costs import Cost, cost_of, cost_of_all
from app.alerts.search_sql import (
    Shape,
    count_statement,
    explain_statement,
    glance_statement,
    page_statement,
)
from app.search.regions import MAX_RADIUS
from app.search.search import DEFAULT_SORT, Search
from app.search.selection import columns_of


def _asked(
    search: Search, more: tuple[str, ...] = (), skip: int = 0
) -> tuple[Shape, dict[str, Any]]:
    """What decides a search's statement, and the values of its parameters."""
    cursor = search.cursor
    shape = Shape(
        vocabulary=search.vocabulary,
        limit=search.limit,
        sort=search.sort,
        cone=search.cone is not None,
        filters=tuple(clause.filter for clause in search.clauses),
        after="" if cursor is None else "null" if cursor.value is None else "value",
        as_of=search.as_of is not None,
        wide=search.cone is not None and search.cone.radius > MAX_RADIUS,
        skip=skip > 0,
        more=more,
        columns=columns_of(search.fields, search.vocabulary),
        polygon=search.polygon is not None,
        back=cursor is not None and cursor.back,
    )
    values: dict[str, Any] = {f"value{n}": clause.value for n, clause in enumerate(search.clauses)}
    values |= search.cone._asdict() if search.cone else {}
    values |= search.polygon._asdict() if search.polygon else {}
    if cursor is not None:
        values |= {"after": cursor.value, "after_id": cursor.id}
    return shape, values | {"as_of": search.as_of, "skip": skip}


async def find_alerts(
    archive: Archive, search: Search, more: tuple[str, ...] = (), skip: int = 0
) -> tuple[int, list[asyncpg.Record]]:
    """The newest batch, and the page with one row more where there is one.

    `more` are columns in front of those of a whole alert; `skip` rows are left out at the start.
    """
    shape, values = _asked(search, more, skip)
    cost = cost_of(search, skip)
    if cost is Cost.OPEN and not archive.costly:
        rows = await archive.fetch(glance_statement(shape), **values)
        if rows[0]["whole"] or len(rows) > search.limit:
            return _newest_and_page(rows, search.vocabulary.survey.key)
    statement = page_statement(shape)._replace(costly=cost is not Cost.LITTLE)
    rows = await archive.fetch(statement, **values)
    return _newest_and_page(rows, search.vocabulary.survey.key)


def _newest_and_page(rows: list[asyncpg.Record], key: str) -> tuple[int, list[asyncpg.Record]]:
    return rows[0]["newest"], [row for row in rows if row[key] is not None]


async def count_alerts(archive: Archive, search: Search, most: int = 2**62) -> int:
    """How many alerts match; the count ends at one more than `most`."""
    shape, values = _asked(replace(search, sort=DEFAULT_SORT, cursor=None, limit=most))
    statement = count_statement(shape)._replace(costly=cost_of_all(search) is not Cost.LITTLE)
    return int((await archive.fetch(statement, **values))[0][0])


async def estimate_count(archive: Archive, search: Search) -> int:
    """How many alerts the planner expects to match. It knows nothing of cones."""
    shape, values = _asked(replace(search, sort=DEFAULT_SORT, cursor=None, limit=1))
    ((plans,),) = await archive.fetch(explain_statement(shape), **values)
    return int(plans[0]["Plan"]["Plan Rows"])
