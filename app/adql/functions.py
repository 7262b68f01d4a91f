"""The functions of ADQL: how many arguments each takes, of which type, and what they are in SQL.

PostgreSQL's log() is decimal and its round(x, n) knows no floats: every name here has the meaning
that ADQL 2.1 gives it, and a name that is not here is refused.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from app.adql.language import place_of
from app.adql.values import WHOLE, Family, Value, double, needs_of
from app.errors import BadQuery
from app.spelling import find_nearest
from archive.columns import Kind

Rendered = tuple[str, Kind | None]


class Function(NamedTuple):
    """A function of values."""

    least: int
    most: int
    family: Family
    """Of its arguments."""
    render: Callable[[list[Value]], Rendered]
    """Its SQL, and the type of that."""


def _doubles(sql_name: str) -> Callable[[list[Value]], Rendered]:
    return lambda given: (f"{sql_name}({', '.join(map(double, given))})", Kind.DOUBLE)


def _same(sql_name: str) -> Callable[[list[Value]], Rendered]:
    return lambda given: (f"{sql_name}({given[0].sql})", given[0].kind)


def _to_digits(sql_name: str) -> Callable[[list[Value]], Rendered]:
    """round and trunc: digits want PostgreSQL's numeric."""

    def render(given: list[Value]) -> Rendered:
        if len(given) == 1:
            return f"{sql_name}({double(given[0])})", Kind.DOUBLE
        number, digits = (value.sql for value in given)
        return f"{sql_name}(({number})::numeric, ({digits})::integer)::float8", Kind.DOUBLE

    return render


def _modulo(given: list[Value]) -> Rendered:
    if all(value.kind in WHOLE for value in given):
        kind = Kind.BIGINT if Kind.BIGINT in {value.kind for value in given} else Kind.INTEGER
        return f"mod({given[0].sql}, {given[1].sql})", kind
    a, b = (f"({value.sql})::numeric" for value in given)
    return f"mod({a}, {b})::float8", Kind.DOUBLE


def _floor(sql_name: str) -> Callable[[list[Value]], Rendered]:
    return lambda given: (
        (given[0].sql, given[0].kind)
        if given[0].kind in WHOLE
        else (f"{sql_name}({double(given[0])})", Kind.DOUBLE)
    )


def _number(least: int, most: int, render: Callable[[list[Value]], Rendered]) -> Function:
    return Function(least, most, Family.NUMBER, render)


_ONE_DOUBLE: Final = {
    "ACOS": "acos",
    "ASIN": "asin",
    "ATAN": "atan",
    "COS": "cos",
    "COT": "cot",
    "DEGREES": "degrees",
    "EXP": "exp",
    "LOG": "ln",
    "LOG10": "log",
    "RADIANS": "radians",
    "SIGN": "sign",
    "SIN": "sin",
    "SQRT": "sqrt",
    "TAN": "tan",
}
FUNCTIONS: Final[dict[str, Function]] = {
    **{name: _number(1, 1, _doubles(sql)) for name, sql in _ONE_DOUBLE.items()},
    "ABS": _number(1, 1, _same("abs")),
    "ATAN2": _number(2, 2, _doubles("atan2")),
    "CEILING": _number(1, 1, _floor("ceil")),
    "FLOOR": _number(1, 1, _floor("floor")),
    "MOD": _number(2, 2, _modulo),
    "PI": _number(0, 0, _doubles("pi")),
    "POWER": _number(2, 2, _doubles("power")),
    "RAND": _number(0, 0, _doubles("random")),
    "ROUND": _number(1, 2, _to_digits("round")),
    "TRUNCATE": _number(1, 2, _to_digits("trunc")),
    "LOWER": Function(1, 1, Family.TEXT, _same("lower")),
    "UPPER": Function(1, 1, Family.TEXT, _same("upper")),
}
_SHAPED: Final = (
    "AREA BOX CENTROID CIRCLE CONTAINS COORD1 COORD2 COORDSYS DISTANCE INTERSECTS "
    "IVO_HEALPIX_INDEX POINT POLYGON REGION"
).split()
OTHERS: Final = ("AVG", "CAST", "COALESCE", "COUNT", "IN_UNIT", "MAX", "MIN", "SUM", *_SHAPED)
"""Functions that expressions.py reads by itself."""
_REFUSED: Final = {
    "NULLIF": "NULLIF is not supported: write CASE WHEN a = b THEN NULL ELSE a END",
}


def call(name: str, given: list[Value], node: Any) -> Value:
    """A function of values. Raises BadQuery."""
    function = FUNCTIONS.get(name)
    if function is None:
        raise BadQuery(_unknown(name, node))
    if not function.least <= len(given) <= function.most:
        if name == "RAND":
            raise BadQuery(f"RAND takes no seed here{place_of(node)}: its numbers are not repeated")
        raise BadQuery(f"{name} takes {_count(function)}{place_of(node)}, not {len(given)}")
    for value in given:
        value.asked_as(function.family, node, f"an argument of {name}")
    sql, kind = function.render(given)
    return Value(sql, kind, needs=needs_of(*given), name=name.lower())


def _unknown(name: str, node: Any) -> str:
    if name in _REFUSED:
        return f"{_REFUSED[name]}{place_of(node)}"
    near = find_nearest(name, [*FUNCTIONS, *OTHERS])
    hint = f"; did you mean {near}?" if near else ""
    return f"there is no function {name[:40]}{place_of(node)}{hint}"


def _count(function: Function) -> str:
    words = ("no argument", "one argument", "two arguments")
    if function.least == function.most:
        return words[function.least]
    return f"{function.least} or {function.most} arguments"
