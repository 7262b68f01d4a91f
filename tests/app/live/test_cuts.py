"""Clients of several kinds, cut off and left by a server that is killed: nothing twice, no gap."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import httpx
import pytest
from playwright.async_api import Page

from app.settings import Settings
from tests.app.conftest import fresh_archive
from tests.app.jobs.running import free_port, process
from tests.app.live.streams import HANGS_S, STREAM, candids, following, grow, growing
from tests.pages.conftest import becomes, browser, opened_page

__all__ = ["browser"]

ALERTS = 200
BATCHES = 40


class Patient:
    """A client that comes again, with the number of its last event, until it has all."""

    def __init__(self, address: str) -> None:
        self.address, self.last, self.got = address, 0, list[int]()
        self.cuts = 0

    async def follow(self) -> None:
        """By httpx-sse; it hangs up by itself now and then."""
        chance = random.Random(len(self.address))
        async with httpx.AsyncClient(base_url=self.address) as client:
            while len(self.got) < ALERTS:
                with suppress(httpx.TransportError, httpx.HTTPStatusError, StopAsyncIteration):
                    async with following(client, self.last, fields="candid") as events:
                        for _ in range(chance.randrange(1, 60)):
                            if len(self.got) == ALERTS:
                                return
                            event = await anext(events)
                            self.got += candids([event])
                            self.last = event.id
                self.cuts += 1
                await asyncio.sleep(0.2)

    async def follow_by_curl(self) -> None:
        """By curl, which ends where it is cut."""
        while len(self.got) < ALERTS:
            url = f"{self.address}{STREAM}?fields=candid&since={self.last}"
            curl = await asyncio.create_subprocess_exec(
                "curl", "-sN", url, stdout=asyncio.subprocess.PIPE
            )
            assert curl.stdout is not None
            await self._read(curl.stdout)
            with suppress(ProcessLookupError):
                curl.kill()
            await curl.wait()
            self.cuts += 1
            await asyncio.sleep(0.2)

    async def _read(self, lines: asyncio.StreamReader) -> None:
        """Events, each of which counts once its blank line has come."""
        event: dict[str, str] = {}
        while len(self.got) < ALERTS and (line := (await lines.readline()).decode()):
            name, _, value = line.rstrip("\n").partition(": ")
            event[name] = value
            if line == "\n" and "id" in event:
                self.last = int(event["id"])
                if event["event"] == "alert":
                    self.got.append(int(event["data"].split('"')[3]) - 3_300_100_000_000_015_000)
                event = {}


@asynccontextmanager
async def browsing(page: Page, address: str) -> AsyncIterator[None]:
    """Chromium's own EventSource, which does the rest by itself."""
    await page.goto(f"{address}/help/")
    await page.evaluate(
        """url => {
            window.got = [];
            const follow = () => {
                const last = window.last ?? 0;
                const source = new EventSource(`${url}&since=${last}`);
                const note = event => { window.last = event.lastEventId; };
                source.addEventListener("alert", event => {
                    note(event);
                    window.got.push(JSON.parse(event.data).candid.slice(-3));
                });
                source.addEventListener("seen", note);
            };
            follow();
        }""",
        f"{STREAM}?fields=candid",
    )
    yield


async def test_each_alert_once_and_in_order_through_cuts_and_kills(browser: object) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    excused = "ERR_"
    async with fresh_archive() as settings, AsyncExitStack() as stack:
        clients = [Patient(address) for _ in range(4)]
        async with process(settings, port):
            page = await stack.enter_async_context(opened_page(browser, excused=excused))  # type: ignore[arg-type]
            await stack.enter_async_context(browsing(page, address))
            tasks = [asyncio.create_task(one.follow()) for one in clients[:3]]
            tasks.append(asyncio.create_task(clients[3].follow_by_curl()))
            await feed(settings, 0, BATCHES // 2)
        # `process` has asked it to end; the next two are killed.
        for part in (2, 3):
            async with process(settings, port) as app:
                await feed(settings, part * BATCHES // 4, (part + 1) * BATCHES // 4)
                app.send_signal(signal.SIGKILL)
                await app.wait()
        async with process(settings, port):
            async with asyncio.timeout(HANGS_S):
                await asyncio.gather(*tasks)
            await becomes(lambda: page.evaluate("window.got.length"), ALERTS)
            in_browser = await page.evaluate("window.got")
    wanted = list(range(ALERTS))
    for client in clients:
        assert client.got == wanted
        assert client.cuts >= 3
    assert in_browser == [f"{n:03}" for n in wanted_ends(wanted)]


def wanted_ends(numbers: list[int]) -> list[int]:
    """The last three digits of their candids."""
    return [(15_000 + n) % 1000 for n in numbers]


async def feed(settings: Settings, first: int, last: int) -> None:
    each = ALERTS // BATCHES
    async with growing(settings) as take_in:
        for n in range(first, last):
            await take_in(n * each, each)


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
async def test_fifty_streams_end_when_the_process_does(which: signal.Signals) -> None:
    """At once, and as answers that are complete; a stream of the past too."""
    port = free_port()
    async with (
        fresh_archive() as settings,
        process(settings, port, MARS_STREAMS_PER_CLIENT="50") as app,
    ):
        await grow(settings, 0, 3)
        limits = httpx.Limits(max_connections=None)
        async with (
            AsyncExitStack() as streams,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", limits=limits) as client,
        ):
            opened = [
                await streams.enter_async_context(following(client, since=0)) for _ in range(50)
            ]
            for events in opened:
                for _ in range(4):
                    await anext(events)
            app.send_signal(which)
            async with asyncio.timeout(HANGS_S):
                # Incomplete ones would raise.
                assert [one for events in opened async for one in events] == []
                await app.wait()
