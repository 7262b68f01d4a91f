"""Functions of shapes: which shapes each takes."""

from dataclasses import replace
from typing import Any, Final

from app.adql import geometry
from app.adql.geometry import Circle, Given, Point, told_as
from app.adql.language import place_of
from app.adql.values import Value
from app.errors import BadQuery
from archive.columns import Kind

OF_SHAPES: Final = {
    "AREA": 1,
    "CENTROID": 1,
    "CONTAINS": 2,
    "COORD1": 1,
    "COORD2": 1,
    "COORDSYS": 1,
    "DISTANCE": 2,
    "INTERSECTS": 2,
}


def of_shapes(name: str, given: list[Given], node: Any) -> Given:
    """A function of shapes. Raises BadQuery."""
    if name == "DISTANCE" and len(given) == 4:
        values = [one for one in given if isinstance(one, Value)]
        if len(values) == 4:
            given = [
                geometry.make_shape("POINT", [*pair], node) for pair in (values[:2], values[2:])
            ]
    if len(given) != OF_SHAPES[name]:
        raise BadQuery(f"{name} takes {OF_SHAPES[name]} argument(s){place_of(node)}")
    shapes: list[geometry.Shape] = []
    for one in given:
        if isinstance(one, Value):
            raise BadQuery(
                f"{name} takes POINT, CIRCLE, POLYGON or BOX, not {told_as(one)}{place_of(node)}; "
                "no column of a table here holds a shape"
            )
        shapes.append(one)
    if name in ("CONTAINS", "INTERSECTS"):
        return getattr(geometry, name.lower())(*shapes, node)  # type: ignore[no-any-return]
    if name == "AREA":
        return geometry.area(shapes[0], node)
    first = shapes[0]
    if name == "CENTROID" and isinstance(first, Circle | Point):
        return first.centre if isinstance(first, Circle) else first
    points = [shape for shape in shapes if isinstance(shape, Point)]
    if len(points) != len(shapes) or name == "CENTROID":
        raise BadQuery(f"{name} of {told_as(first)} is not supported{place_of(node)}")
    if name == "DISTANCE":
        return geometry.distance(*points)
    if name == "COORDSYS":
        return Value(f"'{points[0].frame or 'ICRS'}'::text", Kind.TEXT, name="coordsys")
    return replace(points[0].lon if name == "COORD1" else points[0].lat, name=name.lower())
