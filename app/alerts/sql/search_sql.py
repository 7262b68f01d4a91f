"""The statement of a search: which alerts match, in which order, from where on.

Statements are built with SQLAlchemy Core, once for each shape of search, and their text is then run
on the driver's own connection: Core costs 0.4 ms an execution and 1 ms for 100 rows beyond the
driver, a third of what a page takes (measured on asyncpg 0.32, SQLAlchemy 2.1).
"""

from collections.abc import Mapping
from functools import cache, lru_cache
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
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.sql.elements import Grouping

from app.alerts.sql.order_sql import is_beyond, order_of
from app.alerts.sql.region_sql import ASKED, covered_columns, exact_tests, select_in_region
from app.alerts.sql.statements import Statement, compile_statement
from app.search.filters import Filter
from app.search.search import Sort
from app.search.vocabulary import Vocabulary
from archive.columns import Kind
from archive.tables import counter

LEGACY: Final = ("lco_id", "publisher", "sentinels")
"""What MARS's answers, and its orders, need beside an alert's columns; it stands before them."""


class Answered(NamedTuple):
    """The columns of an alert's answer: `plain`, whether the bytes of `kept` are there, `reals`."""

    plain: tuple[str, ...]
    kept: tuple[str, ...]
    """Parts of a packet; their columns are booleans."""
    reals: tuple[str, ...]
    """REAL ones come last: items.py prints those as float32."""
    columns: tuple[ColumnElement[Any], ...]
    by_name: Mapping[str, ColumnElement[Any]]
    """Everything that can be read of an alert."""


@cache
def answered(vocabulary: Vocabulary) -> Answered:
    """The columns from which whole alerts of a survey are made."""
    survey = vocabulary.survey
    columns = survey.columns
    names = [n for n in vocabulary.keys if n in survey.alert.c]
    reals = tuple(n for n in names if columns[n].kind is Kind.REAL)
    plain = tuple(n for n in names if n not in reals)
    kept = ("packet", *survey.stamps)
    has = tuple(survey.alert.c[f"{p}_offset"].is_not(None).label(f"has_{p}") for p in kept)
    read = (*(survey.alert.c[n] for n in plain), *has, *(survey.alert.c[n] for n in reals))
    return Answered(plain, kept, reals, read, {c.name: c for c in (*survey.alert.c, *has)})


class Shape(NamedTuple):
    """What decides the text of a search's statement; values are its parameters."""

    vocabulary: Vocabulary
    limit: int
    sort: Sort
    cone: bool = False
    filters: tuple[Filter, ...] = ()
    after: str = ""
    """Where the page begins: "" at the start, "value" after a value, "null" among the nulls."""
    as_of: bool = False
    wide: bool = False
    """Whether cone or region hold so much of the sky that they are no way to their alerts."""
    skip: bool = False
    """Whether `skip` rows are left out at the start."""
    more: tuple[str, ...] = ()
    """Columns in front of those of a whole alert."""
    columns: tuple[str, ...] = ()
    """What to read in place of a whole alert, by name."""
    polygon: bool = False
    region: bool = False
    back: bool = False
    """Whether the page is the one before, its rows in reverse."""
    new: bool = False
    """Whether only alerts of batches after `since`, up to `until`, are looked at: they are few."""


_SKIP: Final[BindParameter[int]] = bindparam("skip", type_=BigInteger())
_SINCE: Final[BindParameter[int]] = bindparam("since", type_=BigInteger())
_UNTIL: Final[BindParameter[int]] = bindparam("until", type_=BigInteger())


def _columns(shape: Shape) -> tuple[ColumnElement[Any], ...]:
    """The columns of an answer; `more` and, if it is missing, the sort column come first."""
    whole, survey = answered(shape.vocabulary), shape.vocabulary.survey
    if shape.columns:
        names = (shape.sort.column, survey.key, *shape.columns)
        return tuple(whole.by_name[name] for name in dict.fromkeys(names))
    there = {*shape.more, *whole.plain, *whole.reals}
    first = (shape.sort.column,) if shape.sort.column not in there else ()
    return (*(survey.alert.c[name] for name in (*first, *shape.more)), *whole.columns)


def _page(shape: Shape) -> Select[Any]:
    """The rows of one page: from a part of the sky, a narrow filter's index, or the whole table.

    The first two pick candid and jd into a materialized CTE, put them in order and fetch each row
    by its key until the page is full, so no estimate turns the plan into a walk of the time index.
    """
    survey, local = shape.vocabulary.survey, shape.cone or shape.polygon or shape.region
    alert = survey.alert
    circle = ASKED if shape.cone else None
    inside = exact_tests(alert.c, circle, shape.polygon, shape.region)
    named = [(wanted, f"value{n}") for n, wanted in enumerate(shape.filters)]
    batch = [alert.c.batch <= bindparam("as_of", type_=BigInteger())] if shape.as_of else []
    if shape.new:
        late = [alert.c.batch > _SINCE, alert.c.batch <= _UNTIL]
        clauses = [*late, *(wanted.sql(alert.c, key) for wanted, key in named), *inside]
        fresh = select(alert.c[survey.key], alert.c.jd).where(*clauses).cte("picked")
        return _fetched(fresh.prefix_with("MATERIALIZED"), [], shape)
    narrow = [pair for pair in named if pair[0].narrow]
    if not narrow and (shape.wide or not local):
        return _walked(
            [*batch, *(wanted.sql(alert.c, key) for wanted, key in named), *inside], shape
        )
    covered = [pair for pair in named if set(pair[0].field.columns) <= set(covered_columns(survey))]
    early = narrow or covered
    clauses = [*batch, *(wanted.sql(alert.c, key) for wanted, key in early)]
    if narrow:
        picked = select(alert.c[survey.key], alert.c.jd).where(*clauses, *inside)
    else:
        picked = select_in_region(
            survey, clauses, circle, polygon=shape.polygon, region=shape.region
        )
    late = [wanted.sql(alert.c, key) for wanted, key in named if (wanted, key) not in early]
    return _fetched(picked.cte("picked").prefix_with("MATERIALIZED"), late, shape)


def _walked(where: list[ColumnElement[bool]], shape: Shape) -> Select[Any]:
    """The rows of the whole table that pass; those to skip are skipped as keys, by the index."""
    survey = shape.vocabulary.survey
    alert, key = survey.alert, survey.key
    order = order_of(shape.vocabulary, alert.c, shape.sort, shape.back)
    if shape.after:
        where.append(is_beyond(shape.vocabulary, alert.c, shape.sort, shape.after, shape.back))
    if not shape.skip:
        return select(*_columns(shape)).where(*where).order_by(*order)
    kept: ColumnElement[int] = literal_column(str(shape.limit + 1))
    found = select(alert.c[key]).where(*where).order_by(*order).offset(_SKIP).limit(kept)
    keys = found.subquery("keys")
    rows = alert.join(keys, alert.c[key] == keys.c[key])
    return select(*_columns(shape)).select_from(rows).order_by(*order)


GLANCE: Final = 2000
"""Alerts at the beginning of a walk that are looked at first: 2 ms."""


def _glanced(shape: Shape) -> tuple[Select[Any], CTE]:
    """The rows among the first GLANCE of a walk that pass, and the keys of all that were looked at.

    Bounds on the sort column are part of the walk. Its keys are read from the index, materialized:
    with a rare filter beside them the planner would leave the index and scan the table.
    """
    alert, key = shape.vocabulary.survey.alert, shape.vocabulary.survey.key
    named = [(wanted, f"value{n}") for n, wanted in enumerate(shape.filters)]
    bounds = [pair for pair in named if pair[0].field.columns == (shape.sort.column,)]
    walk = [wanted.sql(alert.c, value) for wanted, value in bounds]
    if shape.after:
        walk.append(is_beyond(shape.vocabulary, alert.c, shape.sort, shape.after, shape.back))
    late = [wanted.sql(alert.c, value) for wanted, value in named if (wanted, value) not in bounds]
    late += [alert.c.batch <= bindparam("as_of", type_=BigInteger())] if shape.as_of else []
    circle = ASKED if shape.cone else None
    late += exact_tests(alert.c, circle, polygon=shape.polygon, region=shape.region)
    names = dict.fromkeys((key, "jd", shape.sort.column))
    some = select(*(alert.c[name] for name in names)).where(*walk)
    some = some.order_by(*order_of(shape.vocabulary, alert.c, shape.sort, shape.back))
    keys = some.limit(literal_column(str(GLANCE))).cte("keys").prefix_with("MATERIALIZED")
    return _fetched(keys, late, shape), keys


def _fetched(picked: CTE, late: list[ColumnElement[bool]], shape: Shape) -> Select[Any]:
    """The rows of picked candids, those that pass the late filters, in order."""
    alert, key = shape.vocabulary.survey.alert, shape.vocabulary.survey.key
    by_key = shape.sort.column in picked.c
    ordered = select(picked)
    if by_key:
        if shape.after:
            ordered = ordered.where(
                is_beyond(shape.vocabulary, picked.c, shape.sort, shape.after, shape.back)
            )
        ordered = ordered.order_by(*order_of(shape.vocabulary, picked.c, shape.sort, shape.back))
    by_index = shape.skip and by_key and not late
    if by_index:
        ordered = ordered.offset(_SKIP)
    keys = ordered.subquery("ordered")
    where = [alert.c[key] == keys.c[key], *late]
    if shape.after and not by_key:
        where.append(is_beyond(shape.vocabulary, alert.c, shape.sort, shape.after, shape.back))
    row = select(*_columns(shape)).where(*where).limit(literal_column("1")).lateral("row")
    order = order_of(shape.vocabulary, keys.c if by_key else row.c, shape.sort, shape.back)
    rows = select(row).select_from(keys.join(row, true())).order_by(*order)
    return rows.offset(_SKIP) if shape.skip and not by_index else rows


@lru_cache(maxsize=512)
def page_statement(shape: Shape) -> Statement:
    """A page and one row more, the newest batch in front of each; one empty row if none match."""
    return _newest_beside(_page(shape), shape)


@lru_cache(maxsize=512)
def glance_statement(shape: Shape) -> Statement:
    """The same of the first GLANCE alerts of a walk; `whole` says if they are all of it."""
    page, keys = _glanced(shape)
    return _newest_beside(page, shape, _is_whole(keys))


@lru_cache(maxsize=512)
def stretch_statement(shape: Shape) -> Statement:
    """The same; `reached` is how far down the sort column it looked, None if nothing was there."""
    page, keys = _glanced(shape)
    last = select(func.max(keys.c[shape.sort.column])).select_from(keys).scalar_subquery()
    return _newest_beside(page, shape, _is_whole(keys), last.label("reached"))


def _is_whole(keys: CTE) -> ColumnElement[bool]:
    seen = select(func.count()).select_from(keys).scalar_subquery()
    return (seen < literal_column(str(GLANCE))).label("whole")


def _newest_beside(rows: Select[Any], shape: Shape, *more: ColumnElement[Any]) -> Statement:
    page = rows.limit(literal_column(str(shape.limit + 1))).subquery("page")
    # The join keeps the page's order only by custom, so it is put in order again.
    page_or_none = (
        select(counter.c.batch.label("newest"), *more, *page.c)
        .select_from(counter.join(page, true(), isouter=True))
        .order_by(*order_of(shape.vocabulary, page.c, shape.sort, shape.back))
    )
    return compile_statement(page_or_none)


@lru_cache(maxsize=512)
def count_statement(shape: Shape) -> Statement:
    """How many alerts match; one that is counted up to the limit and no further."""
    some = _page(shape).order_by(None).limit(literal_column(str(shape.limit + 1))).subquery("some")
    return compile_statement(select(func.count()).select_from(some))


@lru_cache(maxsize=512)
def groups_statement(shape: Shape) -> Statement:
    """A row for each object: the number of alerts that match, the first, newest and brightest.

    With them every magnitude and its time, the newest first.
    """
    own = _page(shape).order_by(None).subquery("own").c
    newest = [own.jd.desc(), own.candid.desc()]
    brighter = own.isdiffpos & own.magpsf.is_not(None)
    brightest = func.array_agg(aggregate_order_by(own.candid, own.magpsf, own.candid))
    first: ColumnElement[int] = literal_column("1")

    def listed(column: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.array_agg(aggregate_order_by(column, *newest))

    rows = select(
        own.object_id,
        func.count().label("matches"),
        func.min(own.jd).label("first_jd"),
        func.max(own.jd).label("last_jd"),
        *(Grouping(listed(own[name]))[first].label(name) for name in ("ra", "dec")),
        Grouping(listed(own.candid))[first].label("last_candid"),
        Grouping(brightest.filter(brighter))[first].label("brightest_candid"),
        func.min(own.magpsf).filter(brighter).label("brightest_magpsf"),
        *(listed(own[name]).label(f"{name}s") for name in ("jd", "magpsf", "filter")),
    )
    return compile_statement(rows.group_by(own.object_id))


@lru_cache(maxsize=512)
def explain_statement(shape: Shape) -> Statement:
    """The planner's estimate for all matches, as JSON."""
    rows = compile_statement(_page(shape).order_by(None))
    return rows._replace(sql=f"EXPLAIN (FORMAT JSON) {rows.sql}")
