"""A stretch of alerts held against many searches at once, which is read once for all of them.

One pass tells of each alert which searches it passes, as an array. One SELECT a search, joined by
UNION ALL, finds the same in two to ten times the time: the fewer alerts, the more.
"""

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import asyncpg
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Double,
    Integer,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import array

from app.alerts.access.archive import Archive
from app.alerts.asking.numbers import Newest
from app.alerts.sql.region_sql import Circle, exact_tests, is_within_polygon
from app.alerts.sql.search_sql import GLANCE
from app.alerts.sql.statements import Statement, compile_statement
from app.errors import DATABASE_ERRORS, QueryTooCostly
from app.search.filters import Filter
from app.search.search import Search
from archive.database import is_passing
from archive.surveys.ztf.tables import alert

MAX_TEXT: Final = 15_000
"""Characters of a statement: a longer one asyncpg prepares anew each time, 1024 × 15 bytes."""
BLAME_S: Final = 8.0
"""Time for finding which of many searches is to blame; after it all that are left are."""
_SINCE, _UNTIL = (bindparam(name, type_=BigInteger()) for name in ("since", "until"))


class Sieved(NamedTuple):
    """What came of a stretch."""

    reached: int
    """The number up to which all has been looked at."""
    found: list[list[asyncpg.Record] | Exception]
    """Of each search the alerts that pass, as `lco_id`, `ra`, `dec`; or why it cannot be told."""


class Conditions(NamedTuple):
    """What decides the text of a search's conditions; values are its parameters."""

    filters: tuple[Filter, ...]
    cone: bool
    polygon: bool
    region: bool

    @property
    def columns(self) -> set[str]:
        return {name for one in self.filters for name in one.field.columns}


async def sieve(
    archive: Archive,
    searches: Sequence[Search],
    since: int,
    newest: Newest,
    *,
    blame_s: float = BLAME_S,
) -> Sieved:
    """Hold the next GLANCE alerts after a number, up to the newest, against searches.

    A search that fails alone fails alone. At most one region may be among them. Raises
    QueryTooCostly or one of DATABASE_ERRORS where the alerts cannot be read at all.
    """
    until = time.monotonic() + blame_s
    conditions = tuple(map(_conditions_of, searches))
    statement = sieve_statement(conditions)
    if len(searches) > 1 and len(statement.sql) > MAX_TEXT:
        return await _sieve_halves(archive, searches, since, newest, until)
    values = {"since": since, "until": newest.number, "as_of": newest.batch}
    for n, search in enumerate(searches):
        values |= _values_of(search, n)
    try:
        rows = await archive.fetch(statement, **values)
    except (QueryTooCostly, *DATABASE_ERRORS) as error:
        if not searches or not (isinstance(error, QueryTooCostly) or not is_passing(error)):
            raise
        # Where the alerts alone cannot be read either, no search is to blame.
        alone = await sieve(archive, (), since, newest)
        if len(searches) == 1 or time.monotonic() > until:
            return Sieved(alone.reached, [error] * len(searches))
        return await _sieve_halves(archive, searches, since, newest, until)
    # Behind the last alert may be numbers that were given and not used.
    reached = newest.number if len(rows) < GLANCE else max(row["lco_id"] for row in rows)
    found: list[list[asyncpg.Record] | Exception] = [
        [] if any(one) else list(rows) for one in conditions
    ]
    for row in rows:
        for n in row["passed"]:
            passed = found[n]
            assert isinstance(passed, list)
            passed.append(row)
    return Sieved(reached, found)


async def _sieve_halves(
    archive: Archive, searches: Sequence[Search], since: int, newest: Newest, until: float
) -> Sieved:
    """The same of the one half and the other: both see the same alerts, up to the newest."""
    middle, found = len(searches) // 2, list[list[asyncpg.Record] | Exception]()
    for half in (searches[:middle], searches[middle:]):
        blame_s = until - time.monotonic()
        sieved = await sieve(archive, half, since, newest, blame_s=blame_s)
        found += sieved.found
    return Sieved(sieved.reached, found)


def _conditions_of(search: Search) -> Conditions:
    # One that nobody has looked up would be no limit.
    assert (search.region is not None) == bool(search.region_id)
    return Conditions(
        filters=tuple(clause.filter for clause in search.clauses),
        cone=search.cone is not None,
        polygon=search.polygon is not None,
        region=search.region is not None,
    )


def _values_of(search: Search, n: int) -> dict[str, Any]:
    """The parameters of the n-th search."""
    values: dict[str, Any] = {
        f"value{n}_{m}": clause.value for m, clause in enumerate(search.clauses)
    }
    values |= {f"{k}{n}": v for k, v in search.cone._asdict().items()} if search.cone else {}
    values |= {f"vertices{n}": search.polygon.vertices} if search.polygon else {}
    return values | ({"cells": search.region.cells} if search.region else {})


@lru_cache(maxsize=128)
def sieve_statement(searches: tuple[Conditions, ...]) -> Statement:
    """The alerts of a stretch, each with the places of the searches that it passes."""
    names = {"lco_id", "ra", "dec"}.union(*(one.columns for one in searches))
    stretch = (
        select(*(alert.c[name] for name in sorted(names)))
        .where(alert.c.lco_id > _SINCE, alert.c.lco_id <= _UNTIL)
        .order_by(alert.c.lco_id)
        .limit(literal_column(str(GLANCE)))
        .subquery("stretch")
    )
    places: list[ColumnElement[Any]] = [
        case((and_(*_tests(stretch.c, one, n)), literal_column(str(n), Integer())))
        for n, one in enumerate(searches)
        if any(one)
    ]
    passed = func.array_remove(cast(array(places), ARRAY(Integer())), null()).label("passed")
    return compile_statement(select(stretch.c.lco_id, stretch.c.ra, stretch.c.dec, passed))


def _tests(columns: Any, search: Conditions, n: int) -> list[ColumnElement[bool]]:
    """The conditions of the n-th search, whose parameters bear its number."""
    axes: list[Any] = [bindparam(f"{name}{n}", type_=Double()) for name in Circle._fields]
    circle = Circle(*axes) if search.cone else None
    tests = [one.sql(columns, f"value{n}_{m}") for m, one in enumerate(search.filters)]
    if search.polygon:
        tests.append(is_within_polygon(columns, bindparam(f"vertices{n}", type_=ARRAY(Double()))))
    return [*tests, *exact_tests(columns, circle, polygon=False, region=search.region)]
