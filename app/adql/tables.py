"""FROM: tables, queries and joins, in an order in which circles are found by the index."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlglot import exp

from app.adql.circles import Hint, find_hints
from app.adql.expressions import Expressions
from app.adql.language import Node, place_of
from app.adql.scope import Name, Scope, Source, name_of
from app.adql.values import Value, needs_of
from app.errors import BadQuery
from archive.columns import Kind

Opened = Callable[[Node, str, Scope], tuple[str, Source]]
"""Opens a table or a query under an alias: its SQL, and what it gives."""
_OUTER: Final = ("LEFT", "RIGHT", "FULL")


@dataclass(slots=True)
class Item:
    """One part of FROM."""

    sql: str
    sources: list[Source]
    join: str = "CROSS"
    """How it is joined with what is before it: CROSS, its condition being `on`, or an outer one."""
    on: str = "true"
    hint: Hint | None = None

    @property
    def alias(self) -> str | None:
        """That of its one table; None: it is a join in parentheses."""
        return self.sources[0].alias if len(self.sources) == 1 else None

    def read(self) -> str:
        """The table, or the function that reads it."""
        return f"LATERAL {self.hint.function} AS {self.alias}" if self.hint else self.sql


class Tables:
    """The FROM of one SELECT."""

    def __init__(self, scope: Scope, expressions: Expressions, opened: Opened) -> None:
        self._scope, self._expressions, self._open = scope, expressions, opened
        self._items: list[Item] = []
        self._hints: list[Hint] = []

    def add_all(self, first: Node, joins: Sequence[exp.Join]) -> None:
        """Take in all parts, which the scope then sees."""
        self._items.append(self._opened(first))
        for join in joins:
            self._add(join)

    def sql(self, where: Node | None) -> tuple[str, list[str]]:
        """FROM, and the conditions that go to WHERE."""
        self._hints += find_hints(where, self._expressions, self._scope.sources)
        sides = {item.join for item in self._items}
        if sides & {"RIGHT", "FULL"}:
            return self._joined(), []
        if "LEFT" in sides:
            self._read_by_index(self._items, reorder=False)
            return self._joined(), []
        ordered = self._read_by_index(self._items, reorder=True)
        read = " CROSS JOIN ".join(item.read() for item in ordered)
        return read.removeprefix("LATERAL "), [i.on for i in self._items if i.on != "true"]

    def _joined(self) -> str:
        sql = self._items[0].read().removeprefix("LATERAL ")
        for item in self._items[1:]:
            word = "INNER" if item.join == "CROSS" else item.join
            sql += f" {word} JOIN {item.read()} ON {item.on}"
        return sql

    def _read_by_index(self, items: Sequence[Item], reorder: bool) -> list[Item]:
        """Give items their circles, and an order in which each comes behind what it needs."""
        own = {source.alias for item in items for source in item.sources}
        left, read, done = list(items), [], set[str]()

        def circle_of(item: Item) -> Hint | None:
            fitting = [h for h in self._hints if h.alias == item.alias and h.needs & own <= done]
            # A circle of constants is one scan; one around rows is a scan for each.
            return min(fitting, key=lambda hint: len(hint.needs), default=None)

        while left:
            hinted = {hint.alias for hint in self._hints}
            ready = next((item for item in left if item.alias not in hinted), None)
            circled = next((item for item in left if circle_of(item)), None)
            item = left[0] if not reorder else circled or ready or left[0]
            item.hint = circle_of(item)
            left.remove(item)
            read.append(item)
            done |= {source.alias for source in item.sources}
        return read

    # Joins

    def _opened(self, node: Node) -> Item:
        """A table, a query with a name, or a join in parentheses."""
        inner = node.this if isinstance(node, exp.Subquery) else node
        joins = inner.args.get("joins") or node.args.get("joins")
        if isinstance(inner, exp.Table) and (joins or isinstance(node, exp.Subquery)):
            if node is not inner and node.args.get("alias"):
                raise BadQuery(f"a join in parentheses has no name of its own{place_of(node)}")
            bare = inner.copy()
            bare.set("joins", None)
            nested = Tables(self._scope, self._expressions, self._open)
            nested.add_all(bare, joins or [])
            sources = [source for item in nested._items for source in item.sources]
            return Item(f"({nested._joined()})" if joins else nested._joined(), sources)
        sql, source = self._open(node, f"t{_count(self._scope) + 1}", self._scope)
        self._scope.add(source, node)
        return Item(sql, [source])

    def _add(self, join: exp.Join) -> None:
        _check_join(join)
        before = [source for item in self._items for source in item.sources]
        item = self._opened(join.this)
        side, on = join.side.upper(), join.args.get("on")
        item.join = side or "CROSS"
        self._items.append(item)
        if join.method.upper() == "NATURAL":
            item.on = self._merge(_common(before, item.sources), before, item, join)
        elif using := join.args.get("using"):
            names = [name_of(one.this if isinstance(one, exp.Column) else one) for one in using]
            item.on = self._merge(names, before, item, join)
        elif on is not None:
            item.on = self._expressions.truth(on, "ON").sql
            # What an outer join asks says nothing of the rows on its other side.
            seen = item.sources if side else [*before, *item.sources]
            self._hints += find_hints(on, self._expressions, seen)
        elif join.kind.upper() != "CROSS":
            raise BadQuery(f"a JOIN needs ON or USING{place_of(join)}")

    def _merge(self, names: Sequence[Name], before: list[Source], item: Item, join: Any) -> str:
        """Columns of the same name are equal, and one."""
        tests = []
        for name in names:
            a = self._scope.merged.get(name.text.lower()) or _only(name, before, join)
            b = _only(name, item.sources, join)
            if any(value.column is not None and value.column.xtype for value in (a, b)):
                raise BadQuery(f"shapes cannot be compared: {name.text[:64]}{place_of(join)}")
            tests.append(f"{a.sql} = {b.sql}")
            one = b if item.join == "RIGHT" else a
            if item.join == "FULL":
                sql = f"COALESCE({a.sql}, {b.sql})"
                one = replace(a, sql=sql, needs=needs_of(a, b))
            self._scope.merged[name.text.lower()] = one
        return f"({' AND '.join(tests)})" if tests else "true"


def _check_join(join: exp.Join) -> None:
    method, side, kind = join.method.upper(), join.side.upper(), join.kind.upper()
    known = method in ("", "NATURAL") and side in ("", *_OUTER) and kind in ("", "INNER", "CROSS")
    if not known and not (kind == "OUTER" and side):
        words = " ".join(word for word in (method, side, kind) if word)
        raise BadQuery(f"{words} JOIN is not supported{place_of(join)}")


def _count(scope: Scope) -> int:
    """How many tables there are up to here, so that each has an alias of its own."""
    around = _count(scope.around) + 100 if scope.around else 0
    return around + len(scope.sources)


def _common(before: Sequence[Source], sources: Sequence[Source]) -> list[Name]:
    there = {own.lower() for source in before for own, _ in source.columns}
    return [
        Name(own, False) for source in sources for own, _ in source.columns if own.lower() in there
    ]


def _only(name: Name, sources: Sequence[Source], node: Any) -> Value:
    found = [value for source in sources for value in source.named(name)]
    if len(found) != 1:
        what = "several columns" if found else "no column"
        raise BadQuery(f"USING: there is {what} {name.text[:64]} on one side{place_of(node)}")
    return found[0]


def values_of(alias: str, columns: Sequence[tuple[str, str, Any]]) -> tuple[tuple[str, Value], ...]:
    """Columns as a source has them, from name, name in SQL, and column or value."""
    made = []
    for name, own, column in columns:
        kind: Kind | None = column.kind
        made.append((name, Value(f"{alias}.{own}", kind, column, frozenset({alias}), name=name)))
    return tuple(made)
