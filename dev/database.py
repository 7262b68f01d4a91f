"""The database of the stack: made once, its roles given passwords, its schema applied."""

import asyncio
import sys
from typing import NamedTuple

import asyncpg

from dev.processes import StackError, run
from dev.state import CHECKOUT, State

ROLES = ("owner", "writer", "reader", "app", "tap")
# Of one source, or of all when the source is null.
SUMS = """
SELECT coalesce(sum(received), 0)::bigint AS received, coalesce(sum(stored), 0)::bigint AS stored,
       coalesce(sum(duplicate), 0)::bigint AS duplicate,
       coalesce(sum(private), 0)::bigint AS private,
       coalesce(sum(rejected), 0)::bigint AS rejected
FROM ledger WHERE $1::text IS NULL OR source = $1
"""

# Partitions whose consumer waits, and has not gone on since: consumer/batches/breaker.py.
HELD = """
SELECT topic, partition, next_offset, reason, since FROM held
WHERE released IS NULL AND NOT EXISTS (
    SELECT FROM position WHERE position.topic = held.topic
    AND position.partition = held.partition AND position.next_offset > held.next_offset)
ORDER BY since
"""


def prepare(state: State) -> None:
    """Bring database, roles and schema to what this checkout needs; safe to repeat."""
    asyncio.run(_prepare(state))
    run(
        [sys.executable, "-m", "archive.migrate"],
        env=state.environment("owner"),
        cwd=CHECKOUT,
    )


async def _prepare(state: State) -> None:
    connection = await connect(state, database="postgres")
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = 'mars'"):
            await connection.execute("CREATE DATABASE mars")
    finally:
        await connection.close()
    connection = await connect(state)
    try:
        await connection.execute((CHECKOUT / "sql" / "cluster.sql").read_text())
        for role in ROLES:
            # The passwords are hexadecimal, and DDL takes no parameters.
            password = state.secrets[role]
            await connection.execute(f"ALTER ROLE mars_{role} LOGIN PASSWORD '{password}'")
    finally:
        await connection.close()


async def connect(
    state: State, database: str = "mars", port: int | None = None
) -> "asyncpg.Connection[asyncpg.Record]":
    """Connect as superuser, to the primary or to the replica at a port."""
    try:
        return await asyncpg.connect(
            host="127.0.0.1",
            port=port or state.ports.postgres,
            user="postgres",
            password=state.secrets["admin"],
            database=database,
            timeout=10,
        )
    except asyncpg.InvalidPasswordError as error:
        raise StackError(
            f"PostgreSQL refuses the password in {state.folder / 'secrets'}; "
            "if that file was lost, start anew: make clean"
        ) from error


class Told(NamedTuple):
    """What the database says of the consumer's work."""

    totals: dict[str, int]
    """The ledger's sums by outcome."""
    held: list[str]
    """A line for each partition that waits."""


async def tell(state: State) -> Told | None:
    """Sum the ledger, and see what waits; None when there is no ledger yet."""
    try:
        connection = await connect(state)
    except asyncpg.InvalidCatalogNameError:
        return None
    try:
        sums = await connection.fetchrow(SUMS, None)
        held = await connection.fetch(HELD)
    except asyncpg.UndefinedTableError:
        return None
    finally:
        await connection.close()
    return Told(dict(sums or {}), [_line(row) for row in held])


def _line(row: asyncpg.Record) -> str:
    return (
        f"{row['topic']}/{row['partition']} waits at offset {row['next_offset']} since "
        f"{row['since']:%Y-%m-%d %H:%M} UTC, its messages are refused: {row['reason']}"
    )
