"""COUNT, SUM, AVG, MIN and MAX."""

from collections.abc import Callable
from typing import Final

from sqlglot import exp

from app.adql.language import Node, place_of
from app.adql.values import WHOLE, Family, Value
from app.errors import BadQuery
from archive.columns import Kind


def _sum(value: Value, word: str) -> tuple[str, Kind | None]:
    if value.kind in WHOLE:
        return f"sum({word}{value.sql})::bigint", Kind.BIGINT
    return f"sum({word}({value.sql})::float8)", Kind.DOUBLE


AGGREGATES: Final[dict[str, Callable[[Value, str], tuple[str, Kind | None]]]] = {
    "AVG": lambda value, word: (f"avg({word}({value.sql})::float8)", Kind.DOUBLE),
    "COUNT": lambda value, word: (f"count({word}{value.sql})", Kind.BIGINT),
    "MAX": lambda value, word: (f"max({word}{value.sql})", value.kind),
    "MIN": lambda value, word: (f"min({word}{value.sql})", value.kind),
    "SUM": _sum,
}


def aggregate(name: str, node: exp.Anonymous, read: Callable[[Node], Value]) -> Value:
    """An aggregate function of what `read` makes of its argument. Raises BadQuery."""
    if len(node.expressions) != 1:
        raise BadQuery(f"{name} takes one argument{place_of(node)}")
    (inner,), word = node.expressions, ""
    if isinstance(inner, exp.Star):
        if name != "COUNT":
            raise BadQuery(f"only COUNT takes *{place_of(node)}")
        return Value("count(*)", Kind.BIGINT, name="count")
    if isinstance(inner, exp.Distinct):
        if len(inner.expressions) != 1:
            raise BadQuery(f"DISTINCT in {name} takes one argument{place_of(node)}")
        (inner,), word = inner.expressions, "DISTINCT "
    value = read(inner)
    if name in ("AVG", "SUM"):
        value.asked_as(Family.NUMBER, node, f"the argument of {name}")
    elif name != "COUNT" and value.family is Family.BOOLEAN:
        raise BadQuery(f"{name} of true and false is not supported{place_of(node)}")
    sql, kind = AGGREGATES[name](value, word)
    column = value.column if name in ("AVG", "MAX", "MIN") else None
    return Value(sql, kind, column, value.needs, name=name.lower())
