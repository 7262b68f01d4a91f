"""Cheap questions alone, and beside clients who ask costly ones without a pause."""

import asyncio
import itertools
import statistics
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

import aiohttp

from bench.measure import Figure, Round, ask, p50_figure
from bench.serving import Served

CROWD: Final = 20
"""Clients who ask costly questions."""
RARE: Final = (
    "/api/v1/alerts?magpsf__lt=5",
    "/api/v1/alerts?where=chipsf__gt:100000",
    "/api/v1/alerts?magpsf__lt=5&where=chipsf__gt:90000&count=exact",
    "/?format=json&magpsf__lte=4.5",
)
"""Filters that match nothing, and have no index."""
HEAVY: Final = (
    "/api/v1/alerts?cone=150,30,10&sort=magpsf",
    "/api/v1/objects?cone=150,30,3&limit=1000",
    "/api/v1/alerts?limit=1000&sort=rb&cone=20,10,8",
    "/api/v1/alerts?format=csv&limit=100000",
    "/?format=json&page=20000",
    "/api/v1/alerts?magpsf__lt=30&count=exact",
)
"""Other questions that look at much: cones, sorts, objects, exports, deep pages, counts."""
Path = Callable[[int], str]
"""The address of the n-th question."""
Crowds = dict[str, Sequence[str]]
CROWDS: Final[Crowds] = {"rare filters": RARE, "heavy questions": HEAVY}


async def crowding(s: Served, count: int, rounds: int = 5) -> tuple[list[Figure], list[str]]:
    """Each cheap question alone and beside each crowd, in turn; what the crowds were answered."""
    figures, told = [], []
    for crowd, paths in CROWDS.items():
        answers: Counter[int] = Counter()
        for what, path in cheap(s).items():
            failed: Counter[int] = Counter()

            async def work(n: int, path: Path = path, failed: Counter[int] = failed) -> None:
                accept = {"Accept": "text/html" if path(n) == "/" else "*/*"}
                async with s.http.get(s.address + path(n), headers=accept) as answer:
                    await answer.read()
                    failed[answer.status] += answer.status != HTTPStatus.OK

            alone: list[Round] = []
            beside: list[Round] = []
            await ask(work, count, 1)
            for _ in range(rounds):
                alone.append(await ask(work, count, 1))
                async with _crowd(s, paths, answers):
                    beside.append(await ask(work, count, 1))
            figures.append(p50_figure(f"{what}, beside {CROWD} × {crowd}", "alone", alone, beside))
            longest = statistics.median(r.p95_ms for r in beside)
            usual = statistics.median(r.p95_ms for r in alone)
            told.append(
                f"{what}, beside {crowd}: p95 {longest:.1f} ms, alone {usual:.1f} ms; "
                f"{failed.total()} of {rounds * count} failed."
            )
        summed = ", ".join(f"{n} × {status}" for status, n in sorted(answers.items()))
        told.append(f"{crowd} were answered: {summed}.")
    return figures, told


def cheap(s: Served) -> dict[str, Path]:
    """Questions that a user waits for, by what they are."""
    return {
        "cone 10 arcsec": lambda n: (
            f"/api/v1/alerts?cone={s.pick(n).ra},{s.pick(n).dec},{10 / 3600:.8f}"
        ),
        "object": lambda n: f"/api/v1/objects/{s.pick(n).object_id}",
        "alert": lambda n: f"/api/v1/alerts/{s.pick(n).candid}",
        "first page": lambda _: "/api/v1/alerts",
        "filtered page": lambda n: f"/api/v1/alerts?magpsf__lte={18 + n % 20 / 10}",
        "main page": lambda _: "/",
    }


@asynccontextmanager
async def _crowd(s: Served, paths: Sequence[str], answers: Counter[int]) -> AsyncIterator[None]:
    """Costly questions by CROWD clients meanwhile, each as soon as its last is answered."""
    asked = itertools.count()

    async def client() -> None:
        while True:
            path = paths[next(asked) % len(paths)]
            async with crowd.get(s.address + path) as answer:
                async for _ in answer.content.iter_any():
                    pass
                answers[answer.status] += 1

    limit = aiohttp.TCPConnector(limit=CROWD)
    async with aiohttp.ClientSession(connector=limit, auto_decompress=False) as crowd:
        clients = [asyncio.create_task(client()) for _ in range(CROWD)]
        # Until all of them are under way.
        await asyncio.sleep(1)
        try:
            yield
        finally:
            for one in clients:
                one.cancel()
            await asyncio.gather(*clients, return_exceptions=True)
