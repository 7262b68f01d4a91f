"""Regions by the index: which conditions say that a table's rows lie in a circle or polygon.

The table is then read by a function that gives the rows of the pixels that cover the region, a
superset; the condition stays where it is. So no answer can be wrong by it. A circle whose middle
lies in rows of another table is a loop over those rows, and that table has to come first.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from sqlglot import exp

from app.adql.expressions import Expressions
from app.adql.geometry import Circle, Point, Polygon, point_of
from app.adql.language import Node
from app.adql.scope import Source
from app.adql.values import NONE, Value, double, needs_of

_LONGEST: Final = 2000
"""Characters of places and radius in SQL."""


class Hint(NamedTuple):
    """That rows of a table lie in a part of the sky, as far as a condition holds."""

    alias: str
    function: str
    """What reads the table in its place."""
    needs: frozenset[str]
    """The tables that have to be read before."""


class Region(NamedTuple):
    """A part of the sky that a condition keeps a position to."""

    position: Point
    function: str
    needs: frozenset[str]


def find_hints(
    node: Node | None, expressions: Expressions, sources: Sequence[Source]
) -> Iterator[Hint]:
    """The regions in a condition, of those that must hold for each row."""
    located = {source.alias: _position_of(source) for source in sources if source.located}
    for part in _conjuncts(node) if located else ():
        for region in _regions(part, expressions):
            for alias, own in located.items():
                is_own = tuple(value.sql for value in region.position.icrs) == own
                if is_own and alias not in region.needs:
                    yield Hint(alias, region.function, region.needs)


def _position_of(source: Source) -> tuple[str, str]:
    known = dict(source.columns)
    return known["ra"].sql, known["dec"].sql


def _conjuncts(node: Node | None) -> Iterator[Node]:
    if isinstance(node, exp.And):
        yield from _conjuncts(node.this)
        yield from _conjuncts(node.expression)
    elif isinstance(node, exp.Paren):
        yield from _conjuncts(node.this)
    elif node is not None:
        yield node


_TURNED: Final = {exp.GT: exp.LT, exp.GTE: exp.LTE}


def _regions(node: Node, expressions: Expressions) -> Iterator[Region]:
    """The regions of a comparison, and which position each keeps."""
    kind, left, right = type(node), node.args.get("this"), node.args.get("expression")
    if kind in _TURNED:
        kind, left, right = _TURNED[kind], right, left
    if kind is exp.EQ and _is_one(left):
        left, right = right, left
    if not isinstance(left, exp.Anonymous):
        return
    name = str(left.this).upper()
    if kind is exp.EQ and _is_one(right) and name in ("CONTAINS", "INTERSECTS"):
        yield from _of_shapes([expressions.given(one) for one in left.expressions])
    elif kind in (exp.LT, exp.LTE) and name == "DISTANCE":
        for a, b in _pairs(left, expressions):
            yield from _around(a, b, expressions.value(right))


def _of_shapes(given: Sequence[object]) -> Iterator[Region]:
    point = next((one for one in given if isinstance(one, Point)), None)
    circle = next((one for one in given if isinstance(one, Circle)), None)
    polygon = next((one for one in given if isinstance(one, Polygon)), None)
    if point is not None and circle is not None:
        yield from _around(circle.centre, point, circle.radius)
    if point is not None and polygon is not None:
        ring = ", ".join(map(repr, polygon.corners))
        yield Region(point, f"mars.polygon(ARRAY[{ring}]::float8[])", NONE)


def _around(a: Point, b: Point, radius: Value) -> Iterator[Region]:
    """Each of two positions is in a circle around the other."""
    if sum(len(value.sql) for value in (*a.icrs, *b.icrs, radius)) > _LONGEST:
        # It stands in the condition, too: queries in it that have such circles would double each.
        return
    # A little more than the circle: the last digit of the exact test may differ.
    grown = f"least(greatest({double(radius)}, 0) * 1.000001 + 1e-7, 180)"
    for centre, position in ((a, b), (b, a)):
        needs = needs_of(*centre.icrs, radius)
        lon, lat = (double(value) for value in centre.icrs)
        function = f"mars.{'near' if needs else 'cone'}({lon}, {lat}, {grown})"
        yield Region(position, function, needs)


def _pairs(node: Node, expressions: Expressions) -> Iterator[tuple[Point, Point]]:
    """The two points of a DISTANCE, which may be given as four numbers."""
    given = [expressions.given(one) for one in node.expressions]
    points = [one for one in given if isinstance(one, Point)]
    values = [one for one in given if isinstance(one, Value)]
    if len(values) == 4:
        points = [point_of(*values[:2]), point_of(*values[2:])]
    if len(points) == 2:
        yield points[0], points[1]


def _is_one(node: Node | None) -> bool:
    return isinstance(node, exp.Literal) and not node.is_string and node.name == "1"
