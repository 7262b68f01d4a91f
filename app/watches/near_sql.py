"""Which of some alerts are near a watched position, as SQL."""

from collections.abc import Iterable
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
from app.alerts.sql.region_sql import Circle, cover_circle, is_closer
from app.watches.positions import Slice

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
    return insert(_position).from_select(there, select(literal(watch, Text()), *given.c))


def select_near(watch: str, widest: float, alerts: Iterable[asyncpg.Record]) -> Select[Any]:
    """The numbers of those alerts that are nearer to a position of a watch than its radius [deg].

    `widest` is the greatest of its radii. Around each alert the index of the positions is read by
    ranges of pixels, so a million positions cost no more than those that are near.
    """
    held = [(row["lco_id"], row["ra"], row["dec"]) for row in alerts]
    numbers, ras, decs = (list(values) for values in zip(*held, strict=True))
    place = table_of(
        [("lco_id", BigInteger(), numbers), ("ra", Double(), ras), ("dec", Double(), decs)], "place"
    )
    # Named as text: as columns of `place` they would be joined again in every inner SELECT.
    ra: ColumnElement[float] = literal_column("place.ra", Double())
    dec: ColumnElement[float] = literal_column("place.dec", Double())
    covering = cover_circle(Circle(ra, dec, literal(widest, Double())))
    pixel = func.q3c_ang2ipix(_position.c.ra, _position.c.dec)
    near = (
        select(_position.c.ra, _position.c.dec, _position.c.radius)
        .where(_position.c.watch == watch, pixel >= covering.c.low, pixel < covering.c.high)
        .offset(literal_column("0"))
        .lateral("near")
    )
    one = (
        select(literal_column("1").label("one"))
        .select_from(covering.join(near, true()))
        .where(is_closer(near.c, Circle(ra, dec, near.c.radius)))
        .limit(literal_column("1"))
        .lateral("one")
    )
    return select(place.c.lco_id).select_from(place.join(one, true()))
