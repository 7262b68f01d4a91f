"""Which of some alerts are near a watched position, as SQL."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import asyncpg
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Double,
    Insert,
    Select,
    Text,
    bindparam,
    column,
    func,
    insert,
    literal,
    literal_column,
    select,
    true,
)
from sqlalchemy.types import TypeEngine

from app import schema
from app.alerts.sql.region_sql import Circle, is_closer
from app.watches.positions import Slice

MOST: Final = 500
"""Positions around an alert that are looked at for all watches together."""
_position: Final = schema.watch_position
Column = tuple[str, TypeEngine[Any], list[Any]]


def table_of(columns: Iterable[Column], name: str) -> Any:
    """A table whose columns are arrays, which are parameters: (name, type, values) of each."""
    told = list(columns)
    arrays: list[Any] = [bindparam(f"{n}s", held, ARRAY(kind)) for n, kind, held in told]
    named: list[Any] = [column(n, kind) for n, kind, _ in told]
    return func.unnest(*arrays).table_valued(*named).render_derived(name=name)


def insert_positions(watch: str, some: Slice) -> Insert:
    """Positions of a watch as rows."""
    kinds: tuple[TypeEngine[Any], ...] = (Text(), Double(), Double(), Double())
    given = table_of(zip(Slice._fields, kinds, some, strict=True), "given")
    there = ["watch", *(c.name for c in given.c)]
    rows = select(literal(watch, Text()), *given.c)
    # In the order of the sky each page of the indexes is looked for once: a fifth less time.
    in_order = rows.order_by(func.q3c_ang2ipix(given.c.ra, given.c.dec))
    return insert(_position).from_select(there, in_order)


def select_near(watch: str, widest: float, alerts: Iterable[asyncpg.Record]) -> Select[Any]:
    """The numbers of those alerts that are nearer to a position of a watch than its radius [deg].

    `widest` is the greatest of its radii. Around each alert the index of the watch's own positions
    is read, up to the first that is near enough.
    """
    place, circle = _places_of(alerts), _around(widest)
    near = _near(_position.c.watch == watch).lateral("near")
    one = (
        select(literal_column("1").label("one"))
        .select_from(_spans(circle).join(near, true()))
        .where(is_closer(near.c, Circle(circle.ra, circle.dec, near.c.radius)))
        .limit(literal_column("1"))
        .lateral("one")
    )
    return select(place.c.lco_id).select_from(place.join(one, true()))


def select_near_any(
    watches: Sequence[str], widest: float, alerts: Iterable[asyncpg.Record]
) -> Select[Any]:
    """Which of some watches have a position near each of some alerts: one pass for all of them.

    `widest` is the greatest radius [deg] of their positions. Of each alert that is near any, a row
    with its `lco_id`, an array of `watches`, and `looked_at`: the positions around it that were
    read. Where those are MOST there may be more, and the array lacks some.
    """
    place, circle = _places_of(alerts), _around(widest)
    near = _near().lateral("near")
    some = (
        select(near).select_from(_spans(circle).join(near, true())).limit(literal_column(str(MOST)))
    ).subquery("some")
    wanted = literal(list(watches), ARRAY(Text()))
    is_near = is_closer(some.c, Circle(circle.ra, circle.dec, some.c.radius))
    is_theirs = some.c.watch == func.any(wanted)
    told = select(
        func.array_agg(some.c.watch.distinct()).filter(is_near, is_theirs).label("watches"),
        func.count().label("looked_at"),
    ).lateral("told")
    return (
        select(place.c.lco_id, told.c.watches, told.c.looked_at)
        .select_from(place.join(told, true()))
        .where(told.c.looked_at > literal_column("0"))
    )


def _places_of(alerts: Iterable[asyncpg.Record]) -> Any:
    """Alerts as rows: `lco_id`, `ra`, `dec`."""
    held = [(row["lco_id"], row["ra"], row["dec"]) for row in alerts]
    numbers, ras, decs = (list(values) for values in zip(*held, strict=True))
    columns: list[Column] = [("lco_id", BigInteger(), numbers)]
    columns += [("ra", Double(), ras), ("dec", Double(), decs)]
    return table_of(columns, "place")


def _around(radius: float) -> Circle:
    """The circle around a place."""
    # Named as text: as columns of `place` they would be joined again in every inner SELECT.
    ra: ColumnElement[float] = literal_column("place.ra", Double())
    dec: ColumnElement[float] = literal_column("place.dec", Double())
    return Circle(ra, dec, literal(radius, Double()))


def _spans(circle: Circle) -> Any:
    """Up to four ranges of q3c pixels, `low` and `high`, that cover a circle and some more.

    They are those of q3c_join: found in a tenth of the time of the close ones of a search, and of a
    list that is watched few positions lie in what they cover beyond the circle.
    """
    i = func.generate_series(literal_column("0"), literal_column("6"), literal_column("2"))
    bound = i.table_valued("i").render_derived(name="bound")
    edges = [
        func.q3c_nearby_it(*circle, edge, type_=BigInteger())
        for edge in (bound.c.i, bound.c.i + literal_column("1"))
    ]
    return select(edges[0].label("low"), edges[1].label("high")).select_from(bound).subquery("span")


def _near(*conditions: ColumnElement[bool]) -> Select[Any]:
    """The positions in a range, by an index."""
    low, high = (literal_column(f"span.{name}", BigInteger()) for name in ("low", "high"))
    pixel = func.q3c_ang2ipix(_position.c.ra, _position.c.dec)
    position = select(*(_position.c[name] for name in ("watch", "ra", "dec", "radius")))
    return position.where(*conditions, pixel >= low, pixel < high).offset(literal_column("0"))
