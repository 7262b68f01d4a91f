"""Sorted rows -> the files of a root: leaves, margin, index. Update and compaction share it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from catalog import parquetry
from catalog.form import PLACE
from catalog.index import Objects
from catalog.layout import INDEX, INDEXED, MAIN, MARGIN, File
from catalog.pixels import Ints, Pixel, Tiles, beside, cuts
from catalog.published import Shelf
from catalog.runs import Merge, Spool
from catalog.sums import MODULUS, sum_of

LEAF: Final = "_leaf"
"""The column of the margin's runs that says whose margin it is: the index of a leaf."""
CHUNK: Final = 2**20
WHOLE: Final = 8 * 2**20
"""Bytes up to which a file is put at once."""
Rows = Callable[[int], list[Any]]
Before = Callable[[Pixel], Awaitable[None]]


@dataclass(frozen=True)
class Builder:
    """Writes what some batches bring to a root."""

    shelf: Shelf
    root: str
    batches: tuple[int, int]
    """The first and the last."""
    tiles: Tiles
    folder: Path
    bar: "tqdm[Any]"
    margin: Spool
    objects: Objects = field(default_factory=Objects)

    async def build(self, rows: Rows, counts: Ints, before: Before | None = None) -> list[File]:
        """Put the files of all rows; `rows` gives the next ones up to a pixel of order 29.

        `counts` are these rows by pixel of order COUNTED; `before` is called with each leaf.
        """
        files: list[File] = []
        for n, leaf in enumerate(self.tiles.leaves):
            if before is not None:
                await before(leaf)
            bounds = cuts(counts, leaf, parquetry.ROW_GROUP)
            file = await asyncio.to_thread(self._write_leaf, n, bounds, rows)
            if file is not None:
                files.append(await self._put(file))
        for file in await asyncio.to_thread(self._write_margins):
            files.append(await self._put(file))
        count = await asyncio.to_thread(self.objects.write, self._path(INDEX, None))
        if count:
            files.append(await self._put(File(INDEX, None, *self.batches, count, 0, 0)))
        return files

    def _write_leaf(self, n: int, bounds: list[int], rows: Rows) -> File | None:
        leaf, names, total, count = self.tiles.leaves[n], [], 0, 0
        nans: set[str] = set()
        schema = self.shelf.form.schema
        writer = None
        for bound in bounds:
            batches = rows(bound)
            if not batches:
                continue
            table = self.shelf.form.sort(pa.Table.from_batches(batches, schema))
            writer = writer or parquetry.open_writer(self._path(MAIN, leaf), schema)
            writer.write_table(table, parquetry.ROW_GROUP)
            total = (total + sum_of(table)) % MODULUS
            nans |= parquetry.columns_with_nan(table)
            count += table.num_rows
            names += table[INDEXED].chunks
            self._spool_margin(n, table)
            self.bar.update(table.num_rows)
        if writer is None:
            return None
        parquetry.close_writer(writer, nans)
        self.objects.add(leaf, names)
        return File(MAIN, leaf, *self.batches, count, 0, total)

    def _spool_margin(self, n: int, table: Any) -> None:
        rows, leaves = beside(np.asarray(table[PLACE]), self.tiles, n)
        if len(rows):
            self.margin.add(table.take(pa.array(rows)).append_column(LEAF, pa.array(leaves)))

    def _write_margins(self) -> list[File]:
        files = []
        merge: Merge = self.margin.merge()
        for n, leaf in enumerate(self.tiles.leaves):
            batches = merge.below(n + 1)
            if not batches:
                continue
            table = self.shelf.form.sort(pa.Table.from_batches(batches).drop_columns([LEAF]))
            with parquetry.open_writer(self._path(MARGIN, leaf), table.schema) as writer:
                writer.write_table(table, parquetry.ROW_GROUP)
            files.append(File(MARGIN, leaf, *self.batches, table.num_rows, 0, sum_of(table)))
        return files

    def _path(self, part: str, leaf: Pixel | None) -> Path:
        place = "-".join(map(str, leaf)) if leaf else "all"
        return self.folder / f"file{part}-{place}.parquet"

    async def _put(self, file: File) -> File:
        """Put what was written, and tell its size."""
        path = self._path(file.part, file.leaf)
        size = path.stat().st_size
        key = self.shelf.place.key(self.root, file.name, file.part)
        if size <= WHOLE:
            await self.shelf.store.put(key, path.read_bytes())
        else:
            await self.shelf.store.put_stream(key, _pieces(path))
        path.unlink()
        return file._replace(bytes=size)


def margin_spool(folder: Path, schema: Any) -> Spool:
    """Where rows near other leaves wait until all are known."""
    return Spool(folder / "margin", schema.append(pa.field(LEAF, pa.int64())), LEAF, 1024)


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            yield piece
