"""Streaming replicas of the stack's PostgreSQL: `python -m dev.replicas up|down|status|env`."""

import argparse
import asyncio
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from dev import postgres
from dev.processes import (
    Server,
    StackError,
    find,
    require_free,
    run,
    start,
    stop,
    wait_until_ready,
)
from dev.state import CHECKOUT, REPLICATION, State, locked, open_state

Answer = TypeVar("Answer")
COUNT = 2
# Of a copy: none of these is known to the primary's own start.
SETTINGS = {
    # One machine carries three servers here.
    "shared_buffers": "512MB",
    # docs/decisions/0020: it would let the counter's old versions pile up while a replica is away.
    "hot_standby_feedback": "off",
    # As long as a statement of the app's may take (sql/cluster.sql).
    "max_standby_streaming_delay": "10s",
    # A dead primary is noticed sooner than after a minute; a live one writes every 10 s.
    "wal_receiver_timeout": "20s",
}
READY_SECONDS = 90
STOP_SECONDS = 60
# Whether the primary still has all that the holder of a slot lacks.
KEEPS = "SELECT wal_status IS DISTINCT FROM 'lost' FROM pg_replication_slots WHERE slot_name = $1"
DROP_SLOTS = """
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = ANY($1)
"""
TOLD = """
SELECT slot_name, coalesce(state, 'not connected') AS state, wal_status,
       pg_wal_lsn_diff(pg_current_wal_lsn(), coalesce(replay_lsn, restart_lsn))::bigint AS behind,
       extract(epoch FROM coalesce(replay_lag, '0'))::float AS seconds
FROM pg_replication_slots LEFT JOIN pg_stat_replication ON pid = active_pid
WHERE slot_name = ANY($1) ORDER BY slot_name
"""


class Replica(NamedTuple):
    """One replica; a part of the stack like the others."""

    number: int

    @property
    def slot(self) -> str:
        """Its replication slot: the primary keeps what it has not read yet, up to a bound."""
        return f"mars_replica_{self.number}"

    def data(self, state: State) -> Path:
        """Return the data directory."""
        return postgres.home(state) / f"replica-{self.number}"

    def server(self, state: State) -> Server:
        """Describe the server; its data must have been made."""
        log = state.log(f"replica-{self.number}")
        settings = postgres.settings_of(state) | SETTINGS
        settings |= {
            "port": str(state.ports.replica(self.number)),
            "primary_slot_name": self.slot,
            "primary_conninfo": f"host=127.0.0.1 port={state.ports.postgres} user={REPLICATION} "
            f"passfile={_passfile(state)} application_name={self.slot}",
        }
        return postgres.describe(f"replica {self.number}", self.data(state), log, settings)

    def prepare(self, state: State) -> None:
        """Clear what an earlier crash left in the way."""
        if find(self.server(state)) is None:
            postgres.clear_crash(self.data(state))


ALL = tuple(Replica(number + 1) for number in range(COUNT))


def present(state: State) -> list[Replica]:
    """Return the replicas that were made."""
    return [replica for replica in ALL if replica.data(state).exists()]


def up(state: State, *, quiet: bool = False) -> None:
    """Make the replicas that are missing, or that the primary has left behind; start all."""
    if find(postgres.server(state)) is None:
        raise StackError("PostgreSQL does not run, and replicas copy it: start it first (make up)")
    with locked(state.folder):
        _make_role(state)
        postgres.write_secret(
            _passfile(state), f"*:*:*:{REPLICATION}:{state.secrets['replication']}\n"
        )
        for replica in ALL:
            server = replica.server(state)
            if find(server) is None:
                require_free(server.ports)
                _make(state, replica, quiet)
                replica.prepare(state)
                start(server)
        for replica in ALL:
            server = replica.server(state)
            wait_until_ready(server, READY_SECONDS)
            if not quiet:
                _say(f"{server.name}: up, 127.0.0.1:{server.port}, pid {find(server)}")


def down(state: State, *, quiet: bool = False) -> None:
    """Stop the replicas, and delete their data and slots."""
    with locked(state.folder):
        for replica in ALL:
            stopped = stop(replica.server(state), STOP_SECONDS)
            shutil.rmtree(replica.data(state), ignore_errors=True)
            if not quiet:
                _say(f"replica {replica.number}: {'stopped and ' if stopped else ''}removed")
        if find(postgres.server(state)):
            slots = [replica.slot for replica in ALL]
            _ask(state, lambda primary: primary.fetch(DROP_SLOTS, slots))


def status(state: State) -> None:
    """Say which replicas run where, and how far the primary sees each of them behind."""
    for replica in ALL:
        server = replica.server(state)
        pid = find(server)
        print(f"{server.name:<12}{f'127.0.0.1:{server.port}  pid {pid}' if pid else 'not running'}")
    if find(postgres.server(state)) is None:
        print(f"{'primary':<12}not running")
        return
    slots = [replica.slot for replica in ALL]
    for row in _ask(state, lambda primary: primary.fetch(TOLD, slots)):
        print(
            f"{row['slot_name']:<16}{row['state']}, {row['behind']:,} bytes behind, replayed "
            f"{row['seconds']:.3f} s after the primary; its log there is {row['wal_status']}"
        )


def env(state: State) -> None:
    """Print the settings of an app, and of a consumer, that know the replicas."""
    print(f"MARS_DATABASE_URL={state.replicated_url('reader', COUNT, 'prefer-standby')}")
    print(f"MARS_APP_DATABASE_URL={state.replicated_url('app', COUNT, 'primary')}")
    print(f"MARS_WRITER_DATABASE_URL={state.replicated_url('writer', COUNT, 'primary')}")


def _make(state: State, replica: Replica, quiet: bool) -> None:
    """Copy the primary, unless there is a copy that can still catch up."""
    data = replica.data(state)
    if data.exists() and not (data / "standby.signal").exists():
        raise StackError(
            f"replica {replica.number} was promoted, it is a primary now: `python -m dev.replicas "
            "down` removes it and what it holds"
        )
    if data.exists() and _ask(state, lambda primary: primary.fetchval(KEEPS, replica.slot)):
        return
    if not quiet:
        _say(f"replica {replica.number}: copying the primary")
    new = data.with_suffix(".new")
    for old in (data, new):
        shutil.rmtree(old, ignore_errors=True)
    _ask(state, lambda primary: primary.fetch(DROP_SLOTS, [replica.slot]))
    place = ["-h", "127.0.0.1", "-p", str(state.ports.postgres), "-U", REPLICATION, "-w"]
    how = ["--checkpoint=fast", "--wal-method=stream", "--create-slot", "--slot", replica.slot]
    run(
        [postgres.program("pg_basebackup"), "-D", str(new), *place, *how],
        user=postgres.USER,
        env={"PGPASSFILE": str(_passfile(state))},
    )
    run(["touch", str(new / "standby.signal")], user=postgres.USER)
    new.rename(data)


def _passfile(state: State) -> Path:
    return postgres.home(state) / "replication.pgpass"


def _ask(state: State, work: Callable[[Any], Awaitable[Answer]]) -> Answer:
    """Do something at the primary, as superuser."""
    from dev import database  # noqa: PLC0415 -- the rest works without .venv

    async def ask() -> Answer:
        connection = await database.connect(state)
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(ask())


def _make_role(state: State) -> None:
    # The password is hexadecimal, and DDL takes no parameters.
    script = (CHECKOUT / "sql" / "replication.sql").read_text()
    script += f"ALTER ROLE {REPLICATION} PASSWORD '{state.secrets['replication']}';"
    _ask(state, lambda primary: primary.execute(script))


def _say(text: str) -> None:
    print(f"replicas: {text}", flush=True)


COMMANDS: dict[str, Callable[[State], None]] = {
    "up": up,
    "down": down,
    "status": status,
    "env": env,
}


def main() -> int:
    """Carry out one command."""
    parser = argparse.ArgumentParser(prog="dev.replicas", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--local", type=Path, default=Path(".local"), help="state folder")
    parser.add_argument("--port", type=int, help="port of the app; the others follow it")
    options = parser.parse_args()
    try:
        COMMANDS[options.command](open_state(options.local, options.port))
    except StackError as error:
        print(f"replicas: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
