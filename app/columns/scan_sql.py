"""A search -> the SQL with which DuckDB finds its alerts.

Each clause means here what it means to PostgreSQL (search/filters.py,
alerts/sql/order_sql.py): nulls match nothing, NaN is greater than every number, texts are ordered
by their bytes.
"""

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from app import late
from app.columns.copy import Readable
from app.columns.question import Question
from app.columns.region import REGION, joined_with_region, table_of_region
from app.columns.spool import RANK
from app.search.filters import Clause
from app.search.regions import Cone
from app.search.search import Search, Sort
from app.search.values import Value
from app.search.vocabulary import Vocabulary
from archive.columns import Kind
from archive.surveys.ztf.columns import EMPTY_TEXTS, SENTINEL_BITS

if TYPE_CHECKING:
    import pyarrow as pa

_FOUND: Final = "found"
_RANKED: Final = "ranked"
"""Tables that a question brings."""


class Sql:
    """A condition as it is put together, and the texts for its parameters."""

    def __init__(self, vocabulary: Vocabulary, copy: Readable) -> None:
        self.vocabulary, self._copy = vocabulary, copy
        self.texts: list[str] = []

    def literal(self, value: Value) -> str:
        """A value as SQL: numbers exactly, texts as parameters."""
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int):
            return str(value)
        if isinstance(value, float):
            return f"'{value!r}'::DOUBLE"
        self.texts.append(value)
        return "?"

    def compare(self, column: str, sign: str, value: Value) -> str:
        """A column beside a value; a single-precision one by a bound of its own precision.

        So that the least and greatest values of row groups, which are singles, can exclude them.
        """
        if isinstance(value, int | float) and _is_single(self.vocabulary, column):
            test = _compare_single(column, sign, float(value))
        else:
            test = f"{quote(column)} {sign} {self.literal(value)}"
        if column in self._copy.with_nan and isinstance(value, int | float):
            # Row groups are excluded by their greatest value, which leaves out NaN.
            nan = math.isnan(value)
            if {">": not nan, ">=": True, "=": nan}.get(sign):
                return f"({test} OR isnan({quote(column)}))"
        return test

    def matches(self, clause: Clause) -> str:
        """The condition of a clause."""
        field, operator = clause.filter
        if operator == "isnull":
            missing = " AND ".join(f"{quote(name)} IS NULL" for name in field.columns)
            return f"({missing}) = {self.literal(clause.values[0])}"
        condition = _CONDITIONS[operator]
        return "(" + " OR ".join(condition(self, name, clause) for name in field.columns) + ")"


def quote(name: str) -> str:
    """A column's name as SQL; `filter` is a word of its own."""
    return f'"{name}"'


@cache
def _is_single(vocabulary: Vocabulary, column: str) -> bool:
    known = vocabulary.survey.columns.get(column)
    return known is not None and known.kind is Kind.REAL


def _compare_single(column: str, sign: str, value: float) -> str:
    """The same comparison by the nearest single that gives the same result for every single."""
    with np.errstate(over="ignore"):
        near = np.float32(value)
    if float(near) != value and not math.isnan(value):
        if sign == "=":
            return f"({quote(column)} IS NOT NULL AND false)"
        below = sign in ("<", "<=")
        if (float(near) > value) is below:
            near = np.nextafter(near, np.float32(-math.inf if below else math.inf))
        sign = "<=" if below else ">="
    return f"{quote(column)} {sign} '{float(near)!r}'::FLOAT"


def _comparison(sign: str) -> Callable[[Sql, str, Clause], str]:
    return lambda sql, column, clause: sql.compare(column, sign, clause.values[0])


def _is_one_of(sql: Sql, column: str, clause: Clause) -> str:
    # A watch that has found nothing asks for the alerts of no number.
    return " OR ".join(sql.compare(column, "=", value) for value in clause.values) or "false"


def _is_outside(sql: Sql, column: str, clause: Clause) -> str:
    upper, lower = clause.values
    return f"{sql.compare(column, '<', upper)} OR {sql.compare(column, '>=', lower)}"


def _has_bits(sql: Sql, column: str, clause: Clause) -> str:
    return f"{quote(column)} & {sql.literal(clause.values[0])} <> 0"


def _is_within(sql: Sql, column: str, clause: Clause) -> str:
    ra, dec, most = (float(value) for value in clause.values)
    return f"{separation(ra, dec)} < {sql.literal(most)}"


_CONDITIONS: Final[dict[str, Callable[[Sql, str, Clause], str]]] = {
    "": _comparison("="),
    "gt": _comparison(">"),
    "gte": _comparison(">="),
    "lt": _comparison("<"),
    "lte": _comparison("<="),
    "in": _is_one_of,
    "outside": _is_outside,
    "bits": _has_bits,
    "within": _is_within,
}
"""Beside search.filters.OPERATORS; `isnull` concerns all columns of a field at once."""


def separation(ra: float, dec: float) -> str:
    """sin²(d/2) of the distance d from a place [deg], step by step as q3c_sindist computes it.

    Source: q3c 2.0, q3c_sindist: x (z − y) + y, x and y being the squared sines of half the
    differences of ra and dec, z the squared cosine of the mean dec.
    """
    across = f"sin(({ra!r}::DOUBLE - ra) / 2 * {_DEGREE})"
    along = f"sin(({dec!r}::DOUBLE - dec) / 2 * {_DEGREE})"
    middle = f"cos(({dec!r}::DOUBLE + dec) / 2 * {_DEGREE})"
    x, y, z = (f"({part} * {part})" for part in (across, along, middle))
    return f"({x} * ({z} - {y}) + {y})"


_DEGREE: Final = f"'{math.pi / 180!r}'::DOUBLE"


def _is_in(sql: Sql, cone: Cone) -> str:
    most = math.sin(math.radians(cone.radius) / 2) ** 2
    return f"{separation(cone.ra, cone.dec)} < {sql.literal(most)}"


def _conditions(sql: Sql, search: Search, as_of: int) -> list[str]:
    """Everything that a row of the copy has to meet to be an answer, as of a batch."""
    where = [f"batch <= {as_of}", *map(sql.matches, search.clauses)]
    if search.cone:
        where.append(_is_in(sql, search.cone))
    return where


def _source_of(search: Search, copy: Readable) -> "tuple[str, dict[str, pa.Table]]":
    """From where the rows come, as SQL, and the tables that this needs."""
    assert (search.region is not None) == bool(search.region_id)
    if search.region is None:
        return copy.table, {}
    return joined_with_region(copy.table), {REGION: table_of_region(search.region.cells)}


def can_scan(search: Search) -> bool:
    """Whether the copy can find this search's alerts: what is asked for has no polygon."""
    return search.polygon is None


def find_keys(
    search: Search, copy: Readable, *, as_of: int, skip: int = 0, found: "pa.Table | None" = None
) -> Question:
    """The ids of a page and one more; the rows of `found`, of key_columns, are in order with them.

    `skip` of them are left out at the start.
    """
    sql = Sql(search.vocabulary, copy)
    names = ", ".join(map(quote, key_columns(search)))
    source, tables = _source_of(search, copy)
    where = _conditions(sql, search, as_of)
    if search.cursor is not None:
        where.append(_is_beyond(sql, search))
    rows = f"SELECT {names} FROM {source} WHERE {' AND '.join(where)}"
    if found is not None:
        tables[_FOUND] = found
        rows += f" UNION ALL SELECT {names} FROM {_FOUND}"
    order = ", ".join(_order_of(search, copy))
    key = quote(search.vocabulary.survey.key)
    text = f"SELECT {key} FROM ({rows}) ORDER BY {order} LIMIT {search.limit + 1} OFFSET {skip}"
    return Question(text, sql.texts, tables)


def read_ranked(columns: Sequence[str], copy: Readable, key: str, ids: "pa.Array") -> Question:
    """Columns of the rows of some ids, in any order, each with the place of its id as RANK."""
    names = ", ".join(f"held.{quote(name)}" for name in columns)
    text = f"""
        SELECT {_RANKED}.{RANK}, {names}
        FROM {copy.table} AS held JOIN {_RANKED} USING ({quote(key)})
        WHERE batch <= {copy.as_of}
    """
    return Question(text, (), {_RANKED: late.arrow.table({key: ids})}, _RANKED)


def count_matches(search: Search, copy: Readable, *, as_of: int) -> Question:
    """How many rows of the copy match."""
    sql = Sql(search.vocabulary, copy)
    where = " AND ".join(_conditions(sql, search, as_of))
    source, tables = _source_of(search, copy)
    return Question(f"SELECT count(*) FROM {source} WHERE {where}", sql.texts, tables)


def key_columns(search: Search) -> tuple[str, ...]:
    """The id, and what the order of a search needs beside it."""
    held = ("sentinels",) if search.sort.as_mars and search.sort.column in SENTINEL_BITS else ()
    return tuple(dict.fromkeys((search.vocabulary.survey.key, search.sort.column, *held)))


def _order_of(search: Search, copy: Readable) -> list[str]:
    """As alerts.order_sql.order_of."""
    sort, key = search.sort, search.vocabulary.survey.key
    back = search.cursor is not None and search.cursor.back
    falling = sort.descending is not back
    way = "DESC" if falling else "ASC"
    if sort.column == key:
        return [f"{quote(key)} {way}"]
    nulls_first = (sort.as_mars and sort.descending) is not back
    value = _as_mars(sort) if sort.as_mars else quote(sort.column)
    nulls = "FIRST" if nulls_first else "LAST"
    keys = [value]
    if sort.column in copy.with_nan:
        # Else the greatest values found so far would exclude row groups with nothing but NaN more.
        keys.insert(0, f"isnan({value})")
    return [*(f"{one} {way} NULLS {nulls}" for one in keys), f"{quote(key)} {way}"]


def _as_mars(sort: Sort) -> str:
    """As alerts.order_sql: the value that the first MARS held."""
    column = quote(sort.column)
    if sort.column in EMPTY_TEXTS:
        return f"coalesce({column}, '')"
    if sort.column not in SENTINEL_BITS:
        return column
    bit, sentinel = SENTINEL_BITS[sort.column]
    held = f"'{sentinel!r}'::DOUBLE" if isinstance(sentinel, float) else repr(sentinel)
    return f"CASE WHEN sentinels & {1 << bit} <> 0 THEN {held} ELSE {column} END"


def _is_beyond(sql: Sql, search: Search) -> str:
    """Rows that come after the cursor's, or before it: as alerts.order_sql.is_beyond."""
    cursor, sort, key = search.cursor, search.sort, search.vocabulary.survey.key
    assert cursor is not None
    back = cursor.back
    falling = sort.descending is not back
    sign = "<" if falling else ">"
    own = f"{quote(key)} {sign} {cursor.id}"
    column = quote(sort.column)
    if cursor.value is None:
        beside = f"({column} IS NULL AND {own})"
        return f"({beside} OR {column} IS NOT NULL)" if back else beside
    if sort.column == key:
        return own
    past = sql.compare(sort.column, sign, cursor.value)
    same = sql.compare(sort.column, "=", cursor.value)
    # The same once more as one bound, by which row groups are excluded.
    bound = sql.compare(sort.column, f"{sign}=", cursor.value)
    after = f"({bound} AND ({past} OR ({same} AND {own})))"
    return after if back else f"({after} OR {column} IS NULL)"
