"""Many rows of the copy in the order of a search, though the copy holds them in another.

They are read as they lie, each batch is cut by where its rows belong, and the cuts are kept on the
disk, one file for each few thousand rows of the answer. So memory stays the same for any number.
"""

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import numpy as np
import pyarrow as pa

BUCKET: Final = 16_384
"""Rows of an answer that are put in order at a time: some 12 MB."""
WAITING: Final = 16_384
"""Rows that are cut at a time: 12 MB."""
RANK: Final = "_rank"
"""The column with a row's place in the answer, from 0 on."""
PREFIX: Final = "bulk-"


class Spool:
    """Rows on their way into order, in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self._folder = directory / f"{PREFIX}{uuid4().hex}"
        self._writers: dict[int, Any] = {}
        self.schema: pa.Schema = pa.schema([])

    def add(self, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> None:
        """Take rows in any order; each has its RANK."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.schema = schema
        waiting: list[pa.RecordBatch] = []
        for batch in batches:
            waiting.append(batch)
            if sum(map(len, waiting)) >= WAITING:
                self._cut(waiting)
                waiting = []
        if waiting:
            self._cut(waiting)

    def close(self) -> None:
        """Take no more."""
        for writer in self._writers.values():
            writer.close()

    def _cut(self, waiting: list[pa.RecordBatch]) -> None:
        rows = pa.Table.from_batches(waiting).combine_chunks()
        ranks = rows[RANK].to_numpy()
        order = np.argsort(ranks, kind="stable")
        rows, buckets = rows.take(pa.array(order)), ranks[order] // BUCKET
        for bucket in np.unique(buckets):
            first, last = np.searchsorted(buckets, [bucket, bucket + 1])
            if bucket not in self._writers:
                self._writers[bucket] = pa.ipc.new_file(str(self._path(bucket)), rows.schema)
            self._writers[bucket].write_table(rows.slice(first, last - first).combine_chunks())

    def _path(self, bucket: int) -> Path:
        return self._folder / f"{bucket}.arrow"

    def read(self, bucket: int) -> pa.RecordBatch:
        """The rows of a bucket in order, without their ranks."""
        with pa.ipc.open_file(str(self._path(bucket))) as file:
            rows = file.read_all()
        self._path(bucket).unlink()
        rows = rows.sort_by(RANK).drop_columns([RANK]).combine_chunks()
        (batch,) = rows.to_batches()
        return batch

    def buckets(self) -> Iterator[int]:
        """All there are, in order."""
        yield from sorted(self._writers)

    def remove(self) -> None:
        """Delete what is left."""
        shutil.rmtree(self._folder, ignore_errors=True)
