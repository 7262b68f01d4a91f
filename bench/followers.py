"""Clients of a stream, of four kinds, each of which comes again by itself when it is cut off."""

import asyncio
import os
import re
import shlex
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import httpx
import orjson
from httpx_sse import aconnect_sse
from lxml import html
from playwright.async_api import async_playwright

from bench.watched import Asked
from dev.state import CHECKOUT

STREAM: Final = "/api/v1/alerts/stream"
PACKAGES: Final = CHECKOUT / ".local" / "lib" / "npm" / "node_modules"
BROWSER: Final = "/usr/bin/chromium-headless-shell"
_IN_A_PAGE: Final = 4
"""Chromium opens six connections to a host in one context, all its pages together."""
_AGAIN_S: Final = 1.0
_IN_NODE: Final = """
const { EventSource } = require("eventsource");
process.argv.slice(1).forEach((address, n) => {
  new EventSource(address).addEventListener("alert", (event) => {
    const { lco_id, candid } = JSON.parse(event.data);
    console.log(n, lco_id, candid, Date.now());
  });
});
"""
_IN_CHROMIUM: Final = """
addresses => {
  window.got = [];
  addresses.forEach((address, n) => {
    new EventSource(address).addEventListener("alert", (event) => {
      const { lco_id, candid } = JSON.parse(event.data);
      window.got.push([n, lco_id, candid, Date.now()]);
    });
  });
}
"""


class Got(NamedTuple):
    """An alert that came to a client, and when, by the machine's clock [s]."""

    number: int
    candid: int
    moment: float


@dataclass
class Follower:
    """A client: what it wants after a number, and what it has got."""

    asked: Asked
    since: int
    got: list[Got] = field(default_factory=list)

    @property
    def query(self) -> str:
        """What it asks the stream for."""
        told = self.asked.query | {"fields": "lco_id,candid", "since": self.since}
        return f"{STREAM}?{urlencode(told, doseq=True, safe=',:')}"

    def note(self, data: bytes | str) -> None:
        """Keep an alert that has just come."""
        told = orjson.loads(data)
        self.got.append(Got(int(told["lco_id"]), int(told["candid"]), time.time()))


async def follow_by_httpx(address: str, followers: Sequence[Follower]) -> None:
    """httpx-sse, in a loop that sends the last event's id."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=address, timeout=60, limits=limits) as client:
        await asyncio.gather(*(_follow_one(client, one) for one in followers))


async def _follow_one(client: httpx.AsyncClient, one: Follower) -> None:
    last = str(one.since)
    while True:
        with suppress(httpx.TransportError, httpx.HTTPStatusError):
            told = {"Last-Event-ID": last}
            async with aconnect_sse(client, "GET", one.query, headers=told) as source:
                source.response.raise_for_status()
                async for event in source.aiter_sse():
                    last = event.id
                    if event.event == "alert":
                        one.note(event.data)
        await asyncio.sleep(_AGAIN_S)


async def follow_by_curl(address: str, followers: Sequence[Follower]) -> None:
    """curl, in the loop of the help page."""
    async with httpx.AsyncClient(base_url=address) as client:
        page = html.fromstring((await client.get("/help/")).text)
    (loop,) = page.xpath('//pre[contains(@aria-label, "come again")]//text()[contains(., "curl")]')
    await asyncio.gather(*(_run_loop(loop, address, one) for one in followers))


async def _run_loop(loop: str, address: str, one: Follower) -> None:
    stream = f"stream={shlex.quote(address + one.query)}"
    code = re.sub(r"^stream=.*$", lambda _: stream, loop, count=1, flags=re.MULTILINE)
    async with _program("bash", "-c", code) as lines:
        async for line in lines:
            one.note(line)


async def follow_in_node(address: str, followers: Sequence[Follower]) -> None:
    """The EventSource of npm, all of them in one process."""
    wanted = [address + one.query for one in followers]
    async with _program("node", "-e", _IN_NODE, *wanted, NODE_PATH=str(PACKAGES)) as lines:
        async for line in lines:
            _hand_out(followers, [line.split()])


async def follow_in_chromium(address: str, followers: Sequence[Follower]) -> None:
    """Chromium's own EventSource, four in a page."""
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        pages = []
        for n in range(0, len(followers), _IN_A_PAGE):
            some = followers[n : n + _IN_A_PAGE]
            page = await (await browser.new_context()).new_page()
            await page.goto(f"{address}/help/")
            await page.evaluate(_IN_CHROMIUM, [address + one.query for one in some])
            pages.append((page, some))
        try:
            while True:
                for page, some in pages:
                    _hand_out(some, await page.evaluate("window.got.splice(0)"))
                await asyncio.sleep(_AGAIN_S)
        finally:
            await browser.close()


def _hand_out(followers: Sequence[Follower], found: Sequence[Sequence[Any]]) -> None:
    """Give alerts to whose they are: place, number, candid, milliseconds of the clock."""
    for place, number, candid, moment in found:
        got = Got(int(number), int(candid), float(moment) / 1e3)
        followers[int(place)].got.append(got)


@asynccontextmanager
async def _program(*command: str, **told: str) -> AsyncIterator[asyncio.StreamReader]:
    """The lines that a program says, which ends with all that it has started."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=os.environ | told,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        await process.wait()


Follow = Callable[[str, Sequence[Follower]], Coroutine[Any, Any, None]]
KINDS: Final[dict[str, tuple[int, Follow]]] = {
    "httpx-sse": (20, follow_by_httpx),
    "curl": (20, follow_by_curl),
    "the EventSource of npm": (12, follow_in_node),
    "that of Chromium": (8, follow_in_chromium),
}
"""How many there are of each kind, and how they follow."""
Clients = dict[str, list[Follower]]
"""By kind."""
Wanted = dict[str, list[tuple[int, int]]]
"""Number and candid of each alert that a search takes, by its condition."""


def tell_lateness(
    clients: Sequence[Follower], sent: dict[int, float], began: float, ended: float
) -> str:
    """How late alerts came that were sent between two moments of the monotonic clock."""
    offset = time.time() - time.monotonic()
    late = sorted(
        got.moment - offset - sent[got.candid]
        for one in clients
        for got in one.got
        if began <= sent.get(got.candid, -1.0) < ended
    )
    p50, p99 = (late[int(len(late) * share)] for share in (0.5, 0.99))
    return f"p50 {p50:.2f} s, p99 {p99:.2f} s, longest {late[-1]:.2f} s ({len(late):,} events)"


def judge(clients: Clients, wanted: Wanted) -> str:
    """How many clients got what SQL finds, each alert once and in order."""
    told = []
    for kind, some in clients.items():
        right = [
            [(got.number, got.candid) for got in one.got] == wanted[one.asked.condition]
            for one in some
        ]
        told.append(f"{sum(right)} of {len(some)} by {kind}")
    return ", ".join(told)
