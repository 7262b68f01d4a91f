"""Apps and database servers that are killed and started again."""

import asyncio
import random
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Final

import httpx

from bench.running import say
from dev.demo import GRACE, KEEP_ALIVE
from dev.processes import Part
from dev.replicas import COUNT
from dev.state import State
from faults.servers import start_server, stop_server

EVERY_S: Final = (3.0, 8.0)
"""Between two kills of one kind."""
AWAY_S: Final = 3.0
"""How long a server is away at most, before it begins to start."""
_LATEST_S: Final = 60.0


class App:
    """A process of the app on a port of its own, which knows a primary and replicas."""

    def __init__(self, state: State, port: int) -> None:
        self._state, self.port = state, port
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and wait until it answers, whether its databases do or not."""
        told = self._state.environment("reader") | {
            "MARS_DATABASE_URL": self._state.replicated_url("reader", COUNT, "prefer-standby"),
            "MARS_APP_DATABASE_URL": self._state.replicated_url("app", COUNT, "primary"),
            "MARS_LOG_LEVEL": "warning",
            "MARS_RATE_LIMIT_PER_S": "0",
            "MARS_STREAMS_PER_CLIENT": "1000",
        }
        place = ["--host", "127.0.0.1", "--port", str(self.port), "--no-access-log"]
        command = [sys.executable, "-m", "uvicorn", "--factory", "app.main:create_app"]
        command += [*place, *KEEP_ALIVE, *GRACE]
        with self._state.log(f"app-{self.port}").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(*command, env=told, stderr=log)
        async with asyncio.timeout(_LATEST_S), httpx.AsyncClient() as client:
            while not await self._answers(client):  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.1)

    async def _answers(self, client: httpx.AsyncClient) -> bool:
        if self._process is not None and self._process.returncode is not None:
            raise RuntimeError(f"the app on port {self.port} ended by itself: see its log")
        try:
            return (await client.get(f"http://127.0.0.1:{self.port}/healthz")).is_success
        except httpx.TransportError:
            return False

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Send it a signal, and wait until it has ended."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(how)
            await self._process.wait()


async def kill_app(app: App, rng: random.Random) -> None:
    """SIGKILL, and another start after a while."""
    await app.stop(signal.SIGKILL)
    await asyncio.sleep(rng.uniform(0, AWAY_S))
    await app.start()


async def kill_server(part: Part, state: State, rng: random.Random) -> None:
    """SIGKILL to a server of the stack, and another start after a while."""
    await stop_server(part, state, signal.SIGKILL)
    await asyncio.sleep(rng.uniform(0, AWAY_S))
    await start_server(part, state)


async def repeat(
    what: str, way: Callable[[int], Awaitable[None]], times: int, rng: random.Random
) -> None:
    """Do something so many times, at random moments."""
    for n in range(times):
        await asyncio.sleep(rng.uniform(*EVERY_S))
        say(f"{what}, {n + 1} of {times}")
        await way(n)
