"""Parquet files as the catalog holds them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from catalog.form import PLACE

ROW_GROUP: Final = 131_072
READ_ROWS: Final = 8192
NANS: Final = "mars_nan"
"""The key in a footer under which columns with NaN are named."""
_LEVEL: Final = 3
"""zstd's. HATS's own tools take 15: a fifteenth of the speed for 6 % less."""


def open_writer(path: Path, schema: Any) -> Any:
    """A writer of sorted rows; what is written at a time becomes row groups of its own."""
    floats = [field.name for field in schema if pa.types.is_floating(field.type)]
    special = dict.fromkeys(floats, "BYTE_STREAM_SPLIT")
    if PLACE in schema.names:
        special[PLACE] = "DELTA_BINARY_PACKED"
    return parquet.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=_LEVEL,
        # Measurements hardly repeat, and bytes of the same weight compress well side by side.
        use_dictionary=[name for name in schema.names if name not in special],
        column_encoding=special,
        write_page_index=True,
    )


def columns_with_nan(table: Any) -> set[str]:
    """Columns with a NaN, which readers must know: Parquet's greatest values leave it out."""
    floats = (field.name for field in table.schema if pa.types.is_floating(field.type))
    return {name for name in floats if pc.any(pc.is_nan(table[name])).as_py()}


def close_writer(writer: Any, nans: set[str]) -> None:
    """End a file, with the columns that have a NaN under NANS in its footer."""
    writer.add_key_value_metadata({NANS: ",".join(sorted(nans))})
    writer.close()


def batches_of(path: Path) -> Iterator[Any]:
    """The rows of a file in its order, some thousand at a time; the file goes when it is read."""
    with parquet.ParquetFile(path) as file:
        yield from file.iter_batches(READ_ROWS)
    path.unlink()


def schema_bytes(schema: Any) -> bytes:
    """`_common_metadata`: a file of Parquet without rows."""
    sink = pa.BufferOutputStream()
    parquet.write_metadata(schema, sink)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def footers_bytes(schema: Any, footers: list[tuple[str, bytes]]) -> bytes:
    """`_metadata`: where the row groups of all files lie, from each file's name and its end."""
    whole = parquet.read_metadata(pa.BufferReader(schema_bytes(schema)))
    for name, end in footers:
        meta = parquet.read_metadata(pa.BufferReader(end))
        meta.set_file_path(name)
        whole.append_row_groups(meta)
    sink = pa.BufferOutputStream()
    whole.write_metadata_file(sink)
    data: bytes = sink.getvalue().to_pybytes()
    return data
