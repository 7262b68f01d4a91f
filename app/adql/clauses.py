"""The smaller parts of a query: columns of its result, ORDER BY, and what it must not have."""

from collections.abc import Sequence
from typing import Any

from sqlglot import exp

from app.adql.expressions import Expressions
from app.adql.language import Node, place_of
from app.adql.scope import name_of
from app.adql.values import Value
from app.errors import BadQuery
from archive.columns import Column


def name_columns(values: Sequence[tuple[str | None, Value]]) -> tuple[Column, ...]:
    """The columns of a result. Those without a name get one."""
    return tuple(
        value.described(name or value.name or f"col_{n}")
        for n, (name, value) in enumerate(values, 1)
    )


def described_by_both(one: Column, other: Column, node: Node) -> Column:
    """A column of a set operator: what its two sides say of it, as far as they say the same.

    Raises BadQuery for a shape and another, or none.
    """
    if one.xtype != other.xtype:
        told = " and ".join(column.xtype or "no shape" for column in (one, other))
        raise BadQuery(f"{one.name[:64]} has two types, {told}{place_of(node)}")
    if (one.unit, one.ucd, one.meaning) == (other.unit, other.ucd, other.meaning):
        return one
    return one._replace(unit="", ucd="", meaning="", is_ascii=False)


def is_distinct(node: exp.Select) -> bool:
    """Whether equal rows are one. Raises BadQuery for DISTINCT ON."""
    distinct = node.args.get("distinct")
    if distinct is not None and distinct.args.get("on"):
        raise BadQuery("DISTINCT ON is not supported")
    return distinct is not None


def order_term(node: Node, columns: Sequence[Column], expressions: Expressions | None) -> str:
    """A term of ORDER BY: a number or a name of the result's columns, or an expression."""
    term, word = (node.this, " DESC") if node.args.get("desc") else (node.this, "")
    if isinstance(term, exp.Literal) and not term.is_string:
        if not term.name.isdecimal() or not 1 <= int(term.name) <= len(columns):
            raise BadQuery(
                f"ORDER BY {term.name[:20]}: the result has columns 1 to {len(columns)}"
                f"{place_of(term)}"
            )
        _check_ordered(columns[int(term.name) - 1], term)
        return term.name + word
    if isinstance(term, exp.Column) and not term.args.get("table"):
        places = [n for n, c in enumerate(columns, 1) if name_of(term.this).means(c.name)]
        if len(places) == 1:
            _check_ordered(columns[places[0] - 1], term)
            return f"{places[0]}{word}"
    if expressions is None:
        raise BadQuery(
            f"behind a set operator ORDER BY takes names or numbers of columns{place_of(term)}"
        )
    value = expressions.value(term)
    return value.sql + word


def _check_ordered(column: Column, node: Node) -> None:
    if column.xtype:
        raise BadQuery(f"a {column.xtype} comes neither before nor behind another{place_of(node)}")


def whole_number(node: Node, word: str) -> int:
    """The number behind TOP or OFFSET. Raises BadQuery."""
    if isinstance(node, exp.Literal) and not node.is_string and node.name.isdecimal():
        return min(int(node.name), 2**62)
    raise BadQuery(f"{word} takes a whole number from 0 on{place_of(node)}")


def with_precedence(node: Any) -> Any:
    """INTERSECT binds before UNION and EXCEPT; sqlglot reads from left to right."""
    left = node.this
    if type(node) is not exp.Intersect or type(left) not in (exp.Union, exp.Except):
        return node
    inner = node.copy()
    outer = left.copy()
    inner.set("this", outer.expression.copy())
    for part in ("order", "limit", "offset"):
        outer.set(part, inner.args.get(part))
        inner.set(part, None)
    outer.set("expression", inner)
    return with_precedence(outer)
