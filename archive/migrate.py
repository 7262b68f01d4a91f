"""Bring a database to the schema of this program: `python -m archive.migrate`, as mars_owner.

An empty database is given sql/schema.sql, one that holds an older schema the migrations it lacks.
All of it is one transaction under a lock: two at once take turns, a kill leaves nothing half done.
A table that somebody reads for long is waited for in short turns, between which others go on.
"""

import asyncio
import logging
import sys
from typing import Final

import asyncpg
from sqlalchemy import func, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from archive import logs
from archive.database import SQL, make_engine, migrations
from archive.errors import MarsError, SchemaOutdated
from archive.settings import ArchiveSettings
from archive.tables import migration

log = logging.getLogger(__name__)

# Any number that nothing else in this database locks.
_LOCK = 7_062_018

_OF_THE_CLUSTER: Final = (
    asyncpg.UndefinedObjectError,
    asyncpg.UndefinedFunctionError,
    asyncpg.InsufficientPrivilegeError,
)
"""A role, q3c, or the right to make tables is missing."""

_LOCK_WAIT: Final = "2s"
"""Whoever waits for the lock of a table has all who come later wait behind it, readers too."""
_TURNS: Final = 60
_PAUSE_S: Final = 1.0


async def migrate(settings: ArchiveSettings) -> list[str]:
    """Apply what is missing; returns the names of the files applied, none if all was there.

    Raises SchemaOutdated where the database is newer than this program, and asyncpg's
    LockNotAvailableError where a table was not to be had in any turn.
    """
    engine = make_engine(settings, "migrate", pool_size=1)
    try:
        for turn in range(1, _TURNS):
            try:
                return await _take_turn(engine)
            except asyncpg.LockNotAvailableError:
                log.warning("waits for who uses a table", extra={"turn": turn, "of": _TURNS})
                await asyncio.sleep(_PAUSE_S)
        return await _take_turn(engine)
    finally:
        await engine.dispose()


async def _take_turn(engine: AsyncEngine) -> list[str]:
    async with engine.begin() as connection:
        await connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        return await _apply_missing(connection)


async def _apply_missing(connection: AsyncConnection) -> list[str]:
    files = {int(path.name[:4]): path for path in migrations()}
    if await connection.scalar(select(func.to_regclass("migration"))) is None:
        await _run(connection, (SQL / "schema.sql").read_text())
        await _record(connection, {number: path.name for number, path in files.items()})
        return ["schema.sql"]
    held = await connection.scalar(select(func.max(migration.c.number))) or 0
    if held > max(files):
        raise SchemaOutdated(
            f"the database holds migration {held}, this program knows {max(files)} at most"
        )
    missing = {number: path for number, path in files.items() if number > held}
    for number, path in missing.items():
        await _run(connection, path.read_text())
        await _record(connection, {number: path.name})
    return [path.name for path in missing.values()]


async def _run(connection: AsyncConnection, script: str) -> None:
    """Run a file of many statements, which only the driver's own simple query can."""
    raw = await connection.get_raw_connection()
    assert raw.driver_connection is not None
    await raw.driver_connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'")
    await raw.driver_connection.execute(script)


async def _record(connection: AsyncConnection, names: dict[int, str]) -> None:
    rows = [{"number": number, "name": name} for number, name in names.items()]
    await connection.execute(insert(migration), rows)


def main() -> int:
    """The command line: no arguments, settings from the environment.

    The exit status is 0, or 1 with the reason in the log; then nothing was changed.
    """
    settings = ArchiveSettings()
    logs.configure(settings.log_level)
    try:
        applied = asyncio.run(migrate(settings))
    except (MarsError, DBAPIError, asyncpg.PostgresError, OSError) as error:
        hint = ": run sql/cluster.sql first" if isinstance(error, _OF_THE_CLUSTER) else ""
        log.error("nothing was changed", extra={"reason": f"{error}{hint}"})
        return 1
    log.info("schema is current", extra={"applied": applied})
    return 0


if __name__ == "__main__":
    sys.exit(main())
