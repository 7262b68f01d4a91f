"""Rows on the local disk, sorted, and how many such runs become one stream in constant memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import ipc

WAITING_ROWS: Final = 200_000
"""Rows that wait in memory while runs are merged, all runs together: some 120 MB."""


class Run:
    """Sorted rows that are read once, from the first on."""

    def __init__(self, batches: Iterator[Any], key: str) -> None:
        self._batches = batches
        self._key = key
        self._batch: Any = None
        self._keys = np.empty(0, np.int64)
        self._next = 0

    def below(self, bound: int) -> list[Any]:
        """The next rows whose key is below `bound`."""
        taken = []
        while self._load():
            end = int(np.searchsorted(self._keys, bound))
            if end > self._next:
                taken.append(self._batch.slice(self._next, end - self._next))
                self._next = end
            if end < len(self._keys):
                break
        return taken

    def _load(self) -> bool:
        while self._next == len(self._keys):
            self._batch = next(self._batches, None)
            if self._batch is None:
                return False
            self._keys = np.asarray(self._batch[self._key])
            self._next = 0
        return True


class Merge:
    """Runs of the same key, read side by side."""

    def __init__(self) -> None:
        self._runs: list[Run] = []

    def add(self, run: Run) -> None:
        """Read one more; nothing below the last bound may be in it."""
        self._runs.append(run)

    def below(self, bound: int) -> list[Any]:
        """The next rows of all runs whose key is below `bound`, as batches."""
        return [batch for run in self._runs for batch in run.below(bound)]


class Spool:
    """Runs that are written to a folder first."""

    def __init__(self, folder: Path, schema: Any, key: str, rows_at_once: int) -> None:
        folder.mkdir()
        self._folder = folder
        self._schema = schema
        self._key = key
        self._rows_at_once = max(256, rows_at_once)
        self._paths: list[Path] = []

    def add(self, table: Any) -> None:
        """Write a run: the rows of a table that is sorted by the key."""
        path = self._folder / str(len(self._paths))
        options = ipc.IpcWriteOptions(compression="lz4")
        with (
            pa.OSFile(str(path), "wb") as file,
            ipc.new_file(file, self._schema, options=options) as out,
        ):
            out.write_table(table, max_chunksize=self._rows_at_once)
        self._paths.append(path)

    def merge(self) -> Merge:
        """All of them, to be read once; each file goes when it is read."""
        merged = Merge()
        for path in self._paths:
            merged.add(Run(_batches(path), self._key))
        return merged


def _batches(path: Path) -> Iterator[Any]:
    with pa.OSFile(str(path)) as file:
        reader = ipc.open_file(file)
        for n in range(reader.num_record_batches):
            yield reader.get_batch(n)
    path.unlink()
