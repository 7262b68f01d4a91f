"""Expressions of a query, one handler for each kind of node; what has none is refused."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

from sqlglot import exp

from app.adql.aggregates import AGGREGATES, aggregate
from app.adql.casts import cast
from app.adql.functions import call
from app.adql.geometry import Given, make_shape, told_as
from app.adql.healpix import healpix_index
from app.adql.held import shape_of
from app.adql.language import Node, place_of
from app.adql.scope import Scope
from app.adql.shapes import OF_SHAPES, of_shapes
from app.adql.stcs import read_region
from app.adql.units import in_unit
from app.adql.values import WHOLE, Family, Value, boolean, needs_of, time
from app.errors import BadQuery
from archive.columns import Kind

Subquery = Callable[[Node, Scope], "tuple[str, int, frozenset[str]]"]
"""SQL of a query within an expression, its number of columns, and what it depends on."""
_COMPARED: Final = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
}
_ARITHMETIC: Final = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/"}
_OF_ANY: Final[dict[str, Callable[[list[Given], Node], Given]]] = {
    **{name: partial(make_shape, name) for name in ("POINT", "CIRCLE", "POLYGON", "BOX")},
    **{name: partial(of_shapes, name) for name in OF_SHAPES},
    "IVO_HEALPIX_INDEX": healpix_index,
    "REGION": read_region,
}
"""Functions of values and shapes."""
_GREATEST: Final = 2**63 - 1
_GREATEST_INTEGER: Final = 2**31 - 1


class Expressions:
    """Translates what stands in one SELECT."""

    def __init__(self, scope: Scope, subquery: Subquery) -> None:
        self.scope, self._subquery = scope, subquery
        self._made: dict[int, tuple[Node, Given]] = {}

    def value(self, node: Node) -> Value:
        """A value. Raises BadQuery for a shape, too."""
        given = self.given(node)
        if not isinstance(given, Value):
            raise BadQuery(
                f"{told_as(given)} is no value here{place_of(node)}: ask CONTAINS, INTERSECTS, "
                "DISTANCE or AREA of it; as it is it may stand in the list of SELECT"
            )
        return given

    def given(self, node: Node) -> Given:
        """A value or a shape. Each node is translated once, however often it is asked for.

        Twice would be 2^n times for what stands in n parentheses.
        """
        known = self._made.get(id(node))
        if known is None:
            # With its node, as the id of one that is gone can be that of another.
            known = self._made[id(node)] = (node, self._given(node))
        return known[1]

    def _given(self, node: Node) -> Given:
        if type(node) in _COMPARED:
            return self._comparison(node)
        if type(node) in _ARITHMETIC:
            return self._arithmetic(node)
        handler = _HANDLERS.get(type(node))
        if handler is None:
            raise BadQuery(f"{_words(node)} is not supported{place_of(node)}")
        return handler(self, node)

    def truth(self, node: Node, clause: str) -> Value:
        """A condition."""
        return boolean(self.value(node)).asked_as(Family.BOOLEAN, node, f"what stands in {clause}")

    # Names, constants

    def _column(self, node: exp.Column) -> Given:
        if isinstance(node.this, exp.Star):
            raise BadQuery(f"* may stand in the list of SELECT only{place_of(node)}")
        return shape_of(self.scope.find(node))

    def _literal(self, node: exp.Literal) -> Value:
        text = node.name
        if node.is_string:
            quoted = text.replace("'", "''")
            return Value(f"'{quoted}'::text", Kind.TEXT, text=text)
        if not text.isdecimal():
            return Value(f"{text}::float8", Kind.DOUBLE, number=float(text))
        number = int(text)
        if number > _GREATEST:
            return Value(f"{number}.0::float8", Kind.DOUBLE, number=float(number))
        if number > _GREATEST_INTEGER:
            return Value(f"{number}::bigint", Kind.BIGINT, number=number)
        return Value(str(number), Kind.INTEGER, number=number)

    def _null(self, node: exp.Null) -> Value:
        return Value("NULL", None)

    def _boolean(self, node: exp.Boolean) -> Value:
        return Value("true" if node.this else "false", Kind.BOOLEAN)

    def _paren(self, node: exp.Paren) -> Given:
        return self.given(node.this)

    # Operators

    def _arithmetic(self, node: Node) -> Value:
        sign = _ARITHMETIC[type(node)]
        sides = [self.value(node.this), self.value(node.expression)]
        for side in sides:
            side.asked_as(Family.NUMBER, node, f"each side of {sign}")
        kind = _wider(sides)
        number = None
        if sign == "/" and kind in WHOLE and sides[1].number and sides[0].number is not None:
            number = int(sides[0].number / sides[1].number)
        a, b = sides
        return Value(f"({a.sql} {sign} {b.sql})", kind, needs=needs_of(a, b), number=number)

    def _negative(self, node: exp.Neg) -> Value:
        value = self.value(node.this).asked_as(Family.NUMBER, node, "what follows a minus")
        number = None if value.number is None else -value.number
        return Value(f"(- {value.sql})", value.kind, needs=value.needs, number=number)

    def _joined_texts(self, node: exp.DPipe) -> Value:
        a, b = self.value(node.this), self.value(node.expression)
        return Value(f"({_text(a)} || {_text(b)})", Kind.TEXT, needs=needs_of(a, b))

    def _comparison(self, node: Node) -> Value:
        a, b = self._alike([node.this, node.expression], node)
        return _test(f"{a.sql} {_COMPARED[type(node)]} {b.sql}", a, b)

    def _alike(self, nodes: list[Node], node: Node) -> list[Value]:
        """Values that can be compared: of one family."""
        values = [self.value(one) for one in nodes]
        if any(value.kind is Kind.BOOLEAN for value in values):
            values = [boolean(value) for value in values]
        if any(value.kind is Kind.TIME for value in values):
            values = [time(value, node) for value in values]
        families = {value.family for value in values} - {None}
        if len(families) > 1:
            told = " with ".join(sorted(str(family) for family in families))
            raise BadQuery(f"{told} cannot be compared{place_of(node)}")
        return values

    def _both(self, node: exp.And | exp.Or) -> Value:
        word = "AND" if isinstance(node, exp.And) else "OR"
        a, b = self.truth(node.this, word), self.truth(node.expression, word)
        return _test(f"{a.sql} {word} {b.sql}", a, b)

    def _not(self, node: exp.Not) -> Value:
        a = self.truth(node.this, "NOT")
        return _test(f"NOT {a.sql}", a)

    def _is(self, node: exp.Is) -> Value:
        if not isinstance(node.expression, exp.Null):
            raise BadQuery(f"only IS NULL and IS NOT NULL are known{place_of(node)}")
        a = self.value(node.this)
        return _test(f"{a.sql} IS NULL", a)

    def _between(self, node: exp.Between) -> Value:
        if node.args.get("symmetric"):
            raise BadQuery(f"BETWEEN SYMMETRIC is not supported{place_of(node)}")
        a, low, high = self._alike([node.this, node.args["low"], node.args["high"]], node)
        return _test(f"{a.sql} BETWEEN {low.sql} AND {high.sql}", a, low, high)

    def _in(self, node: exp.In) -> Value:
        if (query := node.args.get("query")) is not None:
            a = self.value(node.this)
            sql, columns, needs = self._subquery(query, self.scope)
            if columns != 1:
                raise BadQuery(f"a query in IN must have one column, not {columns}{place_of(node)}")
            return replace(_test(f"{a.sql} IN ({sql})", a), needs=a.needs | needs)
        if not node.expressions:
            raise BadQuery(f"IN takes a list in parentheses{place_of(node)}")
        a, *listed = self._alike([node.this, *node.expressions], node)
        return _test(f"{a.sql} IN ({', '.join(value.sql for value in listed)})", a, *listed)

    def _exists(self, node: exp.Exists) -> Value:
        sql, _, needs = self._subquery(node.this, self.scope)
        return Value(f"EXISTS ({sql})", Kind.BOOLEAN, needs=needs)

    def _like(self, node: exp.Like | exp.ILike) -> Value:
        word = "ILIKE" if isinstance(node, exp.ILike) else "LIKE"
        word = f"NOT {word}" if node.args.get("negate") else word
        a, b = self.value(node.this), self.value(node.expression)
        for value in (a, b):
            value.asked_as(Family.TEXT, node, f"each side of {word}")
        # ADQL has no character that takes the meaning of % away.
        return _test(f"{a.sql} {word} {b.sql} ESCAPE ''", a, b)

    def _case(self, node: exp.Case) -> Value:
        branches, default = node.args["ifs"], node.args.get("default")
        if node.this is not None:
            tested, *whens = self._alike([node.this, *(one.this for one in branches)], node)
            begin = f"CASE {tested.sql}"
        else:
            whens = [self.truth(one.this, "WHEN") for one in branches]
            tested, begin = Value("", None), "CASE"
        ends = [one.args["true"] for one in branches]
        values = self._alike(ends + ([default] if default is not None else []), node)
        lines = [f"WHEN {a.sql} THEN {b.sql}" for a, b in zip(whens, values, strict=False)]
        last = f" ELSE {values[-1].sql}" if default is not None else ""
        needs = needs_of(*values, *whens, tested)
        return Value(f"({begin} {' '.join(lines)}{last} END)", _wider(values), needs=needs)

    def _cast(self, node: exp.Cast) -> Value:
        return cast(self.value(node.this), node)

    # Functions

    def _function(self, node: exp.Anonymous) -> Given:
        name = str(node.this).upper()
        if name in AGGREGATES:
            return aggregate(name, node, self.value)
        given = [self.given(one) for one in node.expressions]
        if name in _OF_ANY:
            return _OF_ANY[name](given, node)
        if name == "COALESCE":
            return self._coalesce(node)
        if name == "IN_UNIT":
            return in_unit(node, self.value)
        return call(name, [self.value(one) for one in node.expressions], node)

    def _coalesce(self, node: exp.Anonymous) -> Value:
        if not node.expressions:
            raise BadQuery(f"COALESCE takes one argument or more{place_of(node)}")
        values = self._alike(node.expressions, node)
        listed = ", ".join(value.sql for value in values)
        columns = {value.column for value in values}
        column = columns.pop() if len(columns) == 1 else None
        return Value(
            f"COALESCE({listed})", _wider(values), column, needs_of(*values), name="coalesce"
        )


def _test(sql: str, *of: Value) -> Value:
    return Value(f"({sql})", Kind.BOOLEAN, needs=needs_of(*of))


def _text(value: Value) -> str:
    return value.sql if value.kind is Kind.TEXT else f"({value.sql})::text"


def _wider(values: list[Value]) -> Kind | None:
    """The type of values that are put together."""
    kinds = [value.kind for value in values if value.kind is not None]
    if not kinds or (len(kinds) < len(values) and not set(kinds) <= {Kind.TEXT, Kind.BOOLEAN}):
        return None
    for kind in (Kind.DOUBLE, Kind.REAL, Kind.BIGINT, Kind.INTEGER):
        if kind in kinds:
            mixed = kind is Kind.REAL and set(kinds) & set(WHOLE)
            return Kind.DOUBLE if mixed else kind
    return kinds[0]


def _words(node: Node) -> str:
    if isinstance(node, exp.Subquery | exp.Query):
        return "a query as a value"
    return type(node).__name__.upper()


_HANDLERS: Final[dict[type, Callable[[Any, Any], Given]]] = {
    exp.Column: Expressions._column,
    exp.Literal: Expressions._literal,
    exp.Null: Expressions._null,
    exp.Boolean: Expressions._boolean,
    exp.Paren: Expressions._paren,
    exp.Neg: Expressions._negative,
    exp.DPipe: Expressions._joined_texts,
    exp.And: Expressions._both,
    exp.Or: Expressions._both,
    exp.Not: Expressions._not,
    exp.Is: Expressions._is,
    exp.Between: Expressions._between,
    exp.In: Expressions._in,
    exp.Exists: Expressions._exists,
    exp.Like: Expressions._like,
    exp.ILike: Expressions._like,
    exp.Case: Expressions._case,
    exp.Cast: Expressions._cast,
    exp.Anonymous: Expressions._function,
}
