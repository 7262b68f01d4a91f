"""The process that scans: DuckDB over the files of the copy. `python -m app.columns.duck`.

It is one of its own for three reasons: as a whole it runs at a lower priority, so that a scan takes
the time that other answers leave; its memory is not the app's; and if DuckDB crashes, the app does
not. Messages come by standard input; its end is the end of the process.
"""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.resources import files
from typing import Any, BinaryIO, Final

import duckdb
import numpy as np
import pyarrow as pa

from app.columns.programs import begin_program, packed, read_message
from app.columns.question import Answered, Asked, Start, Stopped
from app.columns.spool import RANK, SpoolWriter

BATCH: Final = 16_384
"""Rows of a long answer that are taken from DuckDB at a time."""


def open_database(start: Start) -> duckdb.DuckDBPyConnection:
    """A database in memory, whose tables are files, here or in the store."""
    limits: dict[str, Any] = {
        "threads": start.threads,
        "memory_limit": f"{start.memory_mb}MB",
        "temp_directory": str(start.spill),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    database = duckdb.connect(":memory:", config=limits)
    database.execute("SET parquet_metadata_cache = true")
    # The system keeps files in memory too, and takes it back when others need it.
    database.execute("SET enable_external_file_cache = false")
    database.execute("SET preserve_insertion_order = false")
    # The extension comes as a package, for DuckDB would download it.
    folder = files("duckdb_extension_httpfs") / "extensions" / f"v{duckdb.__version__}"
    database.execute(f"LOAD '{folder / 'httpfs.duckdb_extension'}'")
    database.execute(start.secret)
    database.execute("SET lock_configuration = true")
    return database


class Duck:
    """DuckDB, and the questions that run."""

    def __init__(self, start: Start, answers: BinaryIO) -> None:
        self._database = open_database(start)
        # One more, for who reads in bulk.
        self._threads = ThreadPoolExecutor(start.places + 1, "scan")
        self._running: dict[int, duckdb.DuckDBPyConnection] = {}
        self._lock = threading.Lock()
        self._answers = answers

    def take(self, message: Asked | Stopped) -> None:
        """Begin with a question, or stop one."""
        if isinstance(message, Asked):
            # Known from now on, so that it can be stopped before its turn comes.
            self._running[message.number] = self._database.cursor()
            self._threads.submit(self._answer, message)
        elif cursor := self._running.pop(message.number, None):
            with suppress(duckdb.Error):  # it may have ended just now
                cursor.interrupt()

    def _answer(self, asked: Asked) -> None:
        """Say what became of a question, whatever it is; also if nobody waits for it any more."""
        told = Answered(asked.number, error="stopped before its turn")
        if cursor := self._running.get(asked.number):
            try:
                told = Answered(asked.number, answer_of(cursor, asked))
            except Exception as error:  # it is the one who asks who must hear it
                told = Answered(asked.number, error=f"{type(error).__name__}: {error}")
            finally:
                self._running.pop(asked.number, None)
                cursor.close()
        with self._lock:
            self._answers.writelines(packed(told))
            self._answers.flush()


def answer_of(cursor: duckdb.DuckDBPyConnection, asked: Asked) -> Any:
    """Rows, a table, or the schema of what is in the spool now."""
    sql, values, tables, ranked = asked.question
    for name, rows in tables.items():
        places = pa.array(np.arange(len(rows)))
        cursor.register(name, rows.append_column(RANK, places) if name == ranked else rows)
    answer = cursor.execute(sql, list(values))
    if asked.into is not None:
        return _spool(answer.to_arrow_reader(BATCH), SpoolWriter(asked.into, "copy"))
    return answer.to_arrow_table() if asked.as_table else answer.fetchall()


def _spool(batches: pa.RecordBatchReader, writer: SpoolWriter) -> pa.Schema:
    with writer:
        writer.add(batches)
    return batches.schema


def main() -> None:
    """Answer until the app closes the pipe."""
    source, answers = begin_program()
    duck = Duck(read_message(source), answers)
    while (message := read_message(source)) is not None:
        duck.take(message)
    # What runs is of no use to anyone; threads would be waited for.
    os._exit(0)


if __name__ == "__main__":
    main()
