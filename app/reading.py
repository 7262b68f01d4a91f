"""The database as the app reads it: which connections a statement takes, and for how long."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from app.errors import TooDear
from app.gate import NOBODY, Asker, Gate, open_gate, while_present
from app.matching import Statement
from app.settings import Settings
from archive.database import make_engine

_LEAST_S: Final = 1.0
"""What a statement that has waited has at least: to begin it for less would be in vain."""
PATIENCE_S: Final = 60.0
"""How long what has begun may wait for its next part, as its client cannot be told to come back."""


class Archive(NamedTuple):
    """The database as one client of the app reads it."""

    engine: AsyncEngine
    statement_timeout_s: float
    database_timeout_s: float
    gate: Gate
    wait_s: float = 4.0
    """How long a costly statement waits at the gate."""
    asker: Asker = NOBODY
    costly: bool = False
    """Whether every statement goes through the gate, as part of something long."""

    def hasty(self, seconds: float) -> "Archive":
        """For what is an extra: it has little time, and does not wait where others do."""
        return self._replace(statement_timeout_s=seconds, wait_s=0.0)

    def patient(self, seconds: float = PATIENCE_S) -> "Archive":
        """For the parts of something long."""
        whole = seconds + self.statement_timeout_s
        return self._replace(wait_s=seconds, database_timeout_s=whole, costly=True)

    async def fetch(self, statement: Statement, **values: Any) -> list[asyncpg.Record]:
        """Run one statement, in one round trip; a costly one when its turn has come.

        Raises TooDear (Busy if its turn did not come), ClientGone or one of DATABASE_ERRORS.
        """
        if self.costly or statement.costly:
            return await while_present(self.asker, self._fetch_costly(statement, values))
        async with asyncio.timeout(self.database_timeout_s):
            return await _run(self.engine, statement, values, self.statement_timeout_s)

    async def _fetch_costly(
        self, statement: Statement, values: dict[str, Any]
    ) -> list[asyncpg.Record]:
        began = time.monotonic()
        async with (
            asyncio.timeout(self.database_timeout_s),
            self.gate.place(self.asker.name, self.wait_s),
        ):
            left = self.database_timeout_s - (time.monotonic() - began)
            seconds = min(self.statement_timeout_s, left)
            return await _run(self.gate.engine, statement, values, seconds)


async def _run(
    engine: AsyncEngine, statement: Statement, values: dict[str, Any], seconds: float
) -> list[asyncpg.Record]:
    """Run a statement for so long at most. Raises TooDear, or one of DATABASE_ERRORS."""
    async with engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        if driver is None or driver.is_closed():
            # The server has been restarted since. To ask it each time would cost 0.3 ms.
            await connection.invalidate()
            driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        arguments = statement.arguments(values)
        try:
            rows: list[asyncpg.Record] = await driver.fetch(
                statement.sql, *arguments, timeout=seconds
            )
        except (TimeoutError, asyncpg.QueryCanceledError):
            raise TooDear from None
        except asyncpg.InternalClientError as error:
            # The server ended the connection just when the statement was sent.
            await connection.invalidate()
            raise asyncpg.InterfaceError(str(error)) from error
        return rows


@asynccontextmanager
async def open_archive(settings: Settings) -> AsyncIterator[Archive]:
    """The archive, with connections for costly statements and for all others."""
    engine = make_engine(settings, "app", settings.database_pool_size, ping=False)
    whole = settings.database_timeout_s
    try:
        async with open_gate(settings, settings.costly_pool_size) as gate:
            wait_s = max(0.0, whole - _LEAST_S)
            yield Archive(engine, settings.statement_timeout_s, whole, gate, wait_s)
    finally:
        await engine.dispose()
