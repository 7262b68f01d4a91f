"""Parquet, row group by row group; the footer comes last, so a broken file cannot be opened."""

from typing import Any, Final

import pyarrow as pa
from pyarrow import parquet

from app.answers.tabular import Ending, Origin, Table, Values
from archive.columns import TEXT, TIME, Column, Kind

ROW_GROUP: Final = 10_000
"""Rows that are held until they are written: some 6 MB of alerts."""
_TYPES: Final[dict[Kind, pa.DataType]] = {
    Kind.INTEGER: pa.int32(),
    Kind.BIGINT: pa.int64(),
    Kind.REAL: pa.float32(),
    Kind.DOUBLE: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.TEXT: pa.string(),
    Kind.TIME: pa.timestamp("us", "UTC"),
}


def _field(column: Column) -> pa.Field:
    told = {"unit": column.unit, "ucd": column.ucd, "description": column.meaning}
    kept = {name: text for name, text in told.items() if text}
    # The jd of an alert may not be a date (alerts/items.utc_text).
    nullable = not column.required or column.kind is TIME
    return pa.field(column.name, _TYPES[column.kind], nullable, kept)


def _array(column: Column, values: Any) -> pa.Array:
    if column.kind is TIME:
        return pa.array(values, pa.string()).cast(_TYPES[TIME])
    return pa.array(values, _TYPES[column.kind])


class _Sink:
    """A file for pyarrow; `taken` returns what was written since the last call."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: Any) -> int:
        self._pieces.append(bytes(data))
        return len(self._pieces[-1])

    def flush(self) -> None:
        """Nothing is buffered here."""

    def close(self) -> None:
        self.closed = True

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


class Parquet:
    """float32 stays float32 and ids 64-bit integers; units and UCDs are metadata of the columns."""

    def __init__(self, table: Table, origin: Origin) -> None:
        self._columns = table.columns
        self._schema = pa.schema([_field(c) for c in table.columns], {"description": table.meaning})
        self._sink = _Sink()
        self._writer = parquet.ParquetWriter(
            self._sink,
            self._schema,
            compression="zstd",
            # Numbers hardly repeat: dictionaries for them made files 50 % larger.
            use_dictionary=[c.name for c in table.columns if c.kind is TEXT],
        )
        self._waiting: list[pa.RecordBatch] = []

    def begin(self) -> bytes:
        return self._sink.taken()

    def rows(self, values: Values) -> bytes:
        arrays = [_array(c, v) for c, v in zip(self._columns, values, strict=True)]
        self._waiting.append(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        if sum(batch.num_rows for batch in self._waiting) >= ROW_GROUP:
            self._write()
        return self._sink.taken()

    def end(self, ending: Ending) -> bytes:
        self._write()
        told = {"as_of": ending.as_of, "truncated": str(ending.next is not None).lower()}
        said = told | {"next": ending.next}
        self._writer.add_key_value_metadata({n: str(t) for n, t in said.items() if t is not None})
        self._writer.close()
        return self._sink.taken()

    def _write(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting))
            self._waiting = []
