"""Parquet, row group by row group; the footer comes last, so a broken file cannot be opened."""

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from app import late
from app.answers.tabular import Ending, Origin, Table, Values
from archive.columns import TEXT, TIME, Column, Kind

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP: Final = 10_000
"""Rows that are held until they are written: some 6 MB of alerts."""


@cache
def _types() -> "dict[Kind, pa.DataType]":
    known = late.arrow
    return {
        Kind.INTEGER: known.int32(),
        Kind.BIGINT: known.int64(),
        Kind.REAL: known.float32(),
        Kind.DOUBLE: known.float64(),
        Kind.BOOLEAN: known.bool_(),
        Kind.TEXT: known.string(),
        Kind.TIME: known.timestamp("us", "UTC"),
    }


def _field(column: Column) -> "pa.Field":
    told = {"unit": column.unit, "ucd": column.ucd, "description": column.meaning}
    kept = {name: text for name, text in told.items() if text}
    # The jd of an alert may not be a date (alerts/items.utc_text).
    nullable = not column.required or column.kind is TIME
    return late.arrow.field(column.name, _types()[column.kind], nullable, kept)


def _array(column: Column, values: Any) -> "pa.Array":
    if column.kind is TIME:
        return late.arrow.array(values, "string").cast(_types()[TIME])
    return late.arrow.array(values, _types()[column.kind])


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

    def __init__(self, table: Table, origin: Origin, *, begun: bool = False) -> None:
        self._columns = table.columns
        self._schema = late.arrow.schema(
            [_field(c) for c in table.columns], {"description": table.meaning}
        )
        self._sink = _Sink()
        self._writer = late.parquet.ParquetWriter(
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
        self._waiting.append(late.arrow.RecordBatch.from_arrays(arrays, schema=self._schema))
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
            self._writer.write_table(late.arrow.Table.from_batches(self._waiting))
            self._waiting = []
