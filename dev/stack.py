"""Start, stop and look at the local stack: `python -m dev.stack up|down|status|env`."""

import argparse
import asyncio
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from dev import kafka, postgres, replicas, s3
from dev.processes import (
    Part,
    StackError,
    find,
    port_is_free,
    require_free,
    start,
    stop,
    wait_until_ready,
)
from dev.state import State, last_port, locked, open_state, write_settings

PARTS: tuple[Part, ...] = (postgres, kafka, s3)
READY_SECONDS = 90
STOP_SECONDS = 60


def present(state: State) -> Sequence[Part]:
    """Return the parts that this stack has: the three, and replicas if some were made."""
    return (*PARTS, *replicas.present(state))


def up(state: State, *, quiet: bool = False) -> None:
    """Start what is not running, apply the schema, write the settings."""
    from dev import database  # noqa: PLC0415 -- the rest works without .venv

    with locked(state.folder):
        _refuse_other_ports(state)
        _start_missing(state, quiet)
        if not quiet:
            _say("database: roles and schema")
        database.prepare(state)
        write_settings(state.folder / "env", state.env())


def is_up(state: State) -> bool:
    """Whether any server of this stack runs; who found none may stop what it started."""
    return any(find(part.server(state)) for part in present(state))


def down(state: State, *, quiet: bool = False) -> None:
    """Stop the servers of this stack: replicas first, the database last."""
    with locked(state.folder):
        for part in reversed(present(state)):
            server = part.server(state)
            stopped = stop(server, STOP_SECONDS)
            if not quiet:
                _say(f"{server.name}: {'stopped' if stopped else 'was not running'}")


def status(state: State) -> None:
    """Say what runs where, and what the ledger adds up to."""
    for part in present(state):
        server = part.server(state)
        pid = find(server)
        runs = f"127.0.0.1:{server.port}  pid {pid}" if pid else "not running"
        print(f"{server.name:<12}{runs}")
    for name, port in (("app", state.ports.app), ("consumer", state.ports.metrics)):
        used = "not running" if port_is_free(port) else f"http://127.0.0.1:{port}"
        print(f"{name:<12}{used}")
    if find(postgres.server(state)):
        from dev import database  # noqa: PLC0415 -- as above

        told = asyncio.run(database.tell(state))
        sums = "  ".join(f"{name} {count:,}" for name, count in told.totals.items()) if told else ""
        print(f"{'ledger':<12}{sums or 'no schema yet'}")
        for line in told.held if told else ():
            print(f"{'held':<12}{line}")
    print(f"{'settings':<12}{state.folder / 'env'}")


def clean(state: State, *, quiet: bool = False) -> None:
    """Stop the stack and delete all that it kept, the archive too."""
    down(state, quiet=quiet)
    postgres.remove(state)
    shutil.rmtree(state.folder)
    if not quiet:
        _say(f"deleted {state.folder}")


def _start_missing(state: State, quiet: bool) -> None:
    began = time.monotonic()
    for part in PARTS:
        part.prepare(state)
    servers = [part.server(state) for part in PARTS]
    missing = [server for server in servers if find(server) is None]
    for server in missing:
        require_free(server.ports)
    write_settings(state.folder / "ports", {"PORT": str(state.ports.app)})
    for server in missing:
        start(server)
    for server in servers:
        wait_until_ready(server, READY_SECONDS)
        if not quiet:
            since = f"up after {time.monotonic() - began:.1f} s"
            how = since if server in missing else "already up"
            _say(f"{server.name}: {how}, 127.0.0.1:{server.port}, pid {find(server)}")


def _refuse_other_ports(state: State) -> None:
    """A running stack keeps its ports: the settings of its users name them."""
    last = last_port(state.folder)
    if last in (None, state.ports.app):
        return
    if is_up(state):
        raise StackError(
            f"the stack in {state.folder} runs with PORT={last}; use that, "
            "or stop it first (make down), or give the other one a LOCAL of its own"
        )


def _say(text: str) -> None:
    print(f"stack: {text}", flush=True)


COMMANDS: dict[str, Callable[[State], object]] = {
    "up": up,
    "down": down,
    "status": status,
    "clean": clean,
}


def main() -> int:
    """Carry out one command."""
    parser = argparse.ArgumentParser(prog="dev.stack", description=__doc__)
    parser.add_argument("command", choices=[*COMMANDS, "env"])
    parser.add_argument("--local", type=Path, default=Path(".local"), help="state folder")
    parser.add_argument("--port", type=int, help="port of the app; the others follow it")
    options = parser.parse_args()
    try:
        state = open_state(options.local, options.port)
        if options.command == "env":
            env = state.folder / "env"
            print(env.read_text() if env.exists() else "", end="")
        else:
            COMMANDS[options.command](state)
    except StackError as error:
        print(f"stack: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
