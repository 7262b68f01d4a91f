"""Queries of ADQL as SQL of PostgreSQL: SELECT, the set operators, WITH."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Final, NamedTuple

from sqlglot import exp

from app.adql.catalogue import Catalogue, as_made, source_of
from app.adql.clauses import (
    described_by_both,
    is_distinct,
    name_columns,
    order_term,
    whole_number,
    with_precedence,
)
from app.adql.expressions import Expressions
from app.adql.grammar import check_tree
from app.adql.held import hold
from app.adql.language import Node, parse_adql, place_of
from app.adql.scope import Known, Scope, Source
from app.adql.tables import Tables
from app.adql.told import Upload
from app.adql.values import Value
from app.errors import BadQuery
from archive.columns import Column

_SETS: Final = {exp.Union: "UNION", exp.Intersect: "INTERSECT", exp.Except: "EXCEPT"}

_MOST_COLUMNS: Final = 1600
"""Of a result: PostgreSQL takes 1,664, and `*` of queries in queries would double any number."""


class Result(NamedTuple):
    """A query as SQL; its columns are called c1, c2, …"""

    sql: str
    columns: tuple[Column, ...]
    needs: frozenset[str] = frozenset()
    """Tables around it on whose rows it depends."""
    uploads: tuple[str, ...] = ()
    """Uploads whose columns are its parameters, one after the other."""


def translate(
    text: str, tables: Mapping[str, Known], uploads: Sequence[Upload] = (), most: int | None = None
) -> Result:
    """The SQL of a query in ADQL, of at most so many rows. Raises BadQuery.

    The parameters of the statement are the columns of the uploads that it names.
    """
    try:
        tree = parse_adql(text)
        check_tree(tree)
        catalogue = Catalogue(tables, uploads)
        result = _Queries(catalogue).whole(tree, most)
        return result._replace(uploads=tuple(catalogue.used))
    except RecursionError:
        raise BadQuery("the query is too deeply nested") from None


class _Queries:
    """Translates queries that see the same tables."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def whole(self, tree: Node, most: int | None) -> Result:
        """The outermost query."""
        made = self
        parts = []
        with_ = tree.args.get("with_")
        if with_ is not None:
            if with_.args.get("recursive"):
                raise BadQuery("WITH RECURSIVE is not supported")
            for n, one in enumerate(with_.expressions, 1):
                if one.args["alias"].columns:
                    raise BadQuery("column names behind the name of a WITH are not supported")
                result = made.query(one.this, None)
                parts.append(f"q{n} AS ({result.sql})")
                named = (one.args["alias"].name, f"q{n}", result.columns)
                known = (*made._catalogue.named, named)
                made = _Queries(replace(self._catalogue, named=known))
            tree = tree.copy()
            tree.set("with_", None)
        result = made.query(tree, None, most)
        prefix = f"WITH {', '.join(parts)} " if parts else ""
        return result._replace(sql=prefix + result.sql)

    def query(self, node: Any, around: Scope | None, most: int | None = None) -> Result:
        """A query of any kind, which can stand in parentheses."""
        if node.args.get("with_") is not None:
            raise BadQuery("WITH may stand at the beginning of the whole query only")
        if isinstance(node, exp.Subquery):
            return self._in_parentheses(node, around, most)
        if isinstance(node, exp.Select):
            return self._select(node, around, most)
        if type(node) in _SETS:
            return self._set(node, around, most)
        raise BadQuery(
            f"{type(node).__name__.upper()} is not supported: a query begins with SELECT"
        )

    def _in_parentheses(self, node: exp.Subquery, around: Scope | None, most: int | None) -> Result:
        if node.args.get("alias"):
            raise BadQuery(f"a query has a name in FROM only{place_of(node)}")
        inner = self.query(node.this, around)
        scope = Scope()
        tail = self._tail(node, inner.columns, None, most, scope)
        if not tail:
            return inner
        everything = "SELECT *"
        return inner._replace(sql=f"{everything} FROM ({inner.sql}) AS p{tail}")

    def _set(self, node: Any, around: Scope | None, most: int | None) -> Result:
        node = with_precedence(node)
        a, b = self.query(node.this, around), self.query(node.expression, around)
        if len(a.columns) != len(b.columns):
            raise BadQuery(
                f"both sides of {_SETS[type(node)]} must have the same number of columns, not "
                f"{len(a.columns)} and {len(b.columns)}{place_of(node)}"
            )
        word = _SETS[type(node)] + ("" if node.args.get("distinct") else " ALL")
        sql = f"({a.sql}) {word} ({b.sql})"
        sql += self._tail(node, a.columns, None, most, Scope())
        columns = tuple(
            described_by_both(*pair, node) for pair in zip(a.columns, b.columns, strict=True)
        )
        return Result(sql, columns, a.needs | b.needs)

    def _select(self, node: exp.Select, around: Scope | None, most: int | None) -> Result:
        scope = Scope(around)
        expressions = Expressions(scope, self._inner)
        first = node.args.get("from_")
        if first is None:
            raise BadQuery("a query needs FROM")
        tables = Tables(scope, expressions, self._opened)
        tables.add_all(first.this, node.args.get("joins") or [])
        where = node.args.get("where")
        condition = None if where is None else where.this
        tests = [] if condition is None else [expressions.truth(condition, "WHERE")]
        from_sql, ons = tables.sql(condition)
        values = list(islice(self._listed(node, scope, expressions), _MOST_COLUMNS + 1))
        if len(values) > _MOST_COLUMNS:
            raise BadQuery(f"a query may have {_MOST_COLUMNS} columns at most")
        columns = name_columns(values)
        word = "SELECT DISTINCT" if is_distinct(node) else "SELECT"
        listed = ", ".join(
            f"{'NULL::text' if value.sql == 'NULL' else value.sql} AS c{n}"
            for n, (_, value) in enumerate(values, 1)
        )
        sql = f"{word} {listed} FROM {from_sql}"
        if conditions := [*ons, *(test.sql for test in tests)]:
            sql += f" WHERE {' AND '.join(conditions)}"
        sql += self._grouped(node, expressions)
        sql += self._tail(node, columns, expressions, most, scope)
        own = {source.alias for source in scope.sources}
        needs = frozenset().union(*(value.needs for _, value in values), *(t.needs for t in tests))
        return Result(sql, columns, needs - own)

    def _listed(
        self, node: exp.Select, scope: Scope, expressions: Expressions
    ) -> Iterable[tuple[str | None, Value]]:
        """Name, if the query gives one, and value of each column of the result."""
        if not node.expressions:
            raise BadQuery("there is nothing between SELECT and FROM")
        for one in node.expressions:
            if isinstance(one, exp.Star):
                yield from _all_columns(scope)
            elif isinstance(one, exp.Column) and isinstance(one.this, exp.Star):
                if not (sources := scope.tables(one)):
                    raise BadQuery(f"there is no table {one.table[:64]} in FROM{place_of(one)}")
                yield from ((name, value) for source in sources for name, value in source.columns)
            elif isinstance(one, exp.Alias):
                yield one.alias, hold(expressions.given(one.this))
            else:
                value = hold(expressions.given(one))
                yield None if not isinstance(one, exp.Column) else one.name, value

    def _grouped(self, node: exp.Select, expressions: Expressions) -> str:
        sql = ""
        if (group := node.args.get("group")) is not None:
            if any(part for name, part in group.args.items() if name != "expressions"):
                raise BadQuery("GROUP BY takes columns and expressions only")
            terms = [expressions.value(one) for one in group.expressions]
            if any(term.number is not None for term in terms):
                raise BadQuery("GROUP BY takes columns, not their numbers")
            sql = f" GROUP BY {', '.join(term.sql for term in terms)}"
        if (having := node.args.get("having")) is not None:
            sql += f" HAVING {expressions.truth(having.this, 'HAVING').sql}"
        return sql

    def _tail(
        self,
        node: Node,
        columns: Sequence[Column],
        expressions: Expressions | None,
        most: int | None,
        scope: Scope,
    ) -> str:
        """ORDER BY, LIMIT and OFFSET."""
        sql = ""
        if (ordered := node.args.get("order")) is not None:
            terms = [order_term(one, columns, expressions) for one in ordered.expressions]
            sql = f" ORDER BY {', '.join(terms)}"
        limits = [] if most is None else [most]
        if (limit := node.args.get("limit")) is not None:
            limits.append(whole_number(limit.expression, "TOP"))
        if limits:
            sql += f" LIMIT {min(limits)}"
        if (offset := node.args.get("offset")) is not None:
            sql += f" OFFSET {whole_number(offset.expression, 'OFFSET')}"
        return sql

    def _inner(self, node: Node, scope: Scope) -> tuple[str, int, frozenset[str]]:
        result = self.query(node, scope)
        return result.sql, len(result.columns), result.needs

    # What stands in FROM

    def _opened(self, node: Node, alias: str, scope: Scope) -> tuple[str, Source]:
        if isinstance(node, exp.Subquery):
            name = node.args.get("alias")
            if name is None or name.this is None:
                raise BadQuery(f"a query in FROM needs a name: (…) AS name{place_of(node)}")
            if name.columns:
                raise BadQuery(
                    f"names of columns behind that of a query are not supported{place_of(node)}"
                )
            result = self.query(node.this, None)
            sql = f"({result.sql}) AS {alias}"
            return sql, source_of(alias, name.this.name, "", as_made(result.columns))
        if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
            raise BadQuery(f"this is no table{place_of(node)}")
        given = node.args.get("alias")
        if given is not None and given.columns:
            raise BadQuery(
                f"names of columns behind that of a table are not supported{place_of(node)}"
            )
        own = given.this.name if given is not None else ""
        return self._catalogue.open_table(node, alias, own)


def _all_columns(scope: Scope) -> Iterable[tuple[str, Value]]:
    """What * stands for: merged columns first, and once."""
    yield from ((value.name or name, value) for name, value in scope.merged.items())
    for source in scope.sources:
        for name, value in source.columns:
            if name.lower() not in scope.merged:
                yield name, value
