"""A catalog of many small files, written anew with one file a leaf, and leaves split by their rows.

The new root is made beside the old one and read back before `collection.properties` names it. The
old one stays for its readers, for some weeks (sweep.py).
"""

import asyncio
import logging
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import orjson
from pyarrow import parquet
from tqdm import tqdm

from archive.errors import MarsError
from catalog import parquetry
from catalog.build import Builder, margin_spool
from catalog.form import PLACE
from catalog.layout import MAIN, MARGIN, File, root_of
from catalog.pixels import Pixel, Tiles, new_leaves
from catalog.published import Catalog, Shelf
from catalog.runs import Merge, Run
from catalog.sums import MODULUS, sum_of
from catalog.update import update
from catalog.writer import Writer, working_folder

log = logging.getLogger(__name__)


class NotTheSame(MarsError):
    """A compacted catalog does not hold what the old one holds: it is not used."""


async def compact(writer: Writer) -> Catalog:
    """Update the catalog, then write it anew; returns what readers see from now on.

    Where nothing came since the last time there is nothing to do.
    """
    began = time.monotonic()
    old = await update(writer)
    shelf = writer.shelf
    if not old.rows or old.root == root_of(old.as_of):
        return old
    root = root_of(old.as_of)
    await shelf.store.put(shelf.place.compacting, orjson.dumps({"root": root}))
    new = await rewritten(writer, old, root)
    retired = {**old.retired, old.root: datetime.now(UTC).isoformat(timespec="seconds")}
    new = replace(new, retired=retired, is_named=True)
    await writer.lock.check()
    await shelf.name(new)
    log.info(
        "catalog compacted",
        extra={
            "survey": shelf.place.survey,
            "root": root,
            "rows": new.rows,
            "seconds": round(time.monotonic() - began, 3),
            "files": f"{len(old.files)} -> {len(new.files)}",
        },
    )
    return new


async def rewritten(writer: Writer, old: Catalog, root: str) -> Catalog:
    """Publish a root that holds what the old one holds; raises NotTheSame where it does not."""
    shelf, rows = writer.shelf, old.rows
    counts, _ = await shelf.counts(old)
    with (
        working_folder() as folder,
        tqdm(
            total=2 * rows,
            unit=" rows",
            unit_scale=True,
            disable=None,
            desc=f"{shelf.place.survey} compact",
        ) as bar,
    ):
        tiles = Tiles(new_leaves(counts, [], writer.settings.catalog_leaf_rows))
        spool = margin_spool(folder, shelf.form.schema)
        builder = Builder(shelf, root, (1, old.as_of), tiles, folder, bar, spool)
        leaves = OldLeaves(shelf, old, folder)
        files = await builder.build(leaves.merge.below, counts, leaves.open_up_to)
        new = Catalog(root, old.as_of, tuple(files))
        for part in (MAIN, MARGIN):
            for file in new.of(part):
                await read_back(shelf, new, file, folder / "back.parquet")
                bar.update(file.rows if part == MAIN else 0)
    if _content(new) != _content(old):
        raise NotTheSame(f"{root} does not hold what {old.root} holds: the catalog is not changed")
    await shelf.publish(new, counts)
    return new


class OldLeaves:
    """The rows of an old root; its files are fetched when a new leaf needs them."""

    def __init__(self, shelf: Shelf, old: Catalog, folder: Path) -> None:
        self.merge = Merge()
        self._shelf = shelf
        self._root = old.root
        self._folder = folder / "old"
        self._folder.mkdir()
        self._waiting = sorted(old.of(MAIN), key=lambda file: _leaf(file).first, reverse=True)

    async def open_up_to(self, leaf: Pixel) -> None:
        """Fetch what lies below the end of a new leaf."""
        while self._waiting and _leaf(self._waiting[-1]).first < leaf.end:
            file = self._waiting.pop()
            path = self._folder / f"{len(self._waiting)}.parquet"
            await self._shelf.fetch(self._root, file, path)
            self.merge.add(Run(parquetry.batches_of(path), PLACE))


async def read_back(shelf: Shelf, catalog: Catalog, file: File, path: Path) -> None:
    """Raise NotTheSame where a file does not hold what was written to it."""
    await shelf.fetch(catalog.root, file, path)
    rows, total = await asyncio.to_thread(_sum_of_file, path)
    if (rows, total) != (file.rows, file.sum):
        raise NotTheSame(f"{catalog.root}/{file.name} does not hold what was written to it")


def _sum_of_file(path: Path) -> tuple[int, int]:
    rows = total = 0
    with parquet.ParquetFile(path) as file:
        for n in range(file.num_row_groups):
            table = file.read_row_group(n)
            rows, total = rows + table.num_rows, (total + sum_of(table)) % MODULUS
    path.unlink()
    return rows, total


def _leaf(file: File) -> Pixel:
    assert file.leaf is not None
    return file.leaf


def _content(catalog: Catalog) -> tuple[int, int]:
    """Rows, and their sum."""
    return catalog.rows, sum(file.sum for file in catalog.of(MAIN)) % MODULUS
