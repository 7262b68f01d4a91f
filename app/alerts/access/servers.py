"""The servers of the database, if its address names several: what each is, and how far it lags.

Each is asked every few seconds, by a connection of its own, however many want to know: readiness
and metrics show what was seen last. One that does not answer, or lags too far, is left for another.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Final, NamedTuple

import asyncpg
from sqlalchemy import BigInteger, bindparam, extract, func, select

from app.alerts.sql.statements import Statement, compile_statement
from app.errors import DATABASE_ERRORS
from app.settings import Settings
from archive.database import (
    Address,
    Driver,
    Hosts,
    addresses_of,
    connect,
    connection_settings,
    is_passing,
)
from archive.tables import counter, ledger

log = logging.getLogger(__name__)
LOOK_S: Final = 1.0
"""Time between two looks. With the next one it is less than a statement may take by default: what a
frozen server holds is asked elsewhere while there is time."""
_SILENT_S: Final = 2.0
"""Time for one answer; a server that takes longer counts as away."""
_STATE: Final = compile_statement(select(func.pg_is_in_recovery(), counter.c.batch))
_AGE: Final = compile_statement(
    select(extract("epoch", func.clock_timestamp() - ledger.c.time))
    .where(ledger.c.batch > bindparam("batch", type_=BigInteger()))
    .order_by(ledger.c.batch)
    .limit(1)
)
"""Seconds since the first batch after one was committed, by the server's clock."""


class DatabaseRole(StrEnum):
    """What a database server is, as far as is known."""

    PRIMARY = "primary"
    REPLICA = "replica"


class Server(NamedTuple):
    """One server as it was seen last; all but its address is None while it does not answer."""

    address: str
    """host:port"""
    role: DatabaseRole | None = None
    batch: int | None = None
    """The newest batch that it has."""
    batches_behind: int | None = None
    """Batches that the primary has and it has not; None also if no primary answers."""
    seconds_behind: float | None = None
    """Age of the oldest of these batches."""
    in_use: bool = False
    """Whether requests are sent there: it answers, and does not lag too far."""


class Watch:
    """What was seen of the servers; nothing if the address names only one."""

    def __init__(self, servers: Sequence[Server] = ()) -> None:
        self.servers = tuple(servers)

    def find(self, address: str) -> Server:
        """The server of this address as it was seen last."""
        return next(one for one in self.servers if one.address == address)


class _Watcher:
    """Asks the servers, and tells `hosts` which of them to leave."""

    def __init__(self, settings: Settings, hosts: Hosts, watch: Watch) -> None:
        self._addresses = addresses_of(settings)
        self._named = connection_settings(settings) | {
            "timeout": _SILENT_S,
            "server_settings": {"application_name": "mars-app-watch"},
            "target_session_attrs": "any",
        }
        self._most_s = settings.replica_lag_s
        self._hosts, self._watch = hosts, watch
        self._held: dict[Address, Driver] = {}
        self._left: frozenset[Address] = frozenset()

    async def run(self) -> None:
        """Look again and again."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Ask all servers at once, and note what they say."""
        states = await asyncio.gather(*map(self._state_of, self._addresses))
        found = dict(zip(self._addresses, states, strict=True))
        seen = {one: await self._judge(one, found) for one in self._addresses}
        left = frozenset(one for one, server in seen.items() if not server.in_use)
        # If there is none to be had, it does not matter which of them is asked.
        self._hosts.shunned = left if len(left) < len(seen) else frozenset()
        for one in left - self._left:
            log.warning("database server left out", extra={"server": seen[one]._asdict()})
            if seen[one].role is None and self._hosts.shunned:
                self._hosts.drop(one)
        self._left = left
        self._watch.servers = tuple(seen.values())

    async def _judge(
        self, address: Address, found: Mapping[Address, tuple[bool, int] | None]
    ) -> Server:
        """One server beside the others: `found` has (is it a replica, its newest batch)."""
        name, state = f"{address[0]}:{address[1]}", found[address]
        if state is None:
            return Server(name)
        replica, batch = state
        if not replica:
            return Server(name, DatabaseRole.PRIMARY, batch, 0, 0.0, in_use=True)
        primaries = {one: is_at[1] for one, is_at in found.items() if is_at and not is_at[0]}
        if not primaries:
            return Server(name, DatabaseRole.REPLICA, batch, in_use=True)
        first = max(primaries, key=lambda one: primaries[one])
        behind = max(0, primaries[first] - batch)
        if not behind:
            return Server(name, DatabaseRole.REPLICA, batch, 0, 0.0, in_use=True)
        age = await self._ask(first, _AGE, batch=batch)
        seconds = max(0.0, float(age[0])) if age else None
        near = seconds is None or seconds <= self._most_s
        return Server(name, DatabaseRole.REPLICA, batch, behind, seconds, near)

    async def _state_of(self, address: Address) -> tuple[bool, int] | None:
        row = await self._ask(address, _STATE)
        return (row[0], row[1]) if row else None

    async def _ask(
        self, address: Address, statement: Statement, **values: int
    ) -> asyncpg.Record | None:
        """A row of this server; None if it does not answer."""
        driver, arguments = self._held.pop(address, None), statement.arguments(values)
        row = None
        try:
            if driver is None or driver.is_closed():
                at = {"host": address[0], "port": address[1]}
                driver = await connect(self._hosts, **self._named | at)
            row = await driver.fetchrow(statement.sql, *arguments, timeout=_SILENT_S)
            self._held[address] = driver
        except (*DATABASE_ERRORS, asyncpg.InternalClientError) as error:
            if not is_passing(error):
                log.error("database server not read", extra={"error": repr(error)})
        finally:
            if driver and address not in self._held:
                driver.terminate()
        return row

    def close(self) -> None:
        """Close all connections."""
        for driver in self._held.values():
            driver.terminate()


@asynccontextmanager
async def open_watch(settings: Settings, hosts: Hosts) -> AsyncIterator[Watch]:
    """Watch the servers while the app runs; a single one is not watched."""
    addresses = addresses_of(settings)
    watch = Watch([Server(f"{host}:{port}") for host, port in addresses])
    if not addresses:
        yield watch
        return
    watcher = _Watcher(settings, hosts, watch)
    await watcher.look()
    task = asyncio.create_task(watcher.run())
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        watcher.close()
