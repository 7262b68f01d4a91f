"""The way into the database, and whether its schema is the one this program was written for."""

from pathlib import Path
from typing import Final

import asyncpg
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as SQLTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from archive.errors import SchemaOutdated, StoreUnavailable
from archive.settings import ArchiveSettings
from archive.tables import migration

SQL: Final = Path(__file__).resolve().parents[1] / "sql"
CONNECT_TIMEOUT_S: Final = 5

# Classes of SQLSTATE: connection, rollback of a deadlock, out of resources, operator, system.
_PASSING: Final = frozenset({"08", "40", "53", "57", "58"})


def is_passing(error: BaseException) -> bool:
    """Whether an error of a statement is the server's, and may be gone when it is asked again.

    Not so for a value that does not fit its column or a broken constraint: that is ours.
    """
    if isinstance(error, OSError | TimeoutError | SQLTimeout):
        return True
    # A COPY goes past SQLAlchemy, and raises what the driver raises.
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlstate", None)
    if code is not None:
        return code[:2] in _PASSING
    return isinstance(error, DBAPIError | asyncpg.InterfaceError) and not isinstance(
        cause, ValueError
    )


# Classes of SQLSTATE: data, constraint, limit of the program (an index entry, for instance).
_OF_A_VALUE: Final = frozenset({"22", "23", "54"})


def may_be_a_value(error: Exception) -> bool:
    """Whether an error on the way of a batch may be due to a value in it, and to nothing else.

    What may pass is not, nor what an operator must mend: a missing table, a lost right, no memory.
    """
    if isinstance(error, StoreUnavailable | MemoryError) or is_passing(error):
        return False
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlstate", None)
    return code is None or code[:2] in _OF_A_VALUE


def make_engine(
    settings: ArchiveSettings, program: str, pool_size: int = 5, ping: bool = True
) -> AsyncEngine:
    """An engine whose connections name the program, so that `pg_stat_activity` tells who it is.

    With `ping` a connection is tried each time before it is used, which costs a round trip.
    """
    return create_async_engine(
        settings.database_url.get_secret_value(),
        pool_size=pool_size,
        max_overflow=0,
        # The connection that was used last knows the most statements, each planned and cached.
        pool_use_lifo=True,
        pool_pre_ping=ping,
        pool_timeout=CONNECT_TIMEOUT_S,
        connect_args={
            "timeout": CONNECT_TIMEOUT_S,
            "server_settings": {"application_name": f"mars-{program}"},
        },
    )


def migrations() -> list[Path]:
    """The files of sql/migrations in the order of their numbers."""
    return sorted((SQL / "migrations").glob("[0-9]*.sql"))


async def check_schema(connection: AsyncConnection) -> None:
    """Raise SchemaOutdated unless the database holds exactly the migrations of this program."""
    try:
        held = await connection.scalar(select(func.max(migration.c.number)))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != "42P01":  # undefined_table
            raise
        held = None
    wanted = int(migrations()[-1].name[:4])
    if held != wanted:
        raise SchemaOutdated(
            f"the database holds migration {held or 0}, this program needs {wanted}: "
            "run `python -m archive.migrate` of the same version"
        )
