"""Clients that read from the app while its database servers die one after the other."""

import asyncio
import hashlib
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import httpx

from dev import postgres, replicas
from dev.processes import Part
from dev.state import State
from faults.servers import start_server, stop_server
from tests.app.addresses import addresses, fill

CLIENTS: Final = 4
MOVING: Final = 0.3
"""Share of the questions about the present, whose answers may change."""
SERVERS: Final[Sequence[Part]] = (postgres, *replicas.ALL)
AT_PRIMARY: Final = (
    *("/api/v1/jobs/", "/jobs/", "/vo/tap/async"),
    *("/api/v1/watches/", "/watches/", "/api/v1/regions/", "/regions/", "/mail/"),
)
"""Only the primary can tell of jobs, watches, regions and mails: the app itself writes them."""


@dataclass
class Tally:
    """What clients were answered."""

    statuses: Counter[int] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    """No answer, a broken one, a fault of the server, or another body than before."""

    @property
    def answered(self) -> int:
        return self.statuses.total()


def get_routes(parts: Mapping[str, str]) -> list[str]:
    """The address of every GET route that a replica can answer."""
    paths = [fill(one.pattern, parts) for one in addresses("GET")]
    return [path for path in paths if not path.startswith(AT_PRIMARY)]


def searches(parts: Mapping[str, str], ra: float, dec: float, as_of: int) -> list[str]:
    """Addresses that lead to lists, cones, objects, light curves and files, as of a batch."""
    alerts, named = "/api/v1/alerts", f"/api/v1/objects/{parts['object_id']}"
    cone = f"cone={ra},{dec}"
    every = [
        f"{alerts}?limit=20",
        f"{alerts}?limit=3&sort=magpsf",
        f"{alerts}?limit=20&rb__gte=0.5&magpsf__lte=19",
        f"{alerts}?limit=20&{cone},0.01",
        f"{alerts}?limit=20&{cone},5&count=exact",
        f"{alerts}?object_id={parts['object_id']}",
        f"{alerts}?polygon={ra - 1},{dec - 1},{ra + 1},{dec - 1},{ra},{dec + 1}",
        *(f"{alerts}?limit=50&format={kind}" for kind in ("jsonl", "csv", "votable", "parquet")),
        f"{alerts}/{parts['candid']}?",
        f"/api/v1/objects?{cone},1",
        f"{named}?",
        f"{named}/alerts?limit=7",
        *(f"{named}/lightcurve?format={kind}" for kind in ("json", "csv", "votable", "parquet")),
    ]
    return [f"{one}{'' if one.endswith('?') else '&'}as_of={as_of}" for one in every]


async def answer_to(client: httpx.AsyncClient, address: str) -> httpx.Response:
    """An answer, which is no fault of the server's. Raises httpx.HTTPError."""
    answer = await client.get(address)
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise httpx.HTTPError(f"{answer.status_code} {answer.text[:200]}")
    return answer


async def digests(client: httpx.AsyncClient, paths: Sequence[str]) -> dict[str, bytes]:
    """The SHA-256 of status and body of each answer."""
    return {path: _digest(await answer_to(client, path)) for path in paths}


def _digest(answer: httpx.Response) -> bytes:
    return hashlib.sha256(b"%d " % answer.status_code + answer.content).digest()


async def _ask(client: httpx.AsyncClient, tally: Tally, path: str, wanted: bytes | None) -> str:
    """Ask once, and count what comes of it; the address of the next page, if there is one."""
    try:
        answer = await answer_to(client, path)
    except httpx.HTTPError as error:
        tally.failed.append(f"GET {path}: {error!r}")
        return ""
    if wanted not in (None, _digest(answer)):
        tally.failed.append(f"GET {path}: another body than before")
    tally.statuses[answer.status_code] += 1
    following = httpx.URL(answer.links.get("next", {}).get("url", ""))
    return following.raw_path.decode() if following.query else ""


@asynccontextmanager
async def reading(
    client: httpx.AsyncClient, seed: int, moving: Sequence[str], fixed: Mapping[str, bytes]
) -> AsyncIterator[Tally]:
    """Several clients that ask without a pause, and what they were answered so far."""
    tally = Tally()

    async def ask(number: int) -> None:
        rng = random.Random(f"{seed} client {number}")
        known = list(fixed)
        while True:
            path = rng.choice(moving if rng.random() < MOVING else known)
            # Up to the batch of the page before, to which the next server may not have come.
            if following := await _ask(client, tally, path, fixed.get(path)):
                await _ask(client, tally, following, None)

    tasks = [asyncio.create_task(ask(number)) for number in range(CLIENTS)]
    try:
        yield tally
    finally:
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        tally.failed += [repr(one) for one in done if isinstance(one, Exception)]


async def kill_in_turn(
    state: State,
    times: int,
    rng: random.Random,
    *,
    most_s: float,
    killed: Callable[[], object],
) -> None:
    """SIGKILL each server's postmaster so many times, and start it again after a while."""
    for number in range(times * len(SERVERS)):
        part = SERVERS[number % len(SERVERS)]
        await asyncio.sleep(rng.uniform(0, most_s))
        await stop_server(part, state, signal.SIGKILL)
        killed()
        await asyncio.sleep(rng.uniform(0, most_s))
        await start_server(part, state)
