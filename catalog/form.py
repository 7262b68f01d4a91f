"""What a row of the catalog is: the columns of a survey's alerts, as PostgreSQL sends and Arrow
holds them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import csv
from sqlalchemy import Select, select
from sqlalchemy.dialects import postgresql

from archive.columns import Column, Kind
from archive.survey import Survey
from archive.tables import SQL_TYPE
from catalog.pixels import pixels_of

PLACE: Final = "_healpix_29"
BLOCK: Final = 2**20
"""Bytes that are parsed at a time: more leave the processor's caches and take twice as long."""
_ARROW: Final[dict[Kind, Any]] = {
    Kind.INTEGER: pa.int32(),
    Kind.BIGINT: pa.int64(),
    Kind.REAL: pa.float32(),
    Kind.DOUBLE: pa.float64(),
    Kind.TEXT: pa.string(),
    Kind.BOOLEAN: pa.bool_(),
}
_OF_SQL: Final = {SQL_TYPE[kind]: arrow for kind, arrow in _ARROW.items()}
_OWN: Final[Mapping[str, Column]] = {
    column.name: column
    for column in (
        Column(PLACE, Kind.BIGINT, "", "pos.healpix", "pixel of HEALPix, order 29, nested"),
        Column(
            "sentinels",
            Kind.BIGINT,
            "",
            "meta.code",
            "bit n: the n-th field with a sentinel had it",
        ),
        Column("extra", Kind.TEXT, "", "meta.note", "JSON of the fields that have no column"),
    )
}


@dataclass(frozen=True)
class Form:
    """The rows of one survey."""

    survey: Survey

    @cached_property
    def kept(self) -> tuple[str, ...]:
        """The columns of the table of alerts that are copied as they are."""
        c = self.survey.alert.c
        ranges = {f"{part}_{end}" for part in self.parts for end in ("offset", "length")}
        left_out = ranges | {"bundle", "payload_hash", "received"}
        return tuple(column.name for column in c if column.name not in left_out)

    @property
    def parts(self) -> tuple[str, ...]:
        """What may be kept of an alert's bytes."""
        return ("packet", *self.survey.stamps)

    @cached_property
    def schema(self) -> Any:
        """The Arrow schema of the catalog; what is known of a column is with its field."""
        c = self.survey.alert.c
        types = {name: _OF_SQL.get(type(c[name].type), pa.string()) for name in self.kept}
        types = {PLACE: pa.int64()} | types | {f"has_{part}": pa.bool_() for part in self.parts}
        return pa.schema(
            [pa.field(name, kind, metadata=self._told(name)) for name, kind in types.items()]
        )

    def _told(self, name: str) -> dict[str, str]:
        column = self.survey.columns.get(name) or _OWN.get(name)
        if column is None:
            part = name.removeprefix("has_")
            return {"description": f"whether the archive has the alert's {part}"}
        told = {"description": column.meaning, "unit": column.unit, "ucd": column.ucd}
        return {key: text for key, text in told.items() if text}

    @property
    def order(self) -> list[tuple[str, str]]:
        """How rows are sorted: by place, and by the alert's id where that is the same."""
        return [(PLACE, "ascending"), (self.survey.key, "ascending")]

    def query(self, first: int, last: int) -> str:
        """The statement that gives the rows of some batches, as text."""
        c = self.survey.alert.c
        held = (c[f"{part}_offset"].is_not(None).label(f"has_{part}") for part in self.parts)
        rows = select(*(c[name] for name in self.kept), *held)
        return text_of(rows.where(c.batch.between(first, last)))

    def read(self, sent: bytes) -> Any:
        """The rows of a CSV of PostgreSQL, with their place, sorted.

        PostgreSQL prints the fewest digits that read back as the same number, and NULL alone as
        nothing without quotes.
        """
        try:
            table = self._parsed(sent, BLOCK)
        except pa.ArrowInvalid:
            # A row is longer than a block.
            table = self._parsed(sent, len(sent))
        places = pixels_of(np.asarray(table["ra"]), np.asarray(table["dec"]))
        table = table.add_column(0, PLACE, pa.array(places)).cast(self.schema)
        return self.sort(table)

    def _parsed(self, sent: bytes, block: int) -> Any:
        schema = pa.schema(list(self.schema)[1:])
        return csv.read_csv(
            pa.py_buffer(sent),
            csv.ReadOptions(column_names=schema.names, use_threads=False, block_size=block),
            csv.ParseOptions(newlines_in_values=True),
            csv.ConvertOptions(
                column_types=schema,
                check_utf8=False,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                true_values=["t"],
                false_values=["f"],
            ),
        )

    def sort(self, table: Any) -> Any:
        """The rows in the catalog's order, in one chunk."""
        return table.combine_chunks().sort_by(self.order)


def text_of(statement: Select[Any]) -> str:
    """A statement whose values are integers as text: COPY takes no parameters."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
