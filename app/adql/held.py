"""Shapes as values: in the list of SELECT, and in columns of queries within the query.

In PostgreSQL one is an array of its numbers, in ICRS [deg]; a client gets them as DALI 1.1 has it.
"""

from collections.abc import Sequence
from typing import Final

from app.adql.geometry import Circle, Given, Outline, Point, Polygon, Shape, point_of
from app.adql.values import Value, double, needs_of
from archive.columns import TEXT, Column, Kind

_COLUMNS: Final = {
    xtype: Column(xtype, TEXT, "deg", ucd, meaning, is_ascii=True, xtype=xtype)
    for xtype, ucd, meaning in (
        ("point", "pos.eq", "position: ra, dec (ICRS)"),
        ("circle", "pos.outline", "circle: ra, dec, radius (ICRS)"),
        ("polygon", "pos.outline", "polygon: ra, dec of each corner (ICRS)"),
    )
}


def hold(given: Given) -> Value:
    """A shape as a value; a value as it is."""
    match given:
        case Point():
            return _array("point", given.icrs)
        case Circle():
            return _array("circle", (*given.centre.icrs, given.radius))
        case Polygon():
            corners = [Value(f"{one!r}::float8", Kind.DOUBLE) for one in given.corners]
            return _array("polygon", corners)
        case Outline():
            return given.value
    return given


def _array(xtype: str, numbers: Sequence[Value]) -> Value:
    sql = f"ARRAY[{', '.join(map(double, numbers))}]"
    return Value(sql, TEXT, _COLUMNS[xtype], needs_of(*numbers), name=xtype)


def shape_of(value: Value) -> Given:
    """The shape in a column; a value without one as it is."""
    xtype = value.column.xtype if value.column else ""
    if not xtype:
        return value
    shape: Shape = Outline(value)
    if xtype != "polygon":
        lon, lat, radius = (
            Value(f"({value.sql})[{n}]", Kind.DOUBLE, needs=value.needs) for n in (1, 2, 3)
        )
        centre = point_of(lon, lat)
        shape = centre if xtype == "point" else Circle(centre, radius)
    return shape
