"""ASGI programs behind a real HTTP server, in the tests' own process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from typing import Any

import uvicorn

from dev.demo import KEEP_ALIVE_S


@contextmanager
def listening() -> Iterator[tuple[socket.socket, str]]:
    """A socket on a free port of loopback, and its address."""
    # Named as TCP, or asyncio leaves Nagle's algorithm on and each answer waits 40 ms.
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


@asynccontextmanager
async def running(program: Any, listener: socket.socket) -> AsyncIterator[None]:
    """The program, as long as somebody needs it."""
    config = uvicorn.Config(
        program,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        # A request that never ends must not hold the tests up for ever.
        timeout_graceful_shutdown=30,
    )
    server = uvicorn.Server(config)
    # Ctrl-C ends the tests, and not the app alone.
    server.capture_signals = nullcontext  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await task
