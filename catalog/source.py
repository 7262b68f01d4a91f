"""The archive as the catalog reads it: rows of batches, as PostgreSQL's own CSV."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from archive.database import at_primary, check_schema, make_engine
from archive.errors import MarsError
from archive.settings import ArchiveSettings
from archive.tables import counter, ledger

ROWS_AT_ONCE: Final = 100_000
"""Rows of one COPY: some 90 MB of text."""
_LOCK: Final = 0x6D617273_63617473
"""The advisory lock of whoever writes catalogs: ASCII of `marscats`, so that no other is like it."""
# The reader's bound on a statement is for requests; one COPY may take longer.
_SESSION: Final = MappingProxyType({"statement_timeout": "0", "jit": "off"})


class Locked(MarsError):
    """Another process writes the catalog now."""


@asynccontextmanager
async def open_archive(settings: ArchiveSettings) -> AsyncIterator[AsyncEngine]:
    """The database, at its primary; its schema is the one that this program knows."""
    engine = make_engine(at_primary(settings) or settings, "catalog", session=_SESSION)
    try:
        async with engine.connect() as connection:
            await check_schema(connection)
        yield engine
    finally:
        await engine.dispose()


class Lock:
    """Held as long as its connection lives."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def check(self) -> None:
        """Raise where the connection is gone, and with it the lock."""
        await self._connection.scalar(select(1))


@asynccontextmanager
async def alone(engine: AsyncEngine) -> AsyncIterator[Lock]:
    """Keep every other writer of catalogs out; raises Locked where one is at work."""
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        if not await connection.scalar(select(func.pg_try_advisory_lock(_LOCK))):
            raise Locked("another process writes the catalog: wait until it has ended")
        yield Lock(connection)


async def newest_batch(engine: AsyncEngine) -> int:
    """The number of the newest batch; its rows, and those of all before it, can be seen."""
    async with engine.connect() as connection:
        found: int = await connection.scalar(select(counter.c.batch))
        return found


async def rows_by_batch(engine: AsyncEngine, first: int, last: int) -> list[tuple[int, int]]:
    """Batches, and how many alerts each stored by the ledger, of all surveys together."""
    b = ledger.c.batch
    sums = (
        select(b, func.sum(ledger.c.stored)).where(b.between(first, last)).group_by(b).order_by(b)
    )
    async with engine.connect() as connection:
        return [(batch, int(rows)) for batch, rows in (await connection.execute(sums)).tuples()]


def spans(
    batches: list[tuple[int, int]], most: int, first: int, last: int
) -> Iterator[tuple[int, int, int]]:
    """The batches `first` to `last` in ranges of up to `most` rows, or one batch: first, last, rows."""
    rows = 0
    for batch, stored in batches:
        if rows and rows + stored > most:
            yield first, batch - 1, rows
            first, rows = batch, 0
        rows += stored
    yield first, last, rows


async def copied(engine: AsyncEngine, query: str) -> bytes:
    """The rows of a statement as CSV."""
    pieces = bytearray()

    async def keep(data: bytes) -> None:
        pieces.extend(data)

    async with engine.connect() as connection:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        await raw.copy_from_query(query, output=keep, format="csv")
    return bytes(pieces)


async def ahead(calls: "Iterator[Any]") -> AsyncIterator[Any]:
    """The results of coroutines in turn, the next one begun while one is worked with."""
    waiting: asyncio.Task[Any] | None = None
    try:
        for call in calls:
            task = asyncio.create_task(call)
            if waiting is not None:
                yield await waiting
            waiting = task
        if waiting is not None:
            yield await waiting
    finally:
        if waiting is not None and not waiting.done():
            waiting.cancel()
