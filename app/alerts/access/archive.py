"""The database as the app reads it: which connections a statement takes, and for how long."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, Final, NamedTuple

import asyncpg
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.alerts.access.gate import (
    NOBODY,
    SESSION,
    Asker,
    Gate,
    Made,
    Turns,
    open_gate,
    while_present,
)
from app.alerts.access.servers import Watch, open_watch
from app.alerts.sql.statements import Statement, compile_statement
from app.columns.columns import Columns
from app.columns.question import Question, Row
from app.errors import DATABASE_ERRORS, QueryTooCostly
from app.settings import Settings
from archive.database import Driver, Hosts, at_primary, is_passing, make_engine
from archive.tables import counter

_NEWEST: Final = compile_statement(select(counter.c.batch))
_AT_PRIMARY: Final = 5
"""Connections to the primary, beside replicas."""
_LEAST_S: Final = 1.0
"""Least time for a statement after its wait: with less it would not finish."""
_BRIEF_S: Final = 0.5
"""Least time for a statement of a request whose earlier ones have taken what time there was."""
_LET_GO_S: Final = 0.5
_PAUSES_S: Final = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Before each round of asking replica and primary: a replica comes to a batch within moments."""
BULK_S: Final = 300.0
"""Time for a scan of a long answer: its client has been told that it begins."""
SCAN_WAIT_S: Final = 20.0
"""How long a scan waits for its turn: with twenty clients ahead that is what it takes."""
PATIENCE_S: Final = 60.0
"""Wait for the next part of an answer that has begun: its client cannot be sent away any more."""


class Archive(NamedTuple):
    """The database as one client of the app reads it."""

    engine: AsyncEngine
    statement_timeout_s: float
    database_timeout_s: float
    gate: Gate
    wait_s: float = 4.0
    """How long a costly statement waits at the gate."""
    asker: Asker = NOBODY
    primary: AsyncEngine | None = None
    """The primary, for what a lagging replica does not have; None without replicas."""
    hosts: Hosts = Hosts()
    """What is known of the servers."""
    watch: Watch = Watch()
    """How far each of several servers is."""
    began: float | None = None
    """When the request began, by the monotonic clock; None where nobody waits for its end."""
    costly: bool = False
    """Whether every statement goes through the gate, as part of a long answer."""
    columns: Columns | None = None
    """The columnar copy; None for parts of the app that do without."""
    scans: Turns = Turns(1)
    bulk: Turns = Turns(1)
    """Turns of long answers, beside those of single questions."""
    scan_wait_s: float = SCAN_WAIT_S
    lasting: AsyncEngine | None = None
    """For statements that may take minutes; None: they run as the others behind the gate do."""

    def hasty(self, seconds: float) -> "Archive":
        """For extras of an answer: little time, and no waiting."""
        return self._replace(statement_timeout_s=seconds, wait_s=0.0, scan_wait_s=0.0)

    def patient(self, seconds: float = PATIENCE_S) -> "Archive":
        """For the parts of a long answer; one that is patient already stays as it is."""
        if self.costly:
            return self
        whole = seconds + self.statement_timeout_s
        return self._replace(
            wait_s=seconds,
            scan_wait_s=seconds,
            database_timeout_s=whole,
            costly=True,
            began=None,
        )

    def unhurried(self) -> "Archive":
        """For what goes on once the answer has begun."""
        return self._replace(began=None)

    async def fetch(self, statement: Statement, **values: Any) -> list[asyncpg.Record]:
        """Run one statement, in one round trip; a costly one waits for its turn.

        Raises QueryTooCostly (Busy if its turn did not come), ClientGone or one of DATABASE_ERRORS.
        """
        if self.costly or statement.costly:
            return await while_present(self.asker, self._fetch_costly(statement, values))
        left = self.database_timeout_s
        if self.began is not None:
            left = max(_BRIEF_S, left - (time.monotonic() - self.began))
        async with asyncio.timeout(left):
            seconds = min(self.statement_timeout_s, 0.95 * left)
            return await self._run(self.engine, statement, values, seconds)

    async def scan(self, question: Question) -> list[Row]:
        """Ask the columnar copy, when it is this client's turn.

        Raises QueryTooCostly (Busy if its turn did not come), ClientGone or ColumnsUnavailable.
        """
        seconds = self.statement_timeout_s
        return await self._ask(self.scans, lambda columns: columns.ask(question, seconds))

    async def in_turn(self, make: Callable[[Columns], Awaitable[Made]]) -> Made:
        """Do a part of a long answer when it is this client's turn. Raises as `scan` does.

        What it holds meanwhile one client holds at a time, however many wait.
        """
        return await self._ask(self.bulk, make)

    async def _ask(self, turns: Turns, ask: Callable[[Columns], Awaitable[Made]]) -> Made:
        async def in_turn(columns: Columns) -> Made:
            async with turns.place(self.asker.name, self.scan_wait_s):
                return await ask(columns)

        assert self.columns is not None
        return await while_present(self.asker, in_turn(self.columns))

    async def _fetch_costly(
        self, statement: Statement, values: dict[str, Any]
    ) -> list[asyncpg.Record]:
        began = time.monotonic()
        async with (
            asyncio.timeout(self.database_timeout_s),
            self._place(),
        ):
            left = self.database_timeout_s - (time.monotonic() - began)
            # So that the statement ends, not the connection, and the client gets an answer.
            seconds = min(self.statement_timeout_s, 0.95 * left)
            return await self._run(self.lasting or self.gate.engine, statement, values, seconds)

    def _place(self) -> AbstractAsyncContextManager[None]:
        """A place at the gate; if there is only one, a statement of minutes runs beside it."""
        if self.lasting is not None and self.gate.places == 1:
            return nullcontext()
        return self.gate.place(self.asker.name, self.wait_s)

    async def _run(
        self, engine: AsyncEngine, statement: Statement, values: dict[str, Any], seconds: float
    ) -> list[asyncpg.Record]:
        """Run a statement for so long at most, at a server that has come to the batch `as_of`.

        With replicas: what one loses or cancels, or has not come to, is asked of the primary, and
        what that loses again of them, until the time of the whole is over.
        """
        if self.primary is None:
            async with _connection(engine, self.hosts) as (driver, _):
                return await _fetched(driver, statement, values, seconds)
        for pause_s in _PAUSES_S:
            await asyncio.sleep(pause_s)
            try:
                rows = await self._asked_at_replica(engine, statement, values, seconds)
                if rows is not None:
                    return rows
            except DATABASE_ERRORS as error:
                if not is_passing(error):
                    raise
            try:
                async with _connection(self.primary, self.hosts) as (driver, _):
                    return await _fetched(driver, statement, values, seconds)
            except DATABASE_ERRORS as error:
                if not is_passing(error):
                    raise
                failure = error
        raise failure

    async def _asked_at_replica(
        self, engine: AsyncEngine, statement: Statement, values: dict[str, Any], seconds: float
    ) -> list[asyncpg.Record] | None:
        """The rows; None if the server has not come to the batch `as_of`."""
        async with _connection(engine, self.hosts) as (driver, known):
            if not await _has_come_to(values.get("as_of"), driver, known):
                return None
            return await _fetched(driver, statement, values, seconds)


@asynccontextmanager
async def _connection(
    engine: AsyncEngine, hosts: Hosts
) -> AsyncIterator[tuple[Driver, dict[str, Any]]]:
    """The driver's own connection, and its cached properties."""
    async with engine.connect() as connection:
        raw = await connection.get_raw_connection()
        held = raw.driver_connection
        if held is None or held.is_closed() or hosts.shuns(held):
            # The server was restarted in between. A check before each query would cost 0.3 ms.
            await connection.invalidate()
            raw = await connection.get_raw_connection()
        assert raw.driver_connection is not None
        try:
            yield raw.driver_connection, raw.info
        except asyncpg.InternalClientError as error:
            # The server closed the connection just as the statement was sent.
            await connection.invalidate()
            raise asyncpg.InterfaceError(str(error)) from error
        except (asyncio.CancelledError, QueryTooCostly):
            if not await _has_let_go(raw.driver_connection):
                await connection.invalidate()
            raise


async def _has_let_go(driver: Driver) -> bool:
    """Whether a connection on which a statement was given up holds nothing any more.

    asyncpg (0.32) sends Parse and Flush, and in its next step Bind and Sync. Given up in between, a
    statement keeps its locks until the connection is used again, and no migration gets past them.
    """
    try:
        async with asyncio.timeout(_LET_GO_S):
            await driver.execute("SELECT 1")
    except DATABASE_ERRORS:
        return False
    return True


async def _has_come_to(as_of: int | None, driver: Driver, known: dict[str, Any]) -> bool:
    """Whether a server holds a batch. Servers never go back, so each number is checked once."""
    if as_of is None or as_of <= known.get("batch", -1):
        return True
    known["batch"] = await driver.fetchval(_NEWEST.sql)
    return bool(as_of <= known["batch"])


async def _fetched(
    driver: Driver, statement: Statement, values: dict[str, Any], seconds: float
) -> list[asyncpg.Record]:
    """The rows. Raises QueryTooCostly, or one of DATABASE_ERRORS."""
    arguments = statement.arguments(values)
    try:
        rows: list[asyncpg.Record] = await driver.fetch(statement.sql, *arguments, timeout=seconds)
    except (TimeoutError, asyncpg.QueryCanceledError):
        raise QueryTooCostly from None
    return rows


@asynccontextmanager
async def open_archive(settings: Settings) -> AsyncIterator[Archive]:
    """The archive, with connections for costly statements and for all others; without columns."""
    hosts, only, whole = Hosts(), at_primary(settings), settings.database_timeout_s
    shared: Any = {"ping": False, "hosts": hosts}
    engine = make_engine(settings, "app", settings.database_pool_size, **shared)
    primary = None
    if only:
        primary = make_engine(only, "app-primary", _AT_PRIMARY, session=SESSION, **shared)
    try:
        async with (
            open_gate(settings, settings.costly_pool_size, hosts) as gate,
            open_watch(settings, hosts) as watch,
        ):
            wait_s = max(0.0, whole - _LEAST_S)
            archive = Archive(engine, settings.statement_timeout_s, whole, gate, wait_s)
            archive = archive._replace(primary=primary, hosts=hosts, watch=watch)
            yield archive._replace(scans=Turns(settings.columns_places), bulk=Turns(1))
    finally:
        await engine.dispose()
        if primary:
            await primary.dispose()


@asynccontextmanager
async def open_lasting(
    archive: Archive, settings: Settings, wait_s: float
) -> AsyncIterator[Archive]:
    """The archive for jobs: each statement waits so long for its turn, and may take minutes.

    It has a connection of its own, because the database, too, stops a reader's statements. Of the
    places at the gate it takes one at a time. It is at the primary: a replica cancels what takes
    longer than its replay may wait, and without the primary there are no jobs.
    """
    each_s = settings.job_statement_timeout_s
    session = {**SESSION, "statement_timeout": f"{each_s * 1000:.0f}"}
    engine = make_engine(at_primary(settings) or settings, "app-lasting", 1, session=session)
    try:
        own = archive._replace(statement_timeout_s=each_s, lasting=engine, primary=None)
        yield own.patient(wait_s)
    finally:
        await engine.dispose()
