"""A network of a rehearsal's own, in which every port of compose.yaml is free."""

import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from dev.rehearsal.jails import first_child

IFF_UP = 0x1
SIOCSIFFLAGS = 0x8914
SPACES = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


def apart(module: str, arguments: Sequence[str]) -> int:
    """Run a module in namespaces of its own; when it ends, so does all that it started.

    It hears of Ctrl-C and SIGTERM by us alone, and so but once.
    """
    argv = ["unshare", *SPACES, sys.executable, "-m", module, *arguments]
    inner = subprocess.Popen(argv, start_new_session=True)

    def pass_on(_number: int, _frame: object) -> None:
        if (pid := first_child(inner.pid)) is not None:
            os.kill(pid, signal.SIGTERM)

    for which in (signal.SIGINT, signal.SIGTERM):
        signal.signal(which, pass_on)
    return inner.wait()


def bring_up() -> None:
    """Let the loopback of a new network carry what is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


def write_hosts(path: Path, names: Iterable[str]) -> None:
    """Give each service an address by its name.

    None is 127.0.0.1: a server that listens there alone does not answer by its name.
    """
    lines = [f"127.0.1.{number} {name}\n" for number, name in enumerate(names, start=1)]
    path.write_text("".join(["127.0.0.1 localhost\n", *lines]))
    path.chmod(0o644)


def address_of(path: Path, name: str) -> str:
    """Look a service up, as its neighbours do."""
    pairs = (line.split() for line in path.read_text().splitlines())
    return next(address for address, found in pairs if found == name)
