"""Many rows of the copy in the order of a search, though the copy holds them in another.

They are read as they lie, each batch is cut by where its rows belong, and the cuts are kept on the
disk, in files for some thousand rows of the answer each. So memory stays the same for any number.
"""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from app import late

if TYPE_CHECKING:
    import pyarrow as pa

BUCKET: Final = 8192
"""Rows that are cut, and rows of an answer that are put in order, at a time: some 6 MB."""
BUFFER: Final = 65_536
"""Bytes that are written to a file at once: half the time of a write for each piece."""
RANK: Final = "_rank"
"""The column with a row's place in the answer, from 0 on."""
PREFIX: Final = "bulk-"
"""How the directory of a spool is named, so that what a killed process left is found."""


class Spool(NamedTuple):
    """The place of one long answer."""

    folder: Path
    bucket: int
    """Rows of the answer in a file."""


class SpoolWriter:
    """Writes rows into a spool; several may write into one, each under a name of its own."""

    def __init__(self, spool: Spool, name: str) -> None:
        self._spool, self._name = spool, name
        self._writers: dict[int, Any] = {}
        self._open = ExitStack()

    def __enter__(self) -> "SpoolWriter":
        self._spool.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def add(self, batches: "Iterable[pa.RecordBatch]") -> None:
        """Take rows in any order; each has its RANK."""
        waiting: list[pa.RecordBatch] = []
        for batch in batches:
            waiting.append(batch)
            if sum(map(len, waiting)) >= self._spool.bucket:
                self._cut(waiting)
                waiting = []
        if waiting:
            self._cut(waiting)

    def _cut(self, waiting: "list[pa.RecordBatch]") -> None:
        for rows in late.arrow.Table.from_batches(waiting).combine_chunks().to_batches():
            ranks = rows.column(RANK).to_numpy()
            order = np.argsort(ranks, kind="stable")
            ordered = rows.take(late.arrow.array(order))
            buckets = ranks[order] // self._spool.bucket
            for bucket in np.unique(buckets).tolist():
                first, last = np.searchsorted(buckets, [bucket, bucket + 1]).tolist()
                self._writer_of(bucket, rows.schema).write_batch(ordered.slice(first, last - first))

    def _writer_of(self, bucket: int, schema: "pa.Schema") -> Any:
        if bucket not in self._writers:
            path = self._spool.folder / f"{bucket}.{self._name}.arrow"
            # Rows come by the hundred, each column of them in two small pieces.
            file = self._open.enter_context(late.arrow.output_stream(str(path), buffer_size=BUFFER))
            writer = self._open.enter_context(late.arrow.ipc.new_file(file, schema))
            self._writers[bucket] = writer
        return self._writers[bucket]


@dataclass(frozen=True, slots=True)
class Bucket:
    """Some thousand rows of an answer as they lie on the disk."""

    files: tuple[Path, ...]
    rows: int

    def __len__(self) -> int:
        return self.rows


def buckets_of(spool: Spool, rows: int) -> list[Bucket]:
    """So many rows of a spool, in the order of the answer."""
    found = defaultdict(list)
    for path in spool.folder.glob("*.arrow"):
        found[int(path.name.split(".")[0])].append(path)
    return [
        Bucket(tuple(found[n]), min(spool.bucket, rows - n * spool.bucket)) for n in sorted(found)
    ]


def read_bucket(bucket: Bucket) -> "pa.RecordBatch":
    """Its rows in order, without their ranks."""
    parts = []
    for path in bucket.files:
        with late.arrow.ipc.open_file(str(path)) as file:
            parts.append(file.read_all())
    (rows,) = late.arrow.concat_tables(parts).combine_chunks().to_batches()
    order = np.argsort(rows.column(RANK).to_numpy())
    return rows.drop_columns([RANK]).take(late.arrow.array(order))


def drop_bucket(bucket: Bucket) -> None:
    """Give its space back."""
    for path in bucket.files:
        path.unlink(missing_ok=True)


def take_bucket(bucket: Bucket) -> "pa.RecordBatch":
    """The rows of a bucket, which is gone then."""
    rows = read_bucket(bucket)
    drop_bucket(bucket)
    return rows
