"""What a query can name in FROM: tables of the service, queries of WITH, uploads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp

from app.adql.language import place_of
from app.adql.scope import Known, Source, find_table, name_of
from app.adql.tables import values_of
from app.adql.told import Upload
from app.errors import BadQuery
from archive.columns import Column

UPLOADS: Final = "tap_upload"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The tables that a query sees."""

    tables: Mapping[str, Known]
    uploads: Sequence[Upload]
    named: tuple[tuple[str, str, tuple[Column, ...]], ...] = ()
    """Queries of WITH: name, name in SQL, columns."""
    used: dict[str, int] = field(default_factory=dict)
    """Uploads that the query names, each with the number of its first parameter."""

    def open_table(self, node: exp.Table, alias: str, own: str) -> tuple[str, Source]:
        """SQL and columns of a table, which the query may call otherwise. Raises BadQuery."""
        if not node.args.get("db"):
            for name, sql_name, columns in self.named:
                if name_of(node.this).means(name):
                    made = source_of(alias, own or name, "", as_made(columns))
                    return f"{sql_name} AS {alias}", made
        if node.args.get("db") and node.db.lower() == UPLOADS:
            return self._upload(node, alias, own)
        table = find_table(self.tables, node)
        schema, _, name = table.name.partition(".")
        known = [(c.name, f'"{c.name}"', c) for c in table.columns]
        source = source_of(alias, own or name, "" if own else schema, known, table.located)
        return f"{table.name} AS {alias}", source

    def _upload(self, node: exp.Table, alias: str, own: str) -> tuple[str, Source]:
        for upload in self.uploads:
            if name_of(node.this).means(upload.name):
                first = self.used.setdefault(upload.name, self._next())
                types = enumerate(upload.array_types, first)
                places = ", ".join(f"${n}::{kind}[]" for n, kind in types)
                names = ", ".join(f"c{n + 1}" for n in range(len(upload.columns)))
                schema = "" if own else UPLOADS
                source = source_of(alias, own or upload.name, schema, as_made(upload.columns))
                return f"unnest({places}) AS {alias}({names})", source
        raise BadQuery(f"no table {node.name[:64]} was uploaded{place_of(node)}")

    def _next(self) -> int:
        """The number of the first parameter that is free."""
        sizes = {upload.name: len(upload.columns) for upload in self.uploads}
        return 1 + sum(sizes[name] for name in self.used)


def source_of(
    alias: str,
    name: str,
    schema: str,
    columns: Sequence[tuple[str, str, Column]],
    located: bool = False,
) -> Source:
    """Something in FROM, from names, names in SQL, and columns."""
    return Source(alias, name, schema, values_of(alias, columns), located)


def as_made(columns: Sequence[Column]) -> list[tuple[str, str, Column]]:
    """Columns of a query: their names in SQL are c1, c2, …"""
    return [(column.name, f"c{n}", column) for n, column in enumerate(columns, 1)]
