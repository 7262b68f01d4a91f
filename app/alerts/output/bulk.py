"""Many alerts of a search, read from the columnar copy: ten times as fast as row by row.

First the ids of all of them are found, in order. Few rows are then read by key; many are read from
the copy as they lie there and put in order on the disk. What came after the copy PostgreSQL gives.
"""

import asyncio
import shutil
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import numpy as np

from app import late
from app.alerts.access.archive import BULK_S, Archive
from app.alerts.access.rows import by_column
from app.alerts.asking.as_of import check_as_of
from app.alerts.asking.by_columns import find_newer, keys_question, read_rows
from app.alerts.asking.paging import Page
from app.columns.columns import Columns
from app.columns.copy import Readable
from app.columns.row_groups import count_rows_to_read
from app.columns.scan_sql import read_ranked
from app.columns.spool import BUCKET, RANK, Bucket, Spool, SpoolWriter, buckets_of, take_bucket
from app.search.cursor import Cursor
from app.search.search import MAX_LIMIT, Search
from app.search.selection import columns_of

if TYPE_CHECKING:
    import pyarrow as pa

FEW: Final = 10_000
"""Rows that are read by key, however few the copy holds: 60 ms a thousand."""
_THREAD: Final = ThreadPoolExecutor(1, "bulk")
"""Rows are read in it while others are written in that of exports. More would need more memory."""
SPARSE: Final = 64
"""A row by key costs as much as this many rows of the copy that are read and not wanted."""
Made = TypeVar("Made")


async def read_in_bulk(
    archive: Archive, copy: Readable, search: Search, *, on_disk: bool = False
) -> AsyncGenerator[Page]:
    """The pages of a search, up to its limit, all of one batch.

    If they may be `on_disk`, those between the first and the last have a Bucket for rows, which are
    read where they are wanted; and no cursor.
    Raises BadParameters for an `as_of` that lies in the future, what Archive.fetch raises, or
    ColumnsUnavailable.
    """
    more, bulk = await _find(archive, copy, search, on_disk)
    ids, as_of = bulk.ids, bulk.as_of
    done = 0
    # Closed with this one, not when it is collected: it holds files.
    async with aclosing(bulk.rows()) as pages:
        async for rows in pages:
            done += len(rows)
            goes_on = not isinstance(rows, Bucket) and (done < len(ids) or more)
            yield Page(rows, bulk.cursor_after(rows) if goes_on else None, as_of)
    if not done:
        yield Page([], None, as_of)


async def _find(
    archive: Archive, copy: Readable, search: Search, on_disk: bool
) -> tuple[bool, "Bulk"]:
    """The alerts of a search up to its limit, and whether there are more.

    Whoever waits for a turn, or takes an hour to read the answer, must not hold the keys of all
    that is not in the copy: 20 MB for 100,000 of them as they come, a tenth as a table.
    """

    async def found(columns: Columns) -> tuple[int, Any, Any]:
        newer = await find_newer(archive, copy, search, 0)
        as_of = check_as_of(search.as_of, newer.newest)
        table = await columns.ask_table(keys_question(copy, search, newer), BULK_S)
        ids = table.column(0).combine_chunks()
        key = search.vocabulary.survey.key
        return as_of, ids, await _in_thread(_which_are, ids, newer.keys, key)

    as_of, ids, is_late = await archive.in_turn(found)
    bulk = Bulk(archive, copy, search, as_of, ids[: search.limit], is_late[: search.limit], on_disk)
    return len(ids) > search.limit, bulk


def _which_are(ids: Any, keys: "pa.Table | None", key: str) -> Any:
    """Of each id whether it is one of some keys: 80 ms for a million, where np.isin takes 200."""
    some = late.arrow.array([], ids.type) if keys is None else keys.column(key).cast(ids.type)
    return late.compute.is_in(ids, value_set=some)


async def _in_thread(make: Callable[..., Made], *of: Any) -> Made:
    return await asyncio.get_running_loop().run_in_executor(_THREAD, make, *of)


class Bulk(NamedTuple):
    """The alerts of a search, by their ids."""

    archive: Archive
    copy: Readable
    search: Search
    as_of: int
    ids: Any
    """An array of Arrow, in order."""
    is_late: Any
    """Of each whether it is not in the copy; an array, too."""
    on_disk: bool
    """Whether rows may be given as a Bucket."""

    @property
    def _key(self) -> str:
        return self.search.vocabulary.survey.key

    def cursor_after(self, rows: Any) -> Cursor:
        """Where the page behind these rows begins."""
        names = self.search.sort.column, self._key
        if isinstance(rows, late.arrow.RecordBatch):
            value, last = (rows.column(name)[-1].as_py() for name in names)
        else:
            value, last = (rows[-1][name] for name in names)
        return Cursor(self.search.digest, self.as_of, value, last)

    async def rows(self) -> AsyncGenerator[Any]:
        """The rows in order, some thousand at a time; each batch of Arrow, or a Bucket."""
        if len(self.ids) <= FEW or len(self.ids) <= await self._held() // SPARSE:
            listed = self.ids.to_pylist()
            for n in range(0, len(listed), MAX_LIMIT):
                yield await self._read(listed[n : n + MAX_LIMIT])
            return
        assert self.archive.columns is not None
        spool = self.archive.columns.new_spool(BUCKET)
        try:
            await self._fill(spool)
            buckets = buckets_of(spool, len(self.ids))
            for n, bucket in enumerate(buckets):
                stays = self.on_disk and 0 < n < len(buckets) - 1
                yield bucket if stays else await self._taken(bucket)
        finally:
            shutil.rmtree(spool.folder, ignore_errors=True)

    async def _taken(self, bucket: Bucket) -> Any:
        return await _in_thread(take_bucket, bucket)

    async def _read(self, ids: list[int]) -> list[Any]:
        return await read_rows(self.archive, self.search, ids, as_of=self.as_of)

    async def _held(self) -> int:
        """How many rows of the copy are to be read for those wanted."""
        ((rows,),) = await self.archive.scan(count_rows_to_read(self.search, self.copy))
        return int(rows)

    async def _fill(self, spool: Spool) -> None:
        answered = columns_of(self.search.fields, self.search.vocabulary)
        columns = tuple(dict.fromkeys((self.search.sort.column, self._key, *answered)))
        question = read_ranked(columns, self.copy, self._key, self.ids)
        schema = await self.archive.in_turn(lambda columns: columns.spool(question, BULK_S, spool))
        ranks = np.flatnonzero(self.is_late)
        with SpoolWriter(spool, "late") as writer:
            for n in range(0, len(ranks), MAX_LIMIT):
                some = ranks[n : n + MAX_LIMIT]
                rows = await self._read(self.ids.take(late.arrow.array(some)).to_pylist())
                await _in_thread(_add, writer, rows, some, schema)


def _add(writer: SpoolWriter, rows: Sequence[Any], ranks: Any, schema: "pa.Schema") -> None:
    """Take rows of PostgreSQL as those of the copy are."""
    held = by_column(rows) | {RANK: ranks}
    columns = [late.arrow.array(held[field.name], field.type) for field in schema]
    writer.add([late.arrow.RecordBatch.from_arrays(columns, schema=schema)])
