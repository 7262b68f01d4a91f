"""How a process beside the app begins, and how messages pass between the two.

They go through its standard input and output; the end of its input is its end, so that none
outlives an app that was killed.
"""

import asyncio
import os
import pickle
import signal
import sys
from asyncio.subprocess import PIPE, Process
from typing import Any, BinaryIO, Final, NamedTuple

LENGTH: Final = 8
"""Bytes before a message that say how long it is."""
NICENESS: Final = 5
"""Such a process gets a quarter of a core that an answer wants, too; at 10 a tenth, and a scan
never ended."""


async def start_program(module: str) -> Process:
    """`python -m module`, to which messages can be sent."""
    # It must find our modules wherever the app was started.
    places = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, stdin=PIPE, stdout=PIPE, env=places
    )


def begin_program() -> tuple[BinaryIO, BinaryIO]:
    """Be such a process: where messages come from, and where answers go."""
    # Ctrl-C reaches all processes of a terminal. The app ends in order, and this one behind it.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.SIG_IGN)
    os.nice(NICENESS)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Whatever a library prints must not stand between the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return sys.stdin.buffer, answers


def packed(message: NamedTuple) -> tuple[bytes, bytes]:
    """A message as bytes: its length, and itself, which may be large and is not copied."""
    body = pickle.dumps(message, protocol=5)
    return len(body).to_bytes(LENGTH), body


def unpacked(body: bytes) -> Any:
    """The message of such bytes."""
    return pickle.loads(body)  # noqa: S301  # the other process is our own


def read_message(source: BinaryIO) -> Any:
    """The next message; None at the end."""
    length = source.read(LENGTH)
    return unpacked(source.read(int.from_bytes(length))) if len(length) == LENGTH else None
