"""Which tables a part of a query sees, and which column a name in it means."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from sqlglot import exp

from app.adql.language import Node, place_of
from app.adql.values import Value
from app.errors import BadQuery
from app.spelling import find_nearest
from archive.columns import Column

MAX_TABLES: Final = 50
"""Fewer than tables.py leaves room for between the aliases of a SELECT and those within it."""


class Known(Protocol):
    """A table of the service."""

    @property
    def name(self) -> str:
        """With its schema."""

    @property
    def columns(self) -> tuple[Column, ...]: ...

    @property
    def located(self) -> bool:
        """Whether an index leads from a circle to the rows whose `ra` and `dec` lie in it."""


class Name(NamedTuple):
    """A name of a query: in double quotes it is exact, else its case does not matter."""

    text: str
    exact: bool

    def means(self, other: str) -> bool:
        """Whether it means what bears the other name."""
        return self.text == other if self.exact else self.text.lower() == other.lower()


def name_of(node: Node) -> Name:
    """The name in an identifier. Raises BadQuery where there is none, as between two dots."""
    if not isinstance(node, exp.Identifier):
        raise BadQuery("a name is missing beside a dot")
    return Name(node.name, bool(node.args.get("quoted")))


@dataclass(frozen=True, slots=True)
class Source:
    """Something in FROM that has columns."""

    alias: str
    """What it is called in SQL."""
    name: str
    schema: str
    """That of a table without a name of its own in the query; else empty."""
    columns: tuple[tuple[str, Value], ...]
    located: bool = False

    def named(self, name: Name) -> list[Value]:
        """The columns that a name means."""
        return [value for own, value in self.columns if name.means(own)]


@dataclass
class Scope:
    """The tables of one SELECT, and those around it."""

    around: "Scope | None" = None
    sources: list[Source] = field(default_factory=list)
    merged: dict[str, Value] = field(default_factory=dict)
    """Columns that NATURAL or USING made one of two, by lower-case name."""

    def add(self, source: Source, node: Any) -> None:
        """See another table. Raises BadQuery for a name that is there already."""
        for other in self.sources:
            if (other.name.lower(), other.schema) == (source.name.lower(), source.schema):
                raise BadQuery(
                    f"there are two tables {source.name[:64]}{place_of(node)}: call one of them "
                    "otherwise, with AS"
                )
        if len(self.sources) == MAX_TABLES:
            raise BadQuery(f"more than {MAX_TABLES} tables in one FROM")
        self.sources.append(source)

    def find(self, node: exp.Column) -> Value:
        """The column that a node names. Raises BadQuery."""
        name, table = name_of(node.this), node.args.get("table")
        if node.args.get("catalog"):
            raise BadQuery(f"{node.sql()[:80]} has too many parts{place_of(node)}")
        if table is None and (one := self.merged.get(name.text.lower())):
            return one
        seen = self.sources if table is None else self.tables(node)
        found = [value for source in seen for value in source.named(name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise BadQuery(
                f"{name.text[:64]} is a column of several tables{place_of(node)}: write "
                f"table.{name.text[:64]}"
            )
        if self.around is not None and (table is None or not seen):
            return self.around.find(node)
        raise BadQuery(self._unknown(name, node, seen))

    def tables(self, node: exp.Column) -> list[Source]:
        """The tables that the first parts of a name mean."""
        table, schema = name_of(node.args["table"]), node.args.get("db")
        return [
            source
            for source in self.sources
            if table.means(source.name) and (schema is None or name_of(schema).means(source.schema))
        ]

    def _unknown(self, name: Name, node: exp.Column, seen: Iterable[Source]) -> str:
        if node.args.get("table") is not None and not seen:
            return f"there is no table {node.table[:64]} in FROM{place_of(node)}"
        names = [own for source in seen for own, _ in source.columns]
        near = find_nearest(name.text.lower(), names)
        hint = f"; did you mean {near}?" if near else ""
        return f"there is no column {name.text[:64]}{place_of(node)}{hint}"


def find_table(tables: Mapping[str, Known], node: exp.Table) -> Known:
    """A table of the service, with its schema or without. Raises BadQuery."""
    schema, name = node.args.get("db"), name_of(node.this)
    for full, table in tables.items():
        of, _, own = full.partition(".")
        if name.means(own) and (schema is None or name_of(schema).means(of)):
            return table
    told = f"{node.db}.{node.name}" if schema else node.name
    near = find_nearest(told.lower(), [*tables, *(full.partition(".")[2] for full in tables)])
    hint = f"; did you mean {near}?" if near else ""
    raise BadQuery(f"there is no table {told[:80]}{place_of(node)}{hint}")
