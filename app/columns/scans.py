"""DuckDB over the files of the copy: its memory, its threads, and how a question is stopped.

Its threads run at a lower priority than the rest of the process, so that a scan takes the time that
other answers leave. On Linux a thread has a priority of its own and hands it on to those it starts.
"""

import asyncio
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import duckdb
import pyarrow as pa

from app.errors import ColumnsUnavailable, QueryTooCostly
from archive.settings import ArchiveSettings

NICENESS: Final = 10
THREADS: Final = 2
Row = tuple[Any, ...]


FOUND: Final = "found"
"""The table of a question's own rows."""


class Question(NamedTuple):
    """SQL for DuckDB, with the values of its parameters."""

    sql: str
    values: Sequence[Any] = ()
    found: pa.Table | None = None
    """Rows that it reads beside those of the copy, as FOUND."""


def _lower_priority() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


class Scans:
    """One DuckDB in memory, whose tables are files; `places` questions run at once."""

    def __init__(self, settings: ArchiveSettings, spill: Path, memory_mb: int, places: int) -> None:
        self._threads = ThreadPoolExecutor(places, "columns", initializer=_lower_priority)
        self._settings, self._spill, self._memory_mb = settings, spill, memory_mb
        self._database: duckdb.DuckDBPyConnection | None = None
        self._opening = threading.Lock()

    async def ask(self, question: Question, seconds: float) -> list[Row]:
        """The rows of an answer. Raises QueryTooCostly after so long, or ColumnsUnavailable."""
        given_up = threading.Event()
        running: list[duckdb.DuckDBPyConnection] = []

        def work() -> list[Row]:
            with self._cursor() as cursor:
                running.append(cursor)
                if given_up.is_set():
                    return []
                if question.found is not None:
                    cursor.register(FOUND, question.found)
                return cursor.execute(question.sql, list(question.values)).fetchall()

        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(future)
        except TimeoutError:
            raise QueryTooCostly from None
        except duckdb.Error as error:
            raise ColumnsUnavailable(f"{type(error).__name__}: {error}") from error
        finally:
            given_up.set()
            if not future.done():
                future.add_done_callback(lambda done: done.exception())
                for cursor in running:
                    cursor.interrupt()

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of its own. The first one opens the database, in a thread of its kind."""
        with self._opening:
            if self._database is None:
                self._database = self._opened()
            cursor = self._database.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    def _opened(self) -> duckdb.DuckDBPyConnection:
        self._spill.mkdir(parents=True, exist_ok=True)
        limits: dict[str, Any] = {
            "threads": THREADS,
            "memory_limit": f"{self._memory_mb}MB",
            "temp_directory": str(self._spill),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        database = duckdb.connect(":memory:", config=limits)
        database.execute("SET parquet_metadata_cache = true")
        database.execute("SET preserve_insertion_order = false")
        self._reach_the_store(database)
        database.execute("SET lock_configuration = true")
        return database

    def _reach_the_store(self, database: duckdb.DuckDBPyConnection) -> None:
        """Read `s3://` too. The extension comes as a package, for DuckDB would download it."""
        folder = files("duckdb_extension_httpfs") / "extensions" / f"v{duckdb.__version__}"
        database.execute(f"LOAD '{folder / 'httpfs.duckdb_extension'}'")
        settings = self._settings
        told = {
            "KEY_ID": settings.s3_access_key_id.get_secret_value(),
            "SECRET": settings.s3_secret_access_key.get_secret_value(),
            "REGION": settings.s3_region,
        }
        if settings.s3_endpoint_url:
            place = urlsplit(settings.s3_endpoint_url)
            told |= {"ENDPOINT": place.netloc, "URL_STYLE": "path"}
            told |= {"USE_SSL": "true" if place.scheme == "https" else "false"}
        pairs = ", ".join(f"{name} {quoted(value)}" for name, value in told.items())
        database.execute(f"CREATE SECRET store (TYPE s3, {pairs})")

    def close(self) -> None:
        """Stop; what runs is interrupted."""
        if self._database is not None:
            self._database.interrupt()
        self._threads.shutdown(wait=True, cancel_futures=True)


def quoted(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"
