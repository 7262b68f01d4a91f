"""In which leaves each object lies: a table beside the catalog, by which LSDB finds an object."""

from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from catalog import parquetry
from catalog.layout import INDEXED
from catalog.pixels import Pixel

SCHEMA: Final = pa.schema(
    [
        (INDEXED, pa.string()),
        ("Norder", pa.uint8()),
        ("Dir", pa.uint64()),
        ("Npix", pa.uint64()),
    ]
)


class Objects:
    """The objects of each leaf, collected leaf by leaf: some 40 bytes each in memory."""

    def __init__(self) -> None:
        self._pieces: list[Any] = []

    def add(self, leaf: Pixel, names: list[Any]) -> None:
        """Add the objects of a leaf, in which they may repeat."""
        found = pc.unique(pa.chunked_array(names, pa.string()))
        n = len(found)
        place = (leaf.order, leaf.number // 10_000 * 10_000, leaf.number)
        columns = [
            pa.repeat(pa.scalar(v, f.type), n) for v, f in zip(place, list(SCHEMA)[1:], strict=True)
        ]
        self._pieces.append(pa.table([found, *columns], schema=SCHEMA))

    def write(self, path: Path) -> int:
        """Write them by name; returns how many rows that are."""
        table = pa.concat_tables([SCHEMA.empty_table(), *self._pieces])
        table = table.sort_by([(name, "ascending") for name in SCHEMA.names])
        with parquetry.open_writer(path, SCHEMA) as writer:
            writer.write_table(table, parquetry.ROW_GROUP)
        return int(table.num_rows)
