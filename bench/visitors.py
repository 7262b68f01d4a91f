"""Clients who mean no harm: how they ask, how long it takes, and how it fails."""

import asyncio
import itertools
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import aiohttp

from bench.attackers import address_of
from bench.serving import Served

BUSY: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
"""Statuses that are explained if they say when to come again."""
PATIENCE_S: Final = 300.0
_LOOK_S: Final = 1.0


class Wrong(Exception):
    """An answer that is not what was asked for."""


class Busy(Exception):
    """A refusal that says when to come again."""


@dataclass
class Tally:
    """What visits of each kind came to."""

    spent_ms: dict[str, list[float]] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    busy: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: Counter[tuple[str, str]] = field(default_factory=Counter)


class Visitor(NamedTuple):
    """One client: its kind, number, connections, and what all of them know."""

    kind: str
    number: int
    http: aiohttp.ClientSession
    s: Served
    watches: Sequence[str]
    tally: Tally

    @asynccontextmanager
    async def asked(
        self, path: str, method: str = "GET", wanted: int = HTTPStatus.OK, **sent: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer of the status that is wanted. Raises Busy or Wrong."""
        self.tally.requests[self.kind] += 1
        async with self.http.request(method, path, allow_redirects=False, **sent) as answer:
            if answer.status != wanted:
                why = f"{answer.status} for {method} {path.partition('?')[0]}"
                is_busy = answer.status in BUSY and "Retry-After" in answer.headers
                raise Busy(str(answer.status)) if is_busy else Wrong(_without_names(why))
            yield answer

    async def ask(self, path: str, method: str = "GET", **sent: Any) -> bytes:
        """The body of an answer. Raises Busy or Wrong."""
        async with self.asked(path, method, **sent) as answer:
            return await answer.read()

    async def until(self, path: str, is_over: Callable[[bytes], bool]) -> bytes:
        """Ask again and again until an answer says that a job has ended."""
        while not is_over(body := await self.ask(path)):  # noqa: ASYNC110 - it is elsewhere
            await asyncio.sleep(_LOOK_S)
        return body


def _without_names(told: str) -> str:
    """Addresses of one kind as one."""
    return re.sub(r"[0-9A-Za-z_-]{9,}(?=/|\.|$)", "…", told)


Visit = Callable[[Visitor, int], Awaitable[None]]
"""The n-th visit of a client."""


class Kind(NamedTuple):
    """So many clients, each of whom comes so often [s], and what it does."""

    name: str
    clients: int
    every_s: float
    visit: Visit


async def visit_on(
    kind: Kind, number: int, known: tuple[Served, Sequence[str]], tally: Tally, over: asyncio.Event
) -> None:
    """Come at a kind's pace until it is over; a visit that has begun is brought to its end."""
    s, watches = known
    clock = asyncio.get_running_loop().time
    connector = aiohttp.TCPConnector(local_addr=address_of(number))
    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    spent = tally.spent_ms.setdefault(kind.name, [])
    async with aiohttp.ClientSession(s.address, connector=connector, timeout=timeout) as http:
        one = Visitor(kind.name, number, http, s, watches, tally)
        due = clock() + number * 0.618 % 1 * kind.every_s
        for n in itertools.count():
            if await is_over_by(over, due - clock()):
                return
            began = time.perf_counter()
            try:
                await kind.visit(one, n)
                spent.append((time.perf_counter() - began) * 1e3)
            except Busy as error:
                tally.busy[kind.name, str(error)] += 1
            except Wrong as error:
                tally.wrong[kind.name, str(error)] += 1
            except Exception as error:
                tally.wrong[kind.name, f"{type(error).__name__} {error}"[:80]] += 1
            # Who was kept waiting does not make up for it.
            due = max(due + kind.every_s, clock())


async def is_over_by(over: asyncio.Event, seconds: float) -> bool:
    """Wait for so long at most; whether it is over."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await over.wait()
    except TimeoutError:
        return False
    return True
