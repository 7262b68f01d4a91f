"""The statement of a search: which alerts match, in which order, from where on.

Statements are built with SQLAlchemy Core, once for each shape of search, and their text is then run
on the driver's own connection: Core costs 0.4 ms an execution and 1 ms for 100 rows beyond the
driver, a third of what a page takes (measured on asyncpg 0.32, SQLAlchemy 2.1).
"""

from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    CTE,
    BigInteger,
    BindParameter,
    ColumnElement,
    Select,
    bindparam,
    func,
    literal_column,
    select,
    true,
)

from app.alerts.covering import ASKED, COVERED, exact_tests, select_in_region
from app.alerts.ordering import is_beyond, order_of
from app.alerts.statements import Statement, compile_statement
from app.search.filters import Filter
from app.search.search import Sort
from archive.columns import Kind
from archive.surveys.ztf.columns import CANDIDATE
from archive.surveys.ztf.tables import STAMPS, alert
from archive.tables import counter

# The columns of an alert's answer, REAL ones last: items.py prints those as float32.
_FIRST: Final = (
    "candid",
    "object_id",
    "batch",
    "jd",
    "filter",
    "ra",
    "dec",
    "l",
    "b",
    "isdiffpos",
    "deltamaglatest",
    "deltamagref",
)
REALS: Final = tuple(c.name for c in CANDIDATE if c.kind is Kind.REAL)
PLAIN: Final = (
    *_FIRST,
    *(c.name for c in CANDIDATE if c.kind is not Kind.REAL and c.name not in _FIRST),
)
KEPT: Final = ("packet", *STAMPS)
"""Parts of a packet whose bytes may be there: after PLAIN come booleans, one for each."""
ANSWERED: Final = (
    *(alert.c[name] for name in PLAIN),
    *(alert.c[f"{part}_offset"].is_not(None).label(f"has_{part}") for part in KEPT),
    *(alert.c[name] for name in REALS),
)
READ: Final[dict[str, ColumnElement[Any]]] = {
    c.name: c for c in (*alert.c, *ANSWERED[len(PLAIN) : len(PLAIN) + len(KEPT)])
}
LEGACY: Final = ("lco_id", "publisher", "sentinels")
"""What MARS's answers, and its orders, need beside ANSWERED; it stands before that."""


class Shape(NamedTuple):
    """What decides the text of a search's statement; values are its parameters."""

    cone: bool
    filters: tuple[Filter, ...]
    sort: Sort
    after: str
    """Where the page begins: "" at the start, "value" after a value, "null" among the nulls."""
    as_of: bool
    limit: int
    wide: bool = False
    """Whether the cone holds so much of the sky that it is no way to its alerts."""
    skip: bool = False
    """Whether `skip` rows are left out at the start."""
    more: tuple[str, ...] = ()
    """Columns in front of ANSWERED."""
    columns: tuple[str, ...] = ()
    """What to read in place of ANSWERED, by name."""
    polygon: bool = False
    back: bool = False
    """Whether the page is the one before, its rows in reverse."""


_SKIP: Final[BindParameter[int]] = bindparam("skip", type_=BigInteger())


def _columns(shape: Shape) -> tuple[ColumnElement[Any], ...]:
    """What is answered, behind what else is asked for and the sort column if it is not there."""
    if shape.columns:
        names = (shape.sort.column, "candid", *shape.columns)
        return tuple(READ[name] for name in dict.fromkeys(names))
    answered = {*shape.more, *PLAIN, *REALS}
    first = (shape.sort.column,) if shape.sort.column not in answered else ()
    return (*(alert.c[name] for name in (*first, *shape.more)), *ANSWERED)


def _page(shape: Shape) -> Select[Any]:
    """The rows of one page: from cone or polygon, a narrow filter's index, or the whole table.

    The first two pick candid and jd into a materialized CTE, put them in order and fetch each row
    by its key until the page is full, so no estimate turns the plan into a walk of the time index.
    """
    region = shape.cone or shape.polygon
    circle = ASKED if shape.cone else None
    inside = exact_tests(alert.c, circle, shape.polygon)
    named = [(wanted, f"value{n}") for n, wanted in enumerate(shape.filters)]
    batch = [alert.c.batch <= bindparam("as_of", type_=BigInteger())] if shape.as_of else []
    narrow = [pair for pair in named if pair[0].narrow]
    if not narrow and (shape.wide or not region):
        return _walked([*batch, *(wanted.sql(key) for wanted, key in named), *inside], shape)
    covered = [pair for pair in named if set(pair[0].field.columns) <= set(COVERED)]
    early = narrow or covered
    clauses = [*batch, *(wanted.sql(key) for wanted, key in early)]
    if narrow:
        picked = select(alert.c.candid, alert.c.jd).where(*clauses, *inside)
    else:
        picked = select_in_region(clauses, circle, shape.polygon)
    late = [wanted.sql(key) for wanted, key in named if (wanted, key) not in early]
    return _fetched(picked.cte("picked").prefix_with("MATERIALIZED"), late, shape)


def _walked(where: list[ColumnElement[bool]], shape: Shape) -> Select[Any]:
    """The rows of the whole table that pass; those to skip are skipped as keys, by the index."""
    order = order_of(alert.c, shape.sort, shape.back)
    if shape.after:
        where.append(is_beyond(alert.c, shape.sort, shape.after, shape.back))
    if not shape.skip:
        return select(*_columns(shape)).where(*where).order_by(*order)
    kept: ColumnElement[int] = literal_column(str(shape.limit + 1))
    found = select(alert.c.candid).where(*where).order_by(*order).offset(_SKIP).limit(kept)
    keys = found.subquery("keys")
    rows = alert.join(keys, alert.c.candid == keys.c.candid)
    return select(*_columns(shape)).select_from(rows).order_by(*order)


GLANCE: Final = 2000
"""Alerts at the beginning of a walk that are looked at first: 2 ms."""


def _glanced(shape: Shape) -> tuple[Select[Any], ColumnElement[bool]]:
    """The rows among the first GLANCE of a walk that pass, and whether these are all there are.

    Bounds on the sort column are part of the walk. Its keys are read from the index, materialized:
    with a rare filter beside them the planner would leave the index and scan the table.
    """
    named = [(wanted, f"value{n}") for n, wanted in enumerate(shape.filters)]
    bounds = [pair for pair in named if pair[0].field.columns == (shape.sort.column,)]
    walk = [wanted.sql(key) for wanted, key in bounds]
    if shape.after:
        walk.append(is_beyond(alert.c, shape.sort, shape.after, shape.back))
    late = [wanted.sql(key) for wanted, key in named if (wanted, key) not in bounds]
    late += [alert.c.batch <= bindparam("as_of", type_=BigInteger())] if shape.as_of else []
    late += exact_tests(alert.c, ASKED if shape.cone else None, polygon=False)
    names = dict.fromkeys(("candid", "jd", shape.sort.column))
    some = select(*(alert.c[name] for name in names)).where(*walk)
    some = some.order_by(*order_of(alert.c, shape.sort, shape.back))
    keys = some.limit(literal_column(str(GLANCE))).cte("keys").prefix_with("MATERIALIZED")
    seen = select(func.count()).select_from(keys).scalar_subquery()
    return _fetched(keys, late, shape), seen < literal_column(str(GLANCE))


def _fetched(picked: CTE, late: list[ColumnElement[bool]], shape: Shape) -> Select[Any]:
    """The rows of picked candids, those that pass the late filters, in order."""
    by_key = shape.sort.column in picked.c
    ordered = select(picked)
    if by_key:
        if shape.after:
            ordered = ordered.where(is_beyond(picked.c, shape.sort, shape.after, shape.back))
        ordered = ordered.order_by(*order_of(picked.c, shape.sort, shape.back))
    by_index = shape.skip and by_key and not late
    if by_index:
        ordered = ordered.offset(_SKIP)
    keys = ordered.subquery("ordered")
    where = [alert.c.candid == keys.c.candid, *late]
    if shape.after and not by_key:
        where.append(is_beyond(alert.c, shape.sort, shape.after, shape.back))
    row = select(*_columns(shape)).where(*where).limit(literal_column("1")).lateral("row")
    order = order_of(keys.c if by_key else row.c, shape.sort, shape.back)
    rows = select(row).select_from(keys.join(row, true())).order_by(*order)
    return rows.offset(_SKIP) if shape.skip and not by_index else rows


@lru_cache(maxsize=512)
def page_statement(shape: Shape) -> Statement:
    """A page and one row more, the newest batch in front of each; one empty row if none match."""
    return _newest_beside(_page(shape), shape)


@lru_cache(maxsize=512)
def glance_statement(shape: Shape) -> Statement:
    """The same of the first GLANCE alerts of a walk; `whole` says if they are all of it."""
    page, whole = _glanced(shape)
    return _newest_beside(page, shape, whole.label("whole"))


def _newest_beside(rows: Select[Any], shape: Shape, *more: ColumnElement[Any]) -> Statement:
    page = rows.limit(literal_column(str(shape.limit + 1))).subquery("page")
    # The join keeps the page's order only by custom, so it is put in order again.
    page_or_none = (
        select(counter.c.batch.label("newest"), *more, *page.c)
        .select_from(counter.join(page, true(), isouter=True))
        .order_by(*order_of(page.c, shape.sort, shape.back))
    )
    return compile_statement(page_or_none)


@lru_cache(maxsize=512)
def count_statement(shape: Shape) -> Statement:
    """How many alerts match; one that is counted up to the limit and no further."""
    some = _page(shape).order_by(None).limit(literal_column(str(shape.limit + 1))).subquery("some")
    return compile_statement(select(func.count()).select_from(some))


@lru_cache(maxsize=512)
def explain_statement(shape: Shape) -> Statement:
    """What the planner expects of all that match, as JSON."""
    rows = compile_statement(_page(shape).order_by(None))
    return rows._replace(sql=f"EXPLAIN (FORMAT JSON) {rows.sql}")
