"""DuckDB over the files of the copy: its memory, its threads, and how a question is stopped.

Its threads run at a lower priority than the rest of the process, so that a scan takes the time that
other answers leave. On Linux a thread has a priority of its own and hands it on to those it starts.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar
from urllib.parse import urlsplit

import duckdb
import pyarrow as pa

from app.errors import ColumnsUnavailable, QueryTooCostly
from archive.settings import ArchiveSettings

NICENESS: Final = 10
THREADS: Final = 2
Row = tuple[Any, ...]
Connection: TypeAlias = "duckdb.DuckDBPyConnection"
Made = TypeVar("Made")


class Question(NamedTuple):
    """SQL for DuckDB, with the values of its parameters."""

    sql: str
    values: Sequence[Any] = ()
    tables: Mapping[str, pa.Table] = MappingProxyType({})
    """Rows that it reads beside those of the copy, by the name of their table."""


def _forget(given_up: "asyncio.Future[Any]") -> None:
    """Nobody waits for it any more, whatever it ends with."""
    if not given_up.cancelled():
        given_up.exception()


def _lower_priority() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


class Scans:
    """One DuckDB in memory, whose tables are files; `places` questions run at once."""

    def __init__(self, settings: ArchiveSettings, spill: Path, memory_mb: int, places: int) -> None:
        # One more, for who reads in bulk.
        self._threads = ThreadPoolExecutor(places + 1, "columns", initializer=_lower_priority)
        self._settings, self._spill, self._memory_mb = settings, spill, memory_mb
        self._database: Connection | None = None
        self._opening = threading.Lock()

    async def ask(
        self, question: Question, seconds: float, take: Callable[[Connection], Made]
    ) -> Made:
        """What `take` makes of an answer, in a thread.

        Raises QueryTooCostly after so long, or ColumnsUnavailable.
        """
        given_up = threading.Event()
        running: list[Connection] = []

        def work() -> Made:
            with self._cursor() as cursor:
                running.append(cursor)
                if given_up.is_set():
                    raise QueryTooCostly
                for name, rows in question.tables.items():
                    cursor.register(name, rows)
                return take(cursor.execute(question.sql, list(question.values)))

        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(future)
        except TimeoutError:
            raise QueryTooCostly from None
        except (duckdb.Error, OSError) as error:
            raise ColumnsUnavailable(f"{type(error).__name__}: {error}") from error
        finally:
            given_up.set()
            if not future.done():
                future.add_done_callback(_forget)
                for cursor in running:
                    cursor.interrupt()

    @contextmanager
    def _cursor(self) -> Iterator[Connection]:
        """A connection of its own. The first one opens the database, in a thread of its kind."""
        with self._opening:
            if self._database is None:
                self._database = self._opened()
            cursor = self._database.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    def _opened(self) -> Connection:
        limits: dict[str, Any] = {
            "threads": THREADS,
            "memory_limit": f"{self._memory_mb}MB",
            "temp_directory": str(self._spill),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        database = duckdb.connect(":memory:", config=limits)
        database.execute("SET parquet_metadata_cache = true")
        # The system keeps files in memory too, and takes it back when others need it.
        database.execute("SET enable_external_file_cache = false")
        database.execute("SET preserve_insertion_order = false")
        self._reach_the_store(database)
        database.execute("SET lock_configuration = true")
        return database

    def _reach_the_store(self, database: Connection) -> None:
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
        if self._database is not None:
            self._database.close()


def quoted(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"
