"""Run the tests on a stack of their own, and stop it whatever happens."""

import argparse
import asyncio
import fcntl
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from dev import database, stack
from dev.processes import StackError
from dev.state import CHECKOUT, State, open_state

TEMPLATE = "template_mars"
"""A migrated database that holds nothing: each test's own is a copy of it."""
# What a crash would damage is thrown away anyway; to make and drop a database takes a third so.
THROWN_AWAY = ("fsync", "full_page_writes", "synchronous_commit")


async def prepare(state: State) -> None:
    """Have the database server forget what makes it outlive a crash, and make the template."""
    connection = await database.connect(state, database="postgres")
    try:
        await forget_crashes(connection)
        await connection.execute(
            f"CREATE DATABASE {TEMPLATE} TEMPLATE mars IS_TEMPLATE true ALLOW_CONNECTIONS false"
        )
    finally:
        await connection.close()


async def forget_crashes(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Have a server write as if its machine never failed."""
    for name in THROWN_AWAY:
        await connection.execute(f"ALTER SYSTEM SET {name} = off")
    await connection.execute("SELECT pg_reload_conf()")


def run(state: State, arguments: list[str]) -> int:
    """Run pytest against the stack; return its exit code."""
    pytest = subprocess.Popen(
        [sys.executable, "-m", "pytest", *arguments],
        env=state.environment("owner"),
        cwd=CHECKOUT,
    )
    for which in (signal.SIGINT, signal.SIGTERM):
        # Ctrl-C reaches pytest by itself; what is sent to us alone is passed on.
        signal.signal(which, lambda _number, _frame: pytest.send_signal(signal.SIGINT))
    return pytest.wait()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep a second run off the same stack."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(folder.name + ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StackError(
                f"tests run on {folder} already: wait for them, or give TEST_LOCAL and TEST_PORT"
            ) from error
        yield


def main() -> int:
    """Make a fresh stack, run the tests on it, stop it."""
    parser = argparse.ArgumentParser(prog="dev.testing", description=__doc__)
    parser.add_argument("--local", type=Path, default=Path(".local/test"), help="state folder")
    parser.add_argument("--port", type=int, default=18000, help="port of the app")
    parser.add_argument("arguments", nargs="*", help="given to pytest, after --")
    options = parser.parse_args()
    try:
        with alone(options.local):
            # A run must not lean on what the one before left.
            stack.clean(open_state(options.local, options.port), quiet=True)
            state = open_state(options.local, options.port)
            try:
                stack.up(state)
                asyncio.run(prepare(state))
                return run(state, options.arguments)
            finally:
                stack.down(state, quiet=True)
    except StackError as error:
        print(f"test: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
