"""Many alerts of a search, read from the columnar copy: ten times as fast as row by row.

First the ids of all of them are found, in order. Few rows are then read by key; many are read from
the copy as they lie there and put in order on the disk. What came after the copy PostgreSQL gives.
"""

import asyncio
import shutil
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from app import late
from app.alerts.access.archive import Archive
from app.alerts.asking.as_of import check_as_of
from app.alerts.asking.by_columns import find_newer, keys_question, read_rows
from app.alerts.asking.paging import Page
from app.columns.copy import Readable
from app.columns.row_groups import count_rows_to_read
from app.columns.scan_sql import read_ranked
from app.columns.spool import BUCKET, RANK, Spool, SpoolWriter, files_by_bucket, take_bucket
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


async def read_in_bulk(archive: Archive, copy: Readable, search: Search) -> AsyncGenerator[Page]:
    """The pages of a search, up to its limit, all of one batch.

    Raises BadParameters for an `as_of` that lies in the future, what Archive.fetch raises, or
    ColumnsUnavailable.
    """
    newer = await find_newer(archive, copy, search, 0)
    as_of = check_as_of(search.as_of, newer.newest)
    found = await archive.scan_table(keys_question(copy, search, newer))
    ids = found.column(0).combine_chunks()
    more, ids = len(ids) > search.limit, ids[: search.limit]
    of_newer = {row[search.vocabulary.survey.key] for row in newer.rows}
    bulk = Bulk(archive, copy, search, as_of, ids, of_newer)
    done = 0
    # Closed with this one, not when it is collected: it holds files.
    async with aclosing(bulk.rows()) as pages:
        async for rows in pages:
            done += len(rows)
            following = bulk.cursor_after(rows) if done < len(ids) or more else None
            yield Page(rows, following, as_of)
    if not done:
        yield Page([], None, as_of)


class Bulk(NamedTuple):
    """The alerts of a search, by their ids."""

    archive: Archive
    copy: Readable
    search: Search
    as_of: int
    ids: Any
    """An array of Arrow, in order."""
    late: set[int]
    """Those that are not in the copy."""

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
        """The rows in order, some thousand at a time."""
        if len(self.ids) <= FEW or len(self.ids) <= await self._held() // SPARSE:
            listed = self.ids.to_pylist()
            for n in range(0, len(listed), MAX_LIMIT):
                yield await self._read(listed[n : n + MAX_LIMIT])
            return
        assert self.archive.columns is not None
        spool = self.archive.columns.new_spool(BUCKET)
        try:
            await self._fill(spool)
            for files in files_by_bucket(spool):
                yield await asyncio.get_running_loop().run_in_executor(_THREAD, take_bucket, files)
        finally:
            shutil.rmtree(spool.folder, ignore_errors=True)

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
        schema = await self.archive.spool(question, spool)
        newer = np.fromiter(self.late, np.int64, len(self.late))
        ranks = np.flatnonzero(np.isin(self.ids.to_numpy(), newer))
        with SpoolWriter(spool, "late") as writer:
            for n in range(0, len(ranks), MAX_LIMIT):
                some = ranks[n : n + MAX_LIMIT]
                rows = await self._read(self.ids.take(late.arrow.array(some)).to_pylist())
                writer.add([_batch_of(rows, some, schema)])


def _batch_of(rows: Sequence[Any], ranks: Any, schema: "pa.Schema") -> "pa.RecordBatch":
    """Rows of PostgreSQL as those of the copy are."""
    columns = [
        late.arrow.array(
            ranks if field.name == RANK else [row[field.name] for row in rows], field.type
        )
        for field in schema
    ]
    return late.arrow.RecordBatch.from_arrays(columns, schema=schema)
