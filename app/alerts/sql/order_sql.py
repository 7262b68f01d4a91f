"""The order of a search's rows, and what comes after one of them, as SQL."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    tuple_,
)

from app.search.search import Sort
from app.search.vocabulary import Vocabulary
from archive.surveys.ztf.columns import EMPTY_TEXTS, SENTINEL_BITS


def order_of(
    vocabulary: Vocabulary, columns: Any, sort: Sort, back: bool = False
) -> list[ColumnElement[Any]]:
    """The sort column, then the id; `back` is the same from the end on."""
    key = vocabulary.survey.key
    keys: list[ColumnElement[Any]] = [columns[key]]
    if sort.column != key:
        keys.insert(0, _as_mars(columns, sort.column) if sort.as_mars else columns[sort.column])
    turned: list[ColumnElement[Any]] = [
        key.desc() if sort.descending is not back else key.asc() for key in keys
    ]
    if _is_nullable(vocabulary, sort):
        # Only here: on a column that cannot be null the words would keep its index from use.
        first = (sort.as_mars and sort.descending) is not back
        turned[0] = turned[0].nulls_first() if first else turned[0].nulls_last()
    return turned


def _as_mars(columns: Any, name: str) -> ColumnElement[Any]:
    """The value that MARS held: its sentinel, and an empty text for none."""
    column: ColumnElement[Any] = columns[name]
    if name in EMPTY_TEXTS:
        return func.coalesce(column, literal_column("''"))
    if name not in SENTINEL_BITS:
        return column
    bit, sentinel = SENTINEL_BITS[name]
    held = columns.sentinels.bitwise_and(literal_column(str(1 << bit))) != literal_column("0")
    return case((held, literal_column(repr(sentinel))), else_=column)


def is_beyond(
    vocabulary: Vocabulary, columns: Any, sort: Sort, after: str, back: bool = False
) -> ColumnElement[bool]:
    """Rows that come after the cursor's, or before it; nulls are last."""
    last_id = bindparam("after_id", type_=BigInteger())
    value = bindparam("after", type_=vocabulary.fields[sort.column].bound)
    own: ColumnElement[Any] = columns[vocabulary.survey.key]
    key: ColumnElement[Any] = columns[sort.column]
    falling = sort.descending is not back
    if after == "null":
        nearer = own < last_id if falling else own > last_id
        beside = and_(key.is_(None), nearer)
        return or_(beside, key.is_not(None)) if back else beside
    row, last = tuple_(key, own), tuple_(value, last_id)
    past: ColumnElement[bool] = row < last if falling else row > last
    return past | key.is_(None) if _is_nullable(vocabulary, sort) and not back else past


def _is_nullable(vocabulary: Vocabulary, sort: Sort) -> bool:
    return bool(vocabulary.survey.alert.c[sort.column].nullable)
