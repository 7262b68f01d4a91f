"""Points, circles and polygons of a query, and what is asked of them, as SQL of q3c.

They exist while a query is translated; held.py makes values of them. What is asked of
them is asked in ICRS [deg], whatever frame they were given in.
"""

import math
from itertools import pairwise
from typing import Any, Final, NamedTuple

from app.adql.frames import read_frame, turn, turn_numbers
from app.adql.language import place_of
from app.adql.values import Family, Value, double, needs_of
from app.errors import BadQuery
from app.search.regions import parse_polygon
from app.search.sphere import Vector, unit_vector
from archive.columns import Kind

_SQUARE_DEG: Final = (180 / math.pi) ** 2


class Place(NamedTuple):
    """A position in ICRS."""

    lon: Value
    lat: Value


class Point(NamedTuple):
    """A position."""

    icrs: Place
    frame: str
    """Of frames.py."""
    lon: Value
    """In that frame."""
    lat: Value


class Circle(NamedTuple):
    """All that is not farther from its middle than the radius."""

    centre: Point
    radius: Value


class Polygon(NamedTuple):
    """A ring of great circles, of constants."""

    corners: tuple[float, ...]
    """lon, lat, lon, lat, ... in ICRS"""


class Outline(NamedTuple):
    """A polygon in a column of a query, of which nothing can be asked but itself."""

    value: Value


Shape = Point | Circle | Polygon | Outline
Given = Value | Shape
_WORDS: Final = {
    Point: "a POINT",
    Circle: "a CIRCLE",
    Polygon: "a POLYGON or BOX",
    Outline: "a POLYGON in a column",
}


def told_as(given: Given) -> str:
    """What something is, for an error."""
    if isinstance(given, Value):
        return str(given.family or "a value")
    return _WORDS[type(given)]


def point_of(lon: Value, lat: Value) -> Point:
    """A position from its coordinates in ICRS."""
    return Point(Place(lon, lat), "", lon, lat)


def make_shape(name: str, given: list[Given], node: Any) -> Shape:
    """POINT, CIRCLE, POLYGON or BOX with its arguments. Raises BadQuery."""
    frame, numbers = _framed(name, given, node)
    for value in numbers:
        value.asked_as(Family.NUMBER, node, f"each coordinate of {name}")
    if name == "POINT":
        lon, lat = _counted(name, numbers, 2, "two coordinates", node)
        return _point(frame, lon, lat, node)
    if name == "CIRCLE":
        lon, lat, radius = _counted(name, numbers, 3, "two coordinates and a radius", node)
        return Circle(_point(frame, lon, lat, node), check_radius(radius, node))
    constants = [_constant(name, value, node) for value in numbers]
    if name == "BOX":
        if len(constants) != 4:
            raise BadQuery(f"BOX takes two coordinates, a width and a height{place_of(node)}")
        constants = _corners_of_box(*constants)
    if len(constants) < 6 or len(constants) % 2:
        raise BadQuery(f"POLYGON takes three or more pairs of coordinates{place_of(node)}")
    pairs = zip(constants[::2], constants[1::2], strict=True)
    ring = [one for pair in pairs for one in turn_numbers(frame, *pair, node)]
    try:
        polygon = parse_polygon(",".join(map(repr, ring)))
    except ValueError as error:
        raise BadQuery(f"this {name} {error}{place_of(node)}") from None
    return Polygon(polygon.vertices)


def _point(frame: str, lon: Value, lat: Value, node: Any) -> Point:
    return Point(Place(*turn(frame, lon, lat, node)), frame, lon, lat)


def _framed(name: str, given: list[Given], node: Any) -> tuple[str, list[Value]]:
    """The frame and the coordinates; a POINT may stand for two, in its own frame."""
    values: list[Value] = []
    frames: set[str] = set()
    for n, one in enumerate(given):
        if isinstance(one, Point):
            values += (one.lon, one.lat)
            frames.add(one.frame)
        elif not isinstance(one, Value):
            raise BadQuery(f"{name} cannot be made of {told_as(one)}{place_of(node)}")
        elif n == 0 and (one.text is not None or one.sql == "NULL"):
            frames |= {read_frame(one.text, node)} if one.text else set()
        else:
            values.append(one)
    if len(frames) > 1:
        raise BadQuery(f"{name} has coordinates in two frames{place_of(node)}")
    return (frames or {""}).pop(), values


def _counted(name: str, values: list[Value], count: int, words: str, node: Any) -> list[Value]:
    if len(values) != count:
        raise BadQuery(f"{name} takes {words}{place_of(node)}")
    return values


def _constant(name: str, value: Value, node: Any) -> float:
    if value.number is None:
        raise BadQuery(f"the coordinates of a {name} must be numbers, not columns{place_of(node)}")
    return value.number


def check_radius(radius: Value, node: Any) -> Value:
    """A radius. Raises BadQuery for the constant 0, which is what 1/3600 comes to."""
    if radius.number == 0:
        raise BadQuery(
            f"the radius is 0{place_of(node)}: 1/3600 divides integers and is 0; write 1.0/3600"
        )
    return radius


def _corners_of_box(lon: float, lat: float, width: float, height: float) -> list[float]:
    """ADQL 2.1, section 4.2.9: a BOX is the POLYGON of its four corners."""
    if not (0 < width < 360 and height > 0 and abs(lat) + height / 2 < 90):
        return []
    east, west = (lon + width / 2) % 360, (lon - width / 2) % 360
    south, north = lat - height / 2, lat + height / 2
    return [west, south, east, south, east, north, west, north]


# -------------------------------------------------------------------------------------------------
# What is asked of them
# -------------------------------------------------------------------------------------------------


def distance(a: Point, b: Point) -> Value:
    """The angle between two positions [deg]."""
    every = (*a.icrs, *b.icrs)
    places = ", ".join(map(double, every))
    return Value(f"public.q3c_dist({places})", Kind.DOUBLE, needs=needs_of(*every), name="distance")


def contains(inner: Shape, outer: Shape, node: Any) -> Value:
    """1 where `inner` lies in `outer`, its edge included, else 0."""
    if isinstance(outer, Circle) and isinstance(inner, Point):
        return _flag(_within(distance(inner, outer.centre), outer.radius))
    if isinstance(outer, Circle) and isinstance(inner, Circle):
        apart = distance(inner.centre, outer.centre)
        whole = f"({apart.sql} + {double(inner.radius)})"
        needs = needs_of(apart, inner.radius)
        return _flag(_within(Value(whole, Kind.DOUBLE, needs=needs), outer.radius))
    if isinstance(outer, Polygon) and isinstance(inner, Point):
        ring = ", ".join(map(repr, outer.corners))
        place = ", ".join(map(double, inner.icrs))
        sql = f"public.q3c_in_poly({place}, ARRAY[{ring}]::float8[])"
        return _flag(Value(sql, Kind.BOOLEAN, needs=needs_of(*inner.icrs)))
    if isinstance(outer, Point) and isinstance(inner, Circle):
        # Only one without any size.
        apart = distance(inner.centre, outer)
        sql = f"({apart.sql} = 0 AND {double(inner.radius)} = 0)"
        return _flag(Value(sql, Kind.BOOLEAN, needs=needs_of(apart, inner.radius)))
    raise BadQuery(
        f"CONTAINS of {told_as(inner)} in {told_as(outer)} is not supported{place_of(node)}: a "
        "POINT may lie in a CIRCLE, POLYGON or BOX, a CIRCLE in a CIRCLE or a POINT"
    )


def intersects(a: Shape, b: Shape, node: Any) -> Value:
    """1 where two shapes have a point in common, else 0."""
    if isinstance(a, Point):
        return contains(a, b, node)
    if isinstance(b, Point):
        return contains(b, a, node)
    if isinstance(a, Circle) and isinstance(b, Circle):
        whole = f"({double(a.radius)} + {double(b.radius)})"
        both = Value(whole, Kind.DOUBLE, needs=needs_of(a.radius, b.radius))
        return _flag(_within(distance(a.centre, b.centre), both))
    raise BadQuery(
        f"INTERSECTS of {told_as(a)} and {told_as(b)} is not supported{place_of(node)}: of two "
        "shapes one must be a POINT, or both a CIRCLE"
    )


def _within(apart: Value, radius: Value) -> Value:
    sql = f"({apart.sql} <= {double(radius)})"
    return Value(sql, Kind.BOOLEAN, needs=needs_of(apart, radius))


def _flag(test: Value) -> Value:
    return Value(f"({test.sql})::integer", Kind.INTEGER, needs=test.needs)


def area(shape: Shape, node: Any) -> Value:
    """The area of a shape [deg²]."""
    if isinstance(shape, Circle):
        # 2 π (1 − cos r), without the loss of digits for small r.
        half = f"sin(radians({double(shape.radius)}) / 2.0::float8)"
        sql = f"({4 * math.pi * _SQUARE_DEG!r}::float8 * power({half}, 2))"
        return Value(sql, Kind.DOUBLE, needs=shape.radius.needs, name="area")
    if isinstance(shape, Polygon):
        return Value(f"{_area_of_ring(shape.corners)!r}::float8", Kind.DOUBLE, name="area")
    raise BadQuery(f"AREA of {told_as(shape)} is not supported{place_of(node)}")


def _area_of_ring(corners: tuple[float, ...]) -> float:
    """The area within a ring [deg²], of triangles by Van Oosterom and Strackee (1983)."""
    ring = [unit_vector(*pair) for pair in zip(corners[::2], corners[1::2], strict=True)]
    first, total = ring[0], 0.0
    for b, c in pairwise(ring[1:]):
        volume = (
            first[0] * (b[1] * c[2] - b[2] * c[1])
            + first[1] * (b[2] * c[0] - b[0] * c[2])
            + first[2] * (b[0] * c[1] - b[1] * c[0])
        )
        sums = 1 + _dot(first, b) + _dot(b, c) + _dot(c, first)
        total += 2 * math.atan2(volume, sums)
    return abs(total) * _SQUARE_DEG


def _dot(a: Vector, b: Vector) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))
