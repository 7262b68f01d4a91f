"""The archive and the app that are measured."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from app.columns.copy import read_copy
from archive.objects import open_store
from archive.settings import ArchiveSettings
from archive.surveys import SURVEYS
from dev import stack
from dev.demo import KEEP_ALIVE
from dev.state import State, open_state


def say(text: str) -> None:
    """Tell how far it is."""
    print(f"bench: {text}", flush=True)


@contextmanager
def running_stack(local: Path, port: int) -> Iterator[State]:
    """The stack of a state folder, with what it holds; stopped again if it was not up before."""
    state = open_state(local, port)
    ours = not stack.is_up(state)
    stack.up(state)
    try:
        yield state
    finally:
        if ours:
            stack.down(state)


def keep_size(kept: Path, rows: int, found: dict[str, Any]) -> dict[str, Any]:
    """Put what was found at one size beside the other sizes in a file of JSON; all of them."""
    sizes: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    sizes[str(rows)] = found
    kept.write_text(json.dumps(sizes, indent=1) + "\n")
    return sizes


@contextmanager
def fresh_stack(local: Path, port: int) -> Iterator[State]:
    """A stack of its own that holds nothing, with its settings in the environment."""
    stack.clean(open_state(local, port), quiet=True)
    state = open_state(local, port)
    stack.up(state)
    try:
        os.environ.update(state.environment("writer"))
        yield state
    finally:
        stack.down(state)


@contextmanager
def app(state: State, **told: str) -> Iterator[tuple[str, int]]:
    """The app on its port, without a log line for each request: its address and process id.

    `told` goes to its environment.
    """
    place = ["--host", "127.0.0.1", "--port", str(state.ports.app), "--no-access-log", *KEEP_ALIVE]
    command = [sys.executable, "-m", "uvicorn", "--factory", "app.main:create_app", *place]
    # All questions come from one address.
    free = {"MARS_LOG_LEVEL": "warning", "MARS_RATE_LIMIT_PER_S": "0"}
    process = subprocess.Popen(command, env=state.environment("reader") | free | told)
    address = f"http://127.0.0.1:{state.ports.app}"
    try:
        for _ in range(100):
            try:
                httpx.get(f"{address}/readyz").raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield address, process.pid
    finally:
        process.terminate()
        process.wait(30)


def fill(state: State, rows: int, histories: float = 0.0) -> None:
    """Archive rows by COPY; those of an earlier run are found again, and more are added to them.

    A share of the objects, 0 to 1, gets histories.
    """
    command = ["-m", "dev.simulate", "--count", str(rows), "--seed", "1", "--to", "archive"]
    command += ["--histories", str(histories)]
    subprocess.run([sys.executable, *command], env=state.environment("writer"), check=True)
    asyncio.run(_vacuum(state))


async def _vacuum(state: State) -> None:
    """What autovacuum would begin a minute later, beside the first questions."""
    connection = await asyncpg.connect(state.database_url("owner").replace("+asyncpg", ""))
    await connection.execute("VACUUM (ANALYZE) alert")
    await connection.close()


async def _rows_of_catalog() -> int:
    async with open_store(ArchiveSettings()) as store:
        copy = await read_copy(store, SURVEYS[0].name, None)
    return 0 if copy is None else copy.rows


def run_catalog(state: State, verb: str) -> str:
    """Update or compact the catalog: how many rows it wrote, how fast, and in how much memory."""
    had = asyncio.run(_rows_of_catalog()) if verb == "update" else 0
    began = time.perf_counter()
    command = [sys.executable, "-m", "catalog", verb]
    process = subprocess.Popen(command, env=state.environment("reader"))
    # Not RUSAGE_CHILDREN: that is the most of all programs run before.
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"catalog {verb} ended with {os.waitstatus_to_exitcode(status)}")
    spent = time.perf_counter() - began
    written = asyncio.run(_rows_of_catalog()) - had
    rate = f", {written / spent:,.0f} rows/s" if written else ""
    return (
        f"`python -m catalog {verb}` wrote {written:,} alerts in {spent:.0f} s{rate}, "
        f"at most {used.ru_maxrss / 1024:,.0f} MB."
    )


async def described(state: State) -> tuple[str, int, int]:
    """Server versions, alerts and histories."""
    connection = await asyncpg.connect(state.database_url("reader").replace("+asyncpg", ""))
    await connection.execute("SET statement_timeout = 0")
    server = await connection.fetchval("SELECT 'PostgreSQL ' || split_part(version(), ' ', 2)")
    q3c = await connection.fetchval("SELECT extversion FROM pg_extension WHERE extname = 'q3c'")
    rows = await connection.fetchval("SELECT count(*) FROM alert")
    histories = await connection.fetchval("SELECT count(*) FROM history")
    await connection.close()
    return f"{server} with q3c {q3c}", rows, histories
