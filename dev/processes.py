"""Servers as processes: find, start, wait for and stop them.

There are no pid files, which go stale after a crash or a reboot. A server is found
in /proc by an argument that only this server of this stack has (a path in its
state), so what is found is running and is ours.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from dev.state import State


class StackError(Exception):
    """Something the user can act on; shown without a traceback."""


@dataclass(frozen=True)
class Server:
    """One server of the stack: how it starts, how it is known, when it is ready."""

    name: str
    port: int
    argv: tuple[str, ...]
    mark: str
    log: Path
    ready: Callable[[], bool]
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    other_ports: tuple[int, ...] = ()

    @property
    def ports(self) -> dict[int, str]:
        return dict.fromkeys((self.port, *self.other_ports), self.name)


class Part(Protocol):
    """One server of a stack, as a module or a value: what it needs first, and what it is."""

    def server(self, state: "State", /) -> Server:
        """Describe the server."""

    def prepare(self, state: "State", /) -> None:
        """Make what it needs before it starts."""


def find(server: Server) -> int | None:
    """Return the pid of the running server, or None."""
    found = {pid: parent for pid, parent, argv in _processes() if _is(server, argv)}
    # A child that a server has just forked still wears its parent's arguments.
    return next((pid for pid, parent in found.items() if parent not in found), None)


def start(server: Server) -> None:
    """Start the server in a session of its own, so that Ctrl-C here spares it.

    It is no child of ours: who starts one and goes on need not look after it.
    """
    server.log.parent.mkdir(parents=True, exist_ok=True)
    if server.log.exists():
        server.log.replace(server.log.with_suffix(".log.old"))
    with server.log.open("wb") as log:
        subprocess.run(
            ["setsid", "--fork", *server.argv],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd="/",
            user=server.user,
            group=server.user,
            extra_groups=[] if server.user else None,
        )


def wait_until_ready(server: Server, seconds: float) -> None:
    """Wait until the server answers; when it ends or is too slow, show its log."""
    deadline = time.monotonic() + seconds
    while not server.ready():
        if find(server) is None:
            time.sleep(0.2)  # between fork and exec it does not wear its name yet
            if find(server) is None:
                raise StackError(f"{server.name} ended while starting; {tail(server.log)}")
        if time.monotonic() > deadline:
            raise StackError(
                f"{server.name} was not ready after {seconds:.0f} s; {tail(server.log)}"
            )
        time.sleep(0.1)


def stop(server: Server, seconds: float) -> bool:
    """Ask the server to end, then insist; False when it was not running."""
    pid = find(server)
    if pid is None:
        return False
    _signal(pid, server.stop_signal)
    deadline = time.monotonic() + seconds
    while find(server) is not None:
        if time.monotonic() > deadline:
            _signal(pid, signal.SIGKILL)
        time.sleep(0.1)
    return True


def run(
    argv: list[str],
    *,
    user: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path = Path("/"),
) -> None:
    """Run a step to its end; on failure show what it said."""
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        user=user,
        group=user,
        extra_groups=[] if user else None,
        env=env,
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()
        raise StackError(f"{' '.join(argv[:4])} … failed:\n{said}")


def require_free(ports: dict[int, str]) -> None:
    """Refuse to start anything while another program holds one of the ports."""
    for port, name in ports.items():
        if not port_is_free(port):
            raise StackError(
                f"port {port}, meant for {name}, is taken by another program; "
                "choose another PORT (make … PORT=8100): all ports of a stack follow it"
            )


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def tail(log: Path, lines: int = 20) -> str:
    """Return the end of a log, to be shown with a failure."""
    text = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n  ".join([f"the end of {log}:", *text[-lines:]])


def working_in(directory: Path) -> bool:
    """Whether any process has this directory, or one in it, as its own."""
    for entry in Path("/proc").iterdir():
        # It may have ended since, or be another user's.
        with suppress(OSError):
            if entry.name.isdigit() and (entry / "cwd").readlink().is_relative_to(directory):
                return True
    return False


def _is(server: Server, argv: list[str]) -> bool:
    return server.mark in argv and Path(argv[0]).name == Path(server.argv[0]).name


def _processes() -> list[tuple[int, int, list[str]]]:
    listed = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        # One that ends meanwhile is not listed.
        with suppress(OSError, ValueError):
            argv = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            # The command name, in parentheses, may hold anything: look behind it.
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            listed.append((int(entry.name), parent, argv))
    return listed


def _signal(pid: int, which: signal.Signals) -> None:
    try:
        # One that has ended needs no signal.
        with suppress(ProcessLookupError):
            os.kill(pid, which)
    except PermissionError as error:
        raise StackError(f"pid {pid} belongs to another user: stop it as that user") from error
