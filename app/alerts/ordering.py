"""The order of a search's rows, and what comes after one of them, as SQL."""

from typing import Any, Final

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

from app.search.filters import FIELDS
from app.search.search import Sort
from archive.surveys.ztf.columns import SENTINELS
from archive.surveys.ztf.tables import alert

EMPTY_TEXTS: Final = ("publisher", "rbversion", "drbversion")
"""Texts that MARS held as empty, not null, where the packet had none."""
SENTINEL_BITS: Final = {c.name: (bit, c.sentinel) for bit, c in enumerate(SENTINELS)}


def order_of(columns: Any, sort: Sort, back: bool = False) -> list[ColumnElement[Any]]:
    """The sort column, then candid; `back` is the same from the end on."""
    keys: list[ColumnElement[Any]] = [columns.candid]
    if sort.column != "candid":
        keys.insert(0, _as_mars(columns, sort.column) if sort.as_mars else columns[sort.column])
    turned: list[ColumnElement[Any]] = [
        key.desc() if sort.descending is not back else key.asc() for key in keys
    ]
    if alert.c[sort.column].nullable:
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


def is_beyond(columns: Any, sort: Sort, after: str, back: bool = False) -> ColumnElement[bool]:
    """Rows that come after the cursor's, or before it; nulls are last."""
    candid = bindparam("after_candid", type_=BigInteger())
    value = bindparam("after", type_=FIELDS[sort.column].bound)
    key: ColumnElement[Any] = columns[sort.column]
    falling = sort.descending is not back
    if after == "null":
        nearer = columns.candid < candid if falling else columns.candid > candid
        beside = and_(key.is_(None), nearer)
        return or_(beside, key.is_not(None)) if back else beside
    row, last = tuple_(key, columns.candid), tuple_(value, candid)
    past: ColumnElement[bool] = row < last if falling else row > last
    return past | key.is_(None) if alert.c[sort.column].nullable and not back else past
