"""Clients of streams, of several kinds, that come again with the number of their last event."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import httpx
from playwright.async_api import Page

from tests.app.live.streams import BASE, STREAM, candids, following

PACKAGES: Final = Path(__file__).parents[3] / ".local" / "lib" / "npm" / "node_modules"
_IN_NODE: Final = """
const { EventSource } = require("eventsource");
const source = new EventSource(process.argv[1]);
source.addEventListener("open", () => console.log("open"));
source.addEventListener("alert", event => console.log(JSON.parse(event.data).candid));
"""


class Patient:
    """A client that wants so many alerts behind a number; it comes again until it has all."""

    def __init__(self, address: str, since: int, count: int) -> None:
        self.address, self.last, self.count = address, since, count
        self.got: list[int] = []
        self.cuts = 0

    @property
    def url(self) -> str:
        return f"{self.address}{STREAM}?fields=candid&since={self.last}"

    @property
    def lacks(self) -> bool:
        return len(self.got) < self.count

    async def follow(self) -> None:
        """By httpx-sse; it hangs up by itself now and then."""
        chance = random.Random(5)
        async with httpx.AsyncClient(base_url=self.address) as client:
            while self.lacks:
                with suppress(httpx.TransportError, httpx.HTTPStatusError, StopAsyncIteration):
                    async with following(client, self.last, fields="candid") as events:
                        for _ in range(chance.randrange(1, 60)):
                            event = await anext(events)
                            self.got += candids([event])
                            self.last = event.id
                            if not self.lacks:
                                return
                self.cuts += 1
                await asyncio.sleep(0.2)

    async def follow_by_curl(self) -> None:
        """By curl, which ends where it is cut."""
        while self.lacks:
            curl = await asyncio.create_subprocess_exec(
                "curl", "-sN", self.url, stdout=asyncio.subprocess.PIPE
            )
            assert curl.stdout is not None
            await self._read(curl.stdout)
            await _end(curl)
            self.cuts += 1
            await asyncio.sleep(0.2)

    async def _read(self, lines: asyncio.StreamReader) -> None:
        """Events, each of which counts once its blank line has come."""
        event: dict[str, str] = {}
        while self.lacks and (line := (await lines.readline()).decode()):
            name, _, value = line.rstrip("\n").partition(": ")
            event[name] = value
            if line == "\n" and "id" in event:
                self.last = int(event["id"])
                if event["event"] == "alert":
                    self.got.append(int(event["data"].split('"')[3]) - BASE)
                event = {}

    async def follow_in_node(self) -> None:
        """By the EventSource of npm, which does the rest by itself."""
        node = await asyncio.create_subprocess_exec(
            *("node", "-e", _IN_NODE, self.url),
            env={**os.environ, "NODE_PATH": str(PACKAGES)},
            stdout=asyncio.subprocess.PIPE,
        )
        assert node.stdout is not None
        try:
            while self.lacks and (line := (await node.stdout.readline()).decode().strip()):
                if line == "open":
                    self.cuts += 1
                else:
                    self.got.append(int(line) - BASE)
        finally:
            await _end(node)


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


@asynccontextmanager
async def browsing(page: Page, address: str, since: int) -> AsyncIterator[None]:
    """Chromium's own EventSource, whose alerts are kept in `window.got`."""
    await page.goto(f"{address}/help/")
    await page.evaluate(
        """url => {
            window.got = [];
            const source = new EventSource(url);
            source.addEventListener("alert", event => {
                window.got.push(JSON.parse(event.data).candid);
            });
        }""",
        f"{STREAM}?fields=candid&since={since}",
    )
    yield
