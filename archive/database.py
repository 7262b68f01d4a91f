"""The way into the database, and whether its schema is the one this program was written for."""

import asyncio
import math
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias
from weakref import WeakKeyDictionary

import asyncpg
from pydantic import SecretStr
from sqlalchemy import func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as SQLTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from archive.errors import MarsError, SchemaOutdated, StoreUnavailable
from archive.settings import ArchiveSettings
from archive.tables import migration

SQL: Final = Path(__file__).resolve().parents[1] / "sql"
CONNECT_TIMEOUT_S: Final = 5
_EACH_S: Final = 1.5
"""Seconds for a connection to one of several servers; then the next one is tried."""
_AVOIDED_S: Final = 10.0
_BALANCE_S: Final = 300
"""Age at which a connection to one of several servers is made anew, maybe at another of them: else
all would stay where they were made while the others were away."""
_ROUNDS: Final[Mapping[str | None, Sequence[tuple[str | None, bool]]]] = MappingProxyType(
    {"prefer-standby": (("standby", False), ("any", False), ("any", True))}
)
"""Which servers are tried first: (what is wanted of them, whether they are avoided just now)."""
Address: TypeAlias = tuple[str, int]
Driver: TypeAlias = "asyncpg.Connection[Any]"
_AS_THE_SERVER: Final[Mapping[str, str]] = MappingProxyType({})

# Classes of SQLSTATE: connection, rollback of a deadlock, out of resources, operator, system.
_PASSING: Final = frozenset({"08", "40", "53", "57", "58"})
# Role or password, name of a database.
_SHUT_OUT: Final = frozenset({"28", "3D"})


def _cause_of(error: BaseException) -> BaseException | None:
    # A COPY goes past SQLAlchemy, and raises what the driver raises.
    return error.orig if isinstance(error, DBAPIError) else error


def _class_of(error: BaseException) -> str | None:
    """The class of the SQLSTATE that the server gave an error; None if it gave none."""
    code = getattr(_cause_of(error), "sqlstate", None)
    return None if code is None else code[:2]


def is_passing(error: BaseException) -> bool:
    """Whether an error of a statement is the server's, and may be gone when it is asked again.

    Not so for a value that does not fit its column or a broken constraint: that is ours.
    """
    if isinstance(error, OSError | TimeoutError | SQLTimeout):
        return True
    if (kind := _class_of(error)) is not None:
        return kind in _PASSING
    return isinstance(error, DBAPIError | asyncpg.InterfaceError) and not isinstance(
        _cause_of(error), ValueError
    )


def is_shut_out(error: BaseException) -> bool:
    """Whether the server let us not in at all: a password, a rule, a database that is not there.

    No waiting mends that, but an operator does, and no question or packet is to blame.
    """
    return _class_of(error) in _SHUT_OUT


def is_foreseen(error: BaseException) -> bool:
    """Whether an error is told in a line: where in the code it was raised says no more."""
    return isinstance(error, MarsError) or is_passing(error) or is_shut_out(error)


# Classes of SQLSTATE: data, constraint, limit of the program (an index entry, for instance).
_OF_A_VALUE: Final = frozenset({"22", "23", "54"})


def may_be_a_value(error: Exception) -> bool:
    """Whether an error on the way of a batch may be due to a value in it, and to nothing else.

    What may pass is not, nor what an operator must mend: a missing table, a lost right, no memory.
    """
    if isinstance(error, StoreUnavailable | MemoryError) or is_passing(error):
        return False
    kind = _class_of(error)
    return kind is None or kind in _OF_A_VALUE


class Hosts:
    """What is known of several servers: which of them are better left alone just now."""

    def __init__(self) -> None:
        self.shunned: frozenset[Address] = frozenset()
        """Set by who watches them: they do not answer, or lag too far."""
        self._failed: dict[Address, float] = {}
        self._of: WeakKeyDictionary[Driver, Address] = WeakKeyDictionary()

    def shuns(self, driver: Driver) -> bool:
        """Whether a connection is at a server that is to be left for another."""
        return self._of.get(driver) in self.shunned

    def avoids(self, address: Address) -> bool:
        """Whether a server is asked only after the others."""
        failed = self._failed.get(address, -math.inf)
        return address in self.shunned or time.monotonic() < failed + _AVOIDED_S

    def failed(self, address: Address) -> None:
        """Leave a server that let no connection come about to the end, for a while."""
        self._failed[address] = time.monotonic()

    def drop(self, address: Address) -> None:
        """Close the connections to a server: what waits for its answer is then asked elsewhere."""
        for driver in [one for one, place in self._of.items() if place == address]:
            driver.terminate()

    def note(self, driver: Driver, address: Address) -> None:
        """Remember at which server a connection is."""
        self._of[driver] = address


async def connect(hosts: Hosts, **named: Any) -> Driver:
    """Connect to one of several servers; `named` as for asyncpg.connect.

    asyncpg takes the first in the list that fits, so all connections would be at one of them; it
    gives up at one that is there and refuses, and waits all of its time for one that is silent.
    Raises what the last server said, or ConnectionError.
    """
    listed, ports, wanted = (named.pop(k, None) for k in ("host", "port", "target_session_attrs"))
    if not isinstance(listed, list):
        at = {"host": listed, "port": ports, "target_session_attrs": wanted}
        driver: Driver = await asyncpg.connect(**named, **at)
        return driver
    pairs = list(zip(listed, ports, strict=True))
    failure: Exception | None = None
    async with asyncio.timeout(named["timeout"]):
        for kind, place in _in_turn(hosts, pairs, wanted):
            at = {"host": place[0], "port": place[1], "target_session_attrs": kind}
            try:
                driver = await asyncpg.connect(**named | at | {"timeout": _EACH_S})
            except asyncpg.TargetServerAttributeNotMatched:
                # It is well, and not of the kind that is looked for: the next one may be. If none
                # is, the ConnectionError below says so.
                continue
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                if not is_passing(error):
                    raise
                hosts.failed(place)
                failure = error
            else:
                hosts.note(driver, place)
                return driver
    names = ", ".join(f"{host}:{port}" for host, port in pairs)
    raise failure or ConnectionError(f"none of {names} is what was asked for: {wanted}")


def _in_turn(
    hosts: Hosts, pairs: Sequence[Address], wanted: str | None
) -> Iterator[tuple[str | None, Address]]:
    """Servers in the order in which they are tried, each with what is wanted of it.

    What has failed meanwhile is avoided, so it comes once more at the end.
    """
    places = random.sample(pairs, len(pairs))
    for kind, avoided in _ROUNDS.get(wanted, ((wanted, False), (wanted, True))):
        yield from ((kind, place) for place in places if hosts.avoids(place) is avoided)


def make_engine(
    settings: ArchiveSettings,
    program: str,
    pool_size: int = 5,
    ping: bool = True,
    *,
    session: Mapping[str, str] = _AS_THE_SERVER,
    hosts: Hosts | None = None,
) -> AsyncEngine:
    """An engine whose connections name the program, so that `pg_stat_activity` tells who it is.

    With `ping` a connection is tried each time before it is used, which costs a round trip.
    `session` are settings of PostgreSQL for its connections. `hosts` is what is known of the
    servers, if the address names several.
    """
    several = bool(addresses_of(settings))
    return create_async_engine(
        settings.database_url.get_secret_value(),
        pool_size=pool_size,
        max_overflow=0,
        # The connection that was used last knows the most statements, each planned and cached.
        pool_use_lifo=True,
        pool_pre_ping=ping,
        pool_timeout=CONNECT_TIMEOUT_S,
        pool_recycle=_BALANCE_S if several else -1,
        connect_args={
            "timeout": CONNECT_TIMEOUT_S,
            "server_settings": {"application_name": f"mars-{program}", **session},
            "async_creator_fn": partial(connect, hosts or Hosts()),
        },
    )


def connection_settings(settings: ArchiveSettings) -> dict[str, Any]:
    """What the address of the database says, as arguments for `connect`."""
    url = make_url(settings.database_url.get_secret_value())
    return dict(url.get_dialect()().create_connect_args(url)[1])


def addresses_of(settings: ArchiveSettings) -> list[Address]:
    """The servers, if the address of the database names several; else none."""
    named = connection_settings(settings)
    if not isinstance(hosts := named.get("host"), list) or len(hosts) < 2:
        return []
    return list(zip(hosts, named["port"], strict=True))


def at_primary(settings: ArchiveSettings) -> ArchiveSettings | None:
    """The same settings for the primary alone; None where the address names one host only."""
    if not addresses_of(settings):
        return None
    url = make_url(settings.database_url.get_secret_value())
    primary = url.update_query_dict({"target_session_attrs": "primary"})
    whole = primary.render_as_string(hide_password=False)
    return settings.model_copy(update={"database_url": SecretStr(whole)})


def migrations() -> list[Path]:
    """The files of sql/migrations in the order of their numbers."""
    return sorted((SQL / "migrations").glob("[0-9]*.sql"))


HELD: Final = select(func.max(migration.c.number))
"""The last migration that a database holds."""


async def check_schema(connection: AsyncConnection) -> None:
    """Raise SchemaOutdated unless the database holds exactly the migrations of this program."""
    try:
        held = await connection.scalar(HELD)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != "42P01":  # undefined_table
            raise
        held = None
    compare_schema(held)


def compare_schema(held: int | None) -> None:
    """The same, from the number of the last migration that the database holds."""
    wanted = int(migrations()[-1].name[:4])
    if held != wanted:
        raise SchemaOutdated(
            f"the database holds migration {held or 0}, this program needs {wanted}: "
            "run `python -m archive.migrate` of the same version"
        )
