"""How far watches are while alerts come, and what that takes of the machine."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import asyncpg

from dev.state import State

_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")


class Watched(NamedTuple):
    """How far an archive was, and the watch that was least far, at a moment."""

    moment: float
    newest: int
    least: int


def processor_s(pids: Sequence[int]) -> float:
    """The processor time of processes so far."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(one[11]) + int(one[12]) for one in fields) * _TICK_S


def forget_peak(pid: int) -> None:
    """Begin VmHWM of a process anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def memory_mb(pid: int, kind: str) -> float:
    """VmRSS or VmHWM of a process. Raises ProcessLookupError, FileNotFoundError if it has ended."""
    return told_mb(Path(f"/proc/{pid}/status"), kind)


def told_mb(file: Path, name: str) -> float:
    """What a file of /proc tells of a process's memory."""
    for line in file.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(f"{file} has no {name}: the process has just ended")


async def servers_of(connection: "asyncpg.Connection[Any]") -> list[int]:
    """The processes of PostgreSQL that work for the app."""
    rows = await connection.fetch(
        "SELECT pid FROM pg_stat_activity "
        "WHERE application_name IN ('mars-app', 'mars-app-watches')"
    )
    return [row["pid"] for row in rows]


async def until_matched(connection: "asyncpg.Connection[Any]") -> float:
    """Wait until all watches have looked at everything; returns the seconds."""
    began = time.monotonic()
    behind = "SELECT count(*) FROM app.watch WHERE upto < (SELECT lco_id FROM counter)"
    while await connection.fetchval(behind):  # noqa: ASYNC110 - it is in the database
        await asyncio.sleep(0.1)
    return time.monotonic() - began


async def follow(connection: "asyncpg.Connection[Any]", seen: list[Watched]) -> None:
    """Note how far archive and watches are, every 20 ms, until this is cancelled."""
    look = "SELECT lco_id, (SELECT min(upto) FROM app.watch) FROM counter"
    while True:
        newest, least = await connection.fetchrow(look) or (0, 0)
        seen.append(Watched(time.monotonic(), newest, least))
        await asyncio.sleep(0.02)


def lags(seen: Sequence[Watched]) -> list[float]:
    """Of each alert that came the seconds from being there to having been looked at by all."""
    times: list[float] = []
    done = iter(seen)
    last = next(done)
    for before, now in pairwise(seen):
        if now.newest == before.newest:
            continue
        while last.least < now.newest:
            last = next(done)
        times += [max(0.0, last.moment - now.moment)] * (now.newest - before.newest)
    return sorted(times)


@asynccontextmanager
async def following(state: State) -> AsyncIterator[list[Watched]]:
    """What is seen meanwhile, until all has been matched."""
    connection = await asyncpg.connect(state.database_url("admin").replace("+asyncpg", ""))
    seen: list[Watched] = []
    task = asyncio.create_task(follow(connection, seen))
    yield seen
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await connection.close()
