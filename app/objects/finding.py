"""Objects: which have an alert in a cone or are a body's, which are at one place, and their sums.

An object is its alerts: everything is computed from them on request, up to a batch. Floats are
added in the order of candids, so the same request gives the same answer, digit for digit.
"""

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import asyncpg
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Double,
    FromClause,
    Select,
    Text,
    any_,
    bindparam,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.sql.elements import Grouping

from app.alerts.access.archive import Archive
from app.alerts.sql.costs import Cost, cost_of_all
from app.alerts.sql.region_sql import ASKED, exact_tests, select_in_region, unit_vector_of
from app.alerts.sql.statements import Statement, compile_statement
from app.errors import NotFound, no_object
from app.objects.summaries import Item, object_items
from app.search.regions import Cone
from app.search.search import MAX_LIMIT, Search, Sort
from app.search.sphere import separation_arcsec
from app.surveys.ztf.wording import SAME_OBJECT_ARCSEC
from archive.surveys.ztf import ZTF
from archive.surveys.ztf.tables import alert
from archive.tables import counter

BY_NAME: Final = Sort("object_id", descending=False)
FEW_SUMMED: Final = 100
"""Up to this many objects, one page, are read without waiting at the gate."""
_REACH_DEG: Final = 3 * SAME_OBJECT_ARCSEC / 3600
"""No alert of an object with its mean within SAME_OBJECT_ARCSEC is farther: they span 3 arcsec."""

_AS_OF: Final = bindparam("as_of", type_=BigInteger())


def read_object_id(text: str) -> str:
    """The object id in a path. Raises NotFound for text that PostgreSQL cannot hold."""
    if "\0" in text:
        raise NotFound("no such object: no name contains a NUL character")
    return text


# -------------------------------------------------------------------------------------------------
# Which objects
# -------------------------------------------------------------------------------------------------


ANY_ALERT: Final = compile_statement(
    select(alert.c.candid)
    .where(alert.c.object_id == bindparam("object_id", type_=Text()), alert.c.batch <= _AS_OF)
    .limit(literal_column("1"))
)
"""An alert of an object, whichever the index alert_object leads to first."""


async def check_object(archive: Archive, object_id: str, as_of: int) -> None:
    """Raise NotFound for an object without an alert up to that batch."""
    if not await archive.fetch(ANY_ALERT, object_id=object_id, as_of=as_of):
        raise no_object(object_id)


def _named(cone: bool, batch: Sequence[ColumnElement[bool]]) -> FromClause:
    """object_id and candid of a body's alerts, by the index alert_body."""
    body = alert.c.ssnamenr == any_(bindparam("names", type_=ARRAY(Text())))
    near = exact_tests(alert.c, ASKED, polygon=False, region=False) if cone else []
    picked = select(alert.c.object_id, alert.c.candid).where(body, *batch, *near)
    return picked.cte("named").prefix_with("MATERIALIZED")


def _around(batch: Sequence[ColumnElement[bool]]) -> FromClause:
    """object_id and candid of the alerts in a cone; each row is fetched by its key."""
    picked = select_in_region(ZTF, batch, ASKED).cte("picked").prefix_with("MATERIALIZED")
    row = select(alert.c.object_id, alert.c.candid).where(alert.c.candid == picked.c.candid)
    one = row.limit(literal_column("1")).lateral("row")
    return select(one).select_from(picked.join(one, true())).subquery("around")


@lru_cache(maxsize=64)
def _listing(cone: bool, body: bool, side: str, as_of: bool, limit: int) -> Statement:
    """A page of names and one more, before each the newest batch; one empty row for no name.

    `side` is that of the cursor on which the names lie, the nearest first: "after", "before" or "".
    """
    batch = [alert.c.batch <= _AS_OF] if as_of else []
    found = _named(cone, batch) if body else _around(batch)
    name = found.c.object_id
    edge, back = bindparam("after", type_=Text()), side == "before"
    beyond = [name < edge if back else name > edge] if side else []
    page = (
        select(name, func.min(found.c.candid).label("candid"))
        .where(*beyond)
        .group_by(name)
        .order_by(name.desc() if back else name)
        .limit(literal_column(str(limit + 1)))
        .subquery("page")
    )
    rows = select(counter.c.batch.label("newest"), *page.c)
    joined = counter.join(page, true(), isouter=True)
    order = page.c.object_id.desc() if back else page.c.object_id
    return compile_statement(rows.select_from(joined).order_by(order))


async def list_names(archive: Archive, search: Search) -> tuple[int, list[asyncpg.Record]]:
    """The newest batch, and a page of object_id with one more, by name (backwards if asked so).

    Only these parts of the search count: cone, the body named by its only clause, limit, cursor
    and as_of.
    """
    bodies = [named for clause in search.clauses for named in clause.values]
    cursor = search.cursor
    side = "" if cursor is None else "before" if cursor.back else "after"
    shape = (search.cone is not None, bool(bodies), side)
    values: dict[str, Any] = search.cone._asdict() if search.cone else {}
    values |= {"as_of": search.as_of, "after": cursor.value if cursor else None}
    values["names"] = bodies
    statement = _listing(*shape, search.as_of is not None, search.limit)
    statement = statement._replace(costly=cost_of_all(search) is not Cost.LITTLE)
    rows = await archive.fetch(statement, **values)
    return rows[0]["newest"], [row for row in rows if row["object_id"] is not None]


async def join_nearby(archive: Archive, object_id: str, as_of: int) -> list[str]:
    """The object and those whose mean position is within 1.5 arcsec of its own, by name.

    The relation is symmetric but not transitive: of three objects in a row the outer two may be
    farther apart.
    Raises NotFound.
    """
    own = await read_summary(archive, object_id, as_of)
    place = own["ra"], own["dec"]
    cone = Cone(*place, _REACH_DEG)
    search = Search(cone=cone, sort=BY_NAME, limit=MAX_LIMIT, as_of=as_of)
    _, rows = await list_names(archive, search)
    near = await read_summaries(archive, [row["object_id"] for row in rows], as_of)
    names = {
        other["object_id"]
        for other in near
        if separation_arcsec(place, (other["ra"], other["dec"])) < SAME_OBJECT_ARCSEC
    }
    return sorted(names | {object_id})


# -------------------------------------------------------------------------------------------------
# What their alerts say
# -------------------------------------------------------------------------------------------------


def _number(text: str) -> ColumnElement[float]:
    return literal_column(text, Double())


def _per_object(own: FromClause) -> FromClause:
    """Each object's mean direction as unit vector, and the mean square of angles [rad²] from it."""
    in_order = {axis: aggregate_order_by(own.c[axis], own.c.candid) for axis in "xyz"}
    added = [func.sum(one, type_=Double()).label(axis) for axis, one in in_order.items()]
    sums = select(own.c.object_id, *added).group_by(own.c.object_id).subquery("sums")
    # Never zero: two opposite alerts have no mean direction, so any answer will do.
    whole = _length([sums.c[axis] for axis in "xyz"])
    length: ColumnElement[float] = func.greatest(whole, _number("1e-300"), type_=Double())
    axes = [(sums.c[axis] / length).label(axis) for axis in "xyz"]
    mean = select(sums.c.object_id, *axes).cte("mean").prefix_with("MATERIALIZED")
    half = _length([own.c[axis] - mean.c[axis] for axis in "xyz"]) / _number("2")
    angle = _number("2") * func.asin(func.least(_number("1"), half), type_=Double())
    square = func.avg(aggregate_order_by(func.power(angle, _number("2")), own.c.candid)).label(
        "square"
    )
    joined = select(mean, square).join(own, own.c.object_id == mean.c.object_id)
    return joined.group_by(*mean.c).subquery("place")


def _length(axes: Sequence[ColumnElement[float]]) -> ColumnElement[float]:
    x, y, z = axes
    return func.sqrt(x * x + y * y + z * z, type_=Double())


def _summary() -> Select[Any]:
    """A row for each object and filter, with the object's position beside each."""
    names = ("object_id", "candid", "jd", "filter", "magpsf", "isdiffpos")
    asked = alert.c.object_id == any_(bindparam("object_ids", type_=ARRAY(Text())))
    columns = [
        *(alert.c[n] for n in names),
        *(a.label(n) for n, a in unit_vector_of(alert.c).items()),
    ]
    alerts = select(*columns).where(asked, alert.c.batch <= _AS_OF)
    own = alerts.cte("own").prefix_with("MATERIALIZED")
    place = _per_object(own)
    # An alert fainter than the reference does not measure the object's brightness.
    brighter = own.c.isdiffpos & own.c.magpsf.is_not(None)
    in_order = aggregate_order_by(own.c.candid, own.c.magpsf, own.c.candid)
    brightest = Grouping(func.array_agg(in_order).filter(brighter))[literal_column("1")]
    return (
        select(
            own.c.object_id,
            own.c.filter,
            func.count().label("alerts"),
            func.min(own.c.jd).label("first_jd"),
            func.max(own.c.jd).label("last_jd"),
            brightest.label("brightest_candid"),
            func.min(own.c.magpsf).filter(brighter).label("brightest_magpsf"),
            *(place.c[name] for name in ("x", "y", "z", "square")),
        )
        .join(place, place.c.object_id == own.c.object_id)
        .group_by(own.c.object_id, own.c.filter, *place.c)
        .order_by(own.c.object_id, own.c.filter)
    )


_SUMMARY: Final = compile_statement(_summary())


async def read_summaries(archive: Archive, object_ids: Sequence[str], as_of: int) -> list[Item]:
    """A summary of each object, over all its alerts up to a batch; by name."""
    statement = _SUMMARY._replace(costly=len(object_ids) > FEW_SUMMED)
    rows = await archive.fetch(statement, object_ids=list(object_ids), as_of=as_of)
    # For one page this is faster than starting a thread.
    many = len(object_ids) > FEW_SUMMED
    return await asyncio.to_thread(object_items, rows) if many else object_items(rows)


async def read_summary(archive: Archive, object_id: str, as_of: int) -> Item:
    """The summary of one object. Raises NotFound if it has no alert up to that batch."""
    found = await read_summaries(archive, [object_id], as_of)
    if not found:
        raise no_object(object_id)
    return found[0]
