"""How a figure is taken: rounds of floor and ours in turn, the median of each, and the spread."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

Ask = Callable[[int], Awaitable[object]]
"""Ask for the n-th thing."""


class Figure(NamedTuple):
    """One line of the report. For times a small ratio is good, for rates a large one."""

    what: str
    unit: str
    floor_name: str
    floor: float
    ours: float
    spread: tuple[float, float]
    """Smallest and largest ratio of a round."""
    target: str = ""

    @property
    def ratio(self) -> float:
        return self.ours / self.floor


class Round(NamedTuple):
    """What one side did in one round."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    per_s: float


async def ask(work: Ask, count: int, clients: int) -> Round:
    """`count` requests by `clients` at once, each as soon as its last is answered."""
    times: list[float] = []
    numbers = iter(range(count))

    async def client() -> None:
        for n in numbers:
            began = time.perf_counter()
            await work(n)
            times.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    spent = time.perf_counter() - began
    ordered = sorted(times)
    p95, p99 = (ordered[min(count - 1, int(count * share))] for share in (0.95, 0.99))
    return Round(statistics.median(times) * 1e3, p95 * 1e3, p99 * 1e3, count / spent)


async def compare(
    floor: Ask, ours: Ask, count: int, clients: int, rounds: int = 5
) -> tuple[Sequence[Round], Sequence[Round]]:
    """Both in turn, after a round of each that does not count."""
    await ask(floor, max(10, count // 5), clients)
    await ask(ours, max(10, count // 5), clients)
    floors, answers = [], []
    for _ in range(rounds):
        floors.append(await ask(floor, count, clients))
        answers.append(await ask(ours, count, clients))
    return floors, answers


def p50_figure(
    what: str, floor_name: str, floors: Sequence[Round], ours: Sequence[Round], target: str = ""
) -> Figure:
    """The medians of the rounds' p50, in milliseconds."""
    ratios = [o.p50_ms / f.p50_ms for f, o in zip(floors, ours, strict=True)]
    return Figure(
        what,
        "ms p50",
        floor_name,
        statistics.median(f.p50_ms for f in floors),
        statistics.median(o.p50_ms for o in ours),
        (min(ratios), max(ratios)),
        target,
    )
