"""Circles by the index: which conditions of a query say that a table's rows lie in a circle.

The table is then read by a function that gives the rows of the pixels that cover the circle, a
superset; the condition stays where it is. So no answer can be wrong by it. A circle whose middle
lies in rows of another table is a loop over those rows, and that table has to come first.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from sqlglot import exp

from app.adql.expressions import Expressions
from app.adql.geometry import Circle, Point
from app.adql.language import Node
from app.adql.scope import Source
from app.adql.values import Value, double, needs_of
from app.errors import BadQuery


class Hint(NamedTuple):
    """That rows of a table lie in a circle, as far as a condition holds."""

    alias: str
    centre: Point
    radius: Value

    @property
    def needs(self) -> frozenset[str]:
        """The tables that have to be read before."""
        return needs_of(*self.centre, self.radius)

    def function(self) -> str:
        """The function that reads the table in its place."""
        name = "near" if self.needs else "cone"
        # A little more than the circle: the last digit of the exact test may differ.
        grown = f"least(greatest({double(self.radius)}, 0) * 1.000001 + 1e-7, 180)"
        lon, lat = (double(value) for value in self.centre)
        return f"mars.{name}({lon}, {lat}, {grown})"


def find_hints(
    node: Node | None, expressions: Expressions, sources: Sequence[Source]
) -> Iterator[Hint]:
    """The circles in a condition, of those that must hold for each row."""
    located = {source.alias: _position_of(source) for source in sources if source.located}
    for part in _conjuncts(node) if located else ():
        for centre, position, radius in _circles(part, expressions):
            for alias, own in located.items():
                is_own = (position.lon.sql, position.lat.sql) == own
                if is_own and alias not in needs_of(*centre, radius):
                    yield Hint(alias, centre, radius)


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


def _circles(node: Node, expressions: Expressions) -> Iterator[tuple[Point, Point, Value]]:
    """Middle, position and radius of each circle in a comparison."""
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
        try:
            a, b = _two_points(left, expressions)
        except BadQuery:
            return
        radius = expressions.value(right)
        yield a, b, radius
        yield b, a, radius


def _of_shapes(given: Sequence[object]) -> Iterator[tuple[Point, Point, Value]]:
    point = next((one for one in given if isinstance(one, Point)), None)
    circle = next((one for one in given if isinstance(one, Circle)), None)
    if point is not None and circle is not None:
        yield circle.centre, point, circle.radius
        # The position may be the circle's middle, too.
        yield point, circle.centre, circle.radius


def _two_points(node: exp.Anonymous, expressions: Expressions) -> tuple[Point, Point]:
    given = [expressions.given(one) for one in node.expressions]
    points = [one for one in given if isinstance(one, Point)]
    if len(points) == 2 == len(given):
        return points[0], points[1]
    values = [one for one in given if isinstance(one, Value)]
    if len(values) != 4:
        raise BadQuery("DISTANCE takes two points")
    return Point(*values[:2]), Point(*values[2:])


def _is_one(node: Node | None) -> bool:
    return isinstance(node, exp.Literal) and not node.is_string and node.name == "1"
