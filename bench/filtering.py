"""Any filter of the vocabulary over the whole archive: random ones, each answered, how fast."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from app.search.filters import Filter
from app.search.vocabulary import FILTERS
from bench.serving import Served

SEED: Final = 20260131
_SAMPLE: Final = "/api/v1/alerts?limit=1000&sort=-rb"
_OWN: Final = {"mjd": "jd", "time": "time"}
"""Fields that are answered under the name of another, or have no column."""


async def filtering(s: Served, count: int) -> list[str]:
    """So many questions of one to three random filters, twice: status and time of the second."""
    rows = (await _get(s, _SAMPLE))["items"]
    rng, statuses, ways = random.Random(SEED), Counter[int](), Counter[str]()
    times: list[float] = []
    slowest: list[tuple[float, str]] = []
    for _ in range(count):
        asked = [
            ("where", f"{one.name}:{text}")
            for one in rng.sample(_ASKED, rng.randint(1, 3))
            if (text := _value_for(one, rng, rows))
        ]
        for _ in range(2):
            began = time.perf_counter()
            async with s.http.get(f"{s.address}/api/v1/alerts", params=asked) as answer:
                await answer.read()
                status = answer.status
            spent = time.perf_counter() - began
        statuses[status] += 1
        times.append(spent)
        slowest.append((spent, "&".join(f"{n}={v}" for n, v in asked)))
        told = await _get(s, "/api/v1/alerts", [*asked, ("explain", "true")])
        ways[told.get("explain", {}).get("way", "none")] += 1
    times.sort()
    p50, p95 = times[count // 2], times[int(count * 0.95)]
    answered = ", ".join(f"{n} × {status}" for status, n in sorted(statuses.items()))
    by = ", ".join(f"{n} by {way}" for way, n in ways.most_common())
    worst = "; ".join(f"`{text}` {spent:.2f} s" for spent, text in sorted(slowest)[-3:])
    return [
        f"{count} random searches of one to three filters, warm: {answered}; {by}; p50 {p50:.3f} "
        f"s, p95 {p95:.3f} s, longest {times[-1]:.3f} s ({worst})."
    ]


async def wait_for_columns(s: Served) -> None:
    """Until the app has found the columnar copy."""
    for _ in range(600):
        told = await _get(s, "/api/v1/alerts?limit=1&explain=true")
        if told["explain"]["columns_as_of"] is not None:
            return
        await asyncio.sleep(0.5)
    raise RuntimeError("the app finds no columnar copy")


_ASKED: Final = [one for one in FILTERS.values() if not one.narrow]


def _value_for(wanted: Filter, rng: random.Random, rows: list[dict[str, Any]]) -> str:
    """A value that the filter reads: one that some alert has, or one beyond nearly all of them."""
    if wanted.operator == "isnull":
        return rng.choice(("true", "false"))
    name = _OWN.get(wanted.field.name, wanted.field.columns[0])
    values = [row[name] for row in rows if row.get(name) is not None]
    if not values:
        return ""
    if isinstance(values[0], bool):
        return str(rng.choice(values)).lower()
    values.sort()
    edge = {"gt": values[-1], "gte": values[-1], "lt": values[0], "lte": values[0]}
    chosen = edge.get(wanted.operator) if rng.random() < 0.5 else None
    return str(rng.choice(values) if chosen is None else chosen)


async def _get(s: Served, path: str, asked: Sequence[tuple[str, str]] = ()) -> Any:
    plain = {"Accept-Encoding": "identity"}
    async with s.http.get(s.address + path, params=asked, headers=plain) as answer:
        return await answer.json()
