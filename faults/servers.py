"""Servers of the stack stopped, killed, frozen and started again."""

import asyncio
import os
import signal
from dataclasses import replace

from dev.processes import Part, find, start, stop, wait_until_ready
from dev.stack import READY_SECONDS, STOP_SECONDS
from dev.state import State


async def stop_server(part: Part, state: State, how: signal.Signals | None = None) -> None:
    """Stop a server, by a signal of one's own choice; it must have been running."""
    server = part.server(state)
    if how is not None:
        server = replace(server, stop_signal=how)
    if not await asyncio.to_thread(stop, server, STOP_SECONDS):
        raise RuntimeError(f"{server.name} was not running, so it could not be stopped")


async def start_server(part: Part, state: State) -> None:
    """Start it as the stack does, and wait until it answers."""
    server = part.server(state)
    await asyncio.to_thread(part.prepare, state)
    await asyncio.to_thread(start, server)
    await asyncio.to_thread(wait_until_ready, server, READY_SECONDS)


async def freeze_server(part: Part, state: State, seconds: float) -> None:
    """Let it accept and never answer for a while."""
    server = part.server(state)
    pid = find(server)
    if pid is None:
        raise RuntimeError(f"{server.name} was not running, so it could not be frozen")
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)
