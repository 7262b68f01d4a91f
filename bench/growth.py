"""How each kind of question grows with the archive: `python -m bench.growth --rows 20000000`.

Each run fills an archive of its own up to so many alerts, brings the catalog up to date, and asks
each kind warm, and cold: after the servers were started anew and the system's caches dropped. What
it finds is added to docs/performance/growth.json, and docs/growth.md shows all sizes side by side.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.crowding import crowding
from bench.filtering import filtering, wait_for_columns
from bench.measure import ask
from bench.report import DOCS, machine, table
from bench.running import (
    app,
    described,
    fill,
    keep_size,
    run_catalog,
    running_stack,
    say,
)
from bench.serving import Served, served
from dev import stack
from dev.state import State

KEPT: Final = DOCS / "performance" / "growth.json"
PAGE: Final = DOCS / "growth.md"
WARM: Final = 20
COLD: Final = 5
BESIDE: Final = 40
"""Questions a round that are asked beside costly ones."""
HISTORIES: Final = 0.02
"""The share of objects with histories: 2 kB an alert."""
LARGEST_LIST: Final = 1000
_CACHES: Final = Path("/proc/sys/vm/drop_caches")
Address = Callable[[Served, int], str]


class Kind(NamedTuple):
    """A kind of question: its name, the address of the n-th one, and what is accepted."""

    name: str
    path: Address
    accept: str = "*/*"


def _cone(radius: float) -> Address:
    return lambda s, n: f"/api/v1/alerts?cone={s.pick(n).ra},{s.pick(n).dec},{radius:.8f}"


def _always(path: str) -> Address:
    return lambda s, n: path


KINDS: Final = [
    Kind("first page", _always("/api/v1/alerts")),
    Kind("main page", _always("/"), "text/html"),
    Kind("cone 10″", _cone(10 / 3600)),
    Kind("cone 0.1°", _cone(0.1)),
    Kind("cone 1°", _cone(1.0)),
    Kind("an alert", lambda s, n: f"/api/v1/alerts/{s.pick(n).candid}"),
    Kind("an object's alerts", lambda s, n: f"/api/v1/alerts?object_id={s.pick(n).object_id}"),
    Kind(
        "a light curve",
        lambda s, n: f"/api/v1/objects/{s.pick_with_history(n).object_id}/lightcurve",
    ),
    Kind("a cutout", lambda s, n: f"/api/v1/alerts/{s.pick(n).candid}/cutouts/science.fits.gz"),
    Kind("sort by magpsf, everything", _always("/api/v1/alerts?sort=magpsf")),
    Kind("sort by −rb, everything", _always("/api/v1/alerts?sort=-rb")),
    Kind("exact count of a filter", _always("/api/v1/alerts?rb__gte=0.9&count=exact&limit=1")),
    Kind("two filters across fields", _always("/api/v1/alerts?magpsf__lt=16&where=chipsf__gt:5")),
    Kind("three filters", _always("/api/v1/alerts?magpsf__lt=17&rb__gte=0.9&distnr__gt=5")),
    Kind("a filter that matches nothing", _always("/api/v1/alerts?magpsf__lt=-5")),
    Kind("statistics, counted before", _always("/api/v1/statistics")),
]


async def rare(s: Served, rows: int) -> list[Kind]:
    """Filters that match a tenth to a ten-millionth of all, as far as that is an alert."""
    found = await s.pool.fetchval("""
        SELECT percentile_disc(ARRAY[0.1, 0.01, 0.001]) WITHIN GROUP (ORDER BY magpsf)
        FROM alert TABLESAMPLE SYSTEM (10)""")
    bounds = dict(zip((1, 2, 3), found, strict=True))
    path = f"{s.address}/api/v1/alerts?sort=magpsf&fields=magpsf&limit={LARGEST_LIST}"
    async with s.http.get(path, headers={"Accept-Encoding": "identity"}) as answer:
        brightest = [item["magpsf"] for item in (await answer.json())["items"]]
    for power in range(4, 8):
        place = rows // 10**power
        if 1 <= place <= len(brightest):
            bounds[power] = brightest[place - 1]
    return [
        Kind(f"a filter that matches 10^−{power}", _always(f"/api/v1/alerts?magpsf__lte={bound!r}"))
        for power, bound in bounds.items()
    ]


async def warm(s: Served, kinds: list[Kind]) -> dict[str, list[float]]:
    """p50 and p95 in ms of each kind, one client, after the same questions were asked once."""
    found = {}
    for kind in kinds:

        async def work(n: int, kind: Kind = kind) -> None:
            await s.get(kind.path(s, n), kind.accept)

        await ask(work, WARM, 1)
        taken = await ask(work, WARM, 1)
        found[kind.name] = [taken.p50_ms, taken.p95_ms]
        say(f"{kind.name}: {taken.p50_ms:.1f} ms")
    return found


async def beside(s: Served) -> list[str]:
    """Cheap questions alone, and beside twenty clients who ask costly ones."""
    say("beside costly questions")
    figures, told = await crowding(s, BESIDE)
    return [table(figures), " ".join(told)]


async def _wait_for_statistics(s: Served) -> None:
    """Until they are counted: that reads the whole archive beside the first questions."""
    for _ in range(600):
        async with s.http.get(f"{s.address}/api/v1/statistics") as answer:
            if answer.status == HTTPStatus.OK:
                return
        await asyncio.sleep(0.2)
    raise RuntimeError("the statistics are not counted")


async def once(address: str, kinds: list[Kind], number: int) -> dict[str, float]:
    """Each kind once, in another order each time, so that none always finds what others read."""
    found = {}
    async with served(address) as s:
        await wait_for_columns(s)
        for n in range(len(kinds)):
            kind = kinds[(n + number * 3) % len(kinds)]
            began = time.perf_counter()
            await s.get(
                kind.path(s, 500 + number), "text/html" if kind.path(s, 0) == "/" else "*/*"
            )
            found[kind.name] = (time.perf_counter() - began) * 1e3
    return found


def cold(state: State, kinds: list[Kind]) -> dict[str, float]:
    """The median of some rounds, each after a start of the servers with empty caches."""
    rounds = []
    for number in range(COLD):
        say(f"cold, {number + 1} of {COLD}")
        stack.down(state, quiet=True)
        subprocess.run(["sync"], check=True)
        _CACHES.write_text("3")
        stack.up(state, quiet=True)
        with app(state) as (address, _):
            rounds.append(asyncio.run(once(address, kinds, number)))
    return {kind.name: statistics.median(one[kind.name] for one in rounds) for kind in kinds}


def measure(state: State, rows: int, *, compact: bool) -> dict[str, Any]:
    """Everything, of one size."""
    os.environ.update(state.environment("reader"))
    say(f"{rows:,} archived alerts")
    fill(state, rows, HISTORIES)
    catalog = [run_catalog(state, "update")]
    if compact:
        catalog.append(run_catalog(state, "compact"))

    async def all_warm(address: str) -> tuple[list[Kind], dict[str, Any]]:
        async with served(address) as s:
            await wait_for_columns(s)
            await _wait_for_statistics(s)
            kinds = KINDS + await rare(s, rows)
            return kinds, {
                "warm": await warm(s, kinds),
                "filters": await filtering(s, 500),
                "beside": await beside(s),
            }

    with app(state) as (address, _):
        kinds, found = asyncio.run(all_warm(address))
    may_drop = os.access(_CACHES, os.W_OK)
    server, held, histories = asyncio.run(described(state))
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine(server),
        "alerts": held,
        "histories": histories,
        "catalog": catalog,
        **found,
        "cold": cold(state, kinds) if may_drop else {},
    }


def write_page(sizes: dict[str, Any]) -> None:
    """All sizes side by side, and how much the largest takes beside the smallest."""
    runs = [sizes[size] for size in sorted(sizes, key=int)]
    names = list(dict.fromkeys(name for run in runs for name in run["warm"]))
    heads = [f"{run['alerts'] / 1e6:,.0f} M" for run in runs]
    lines = [
        f"| ms p50, one client | {' | '.join(f'{h} warm' for h in heads)} | growth | "
        f"{' | '.join(f'{h} cold' for h in heads)} |",
        "|---" * (2 * len(runs) + 2) + "|",
        *(f"| {name} | {' | '.join(_cells(runs, name))} |" for name in names),
    ]
    parts = [
        "# Growth",
        "Written by `make growth ROWS=…`, one size after the other. One client; warm: the median "
        f"of {WARM} questions, asked once before, each about another place or object where it has "
        f"one; cold: the median of {COLD} rounds, each after a start of all servers "
        "with dropped caches. Growth is the largest size beside the smallest, warm.",
        "\n".join(lines),
        "What PostgreSQL answers by an index does not grow. Orders over everything, counts and "
        "rare values are scans by DuckDB of the columns that they name, of every alert: they take "
        "as long as there are alerts, and less with more cores. Sizes may be of different "
        "machines, which are named below.",
        *(line for run in runs for line in _told(run)),
    ]
    PAGE.write_text("\n\n".join(parts) + "\n")


def _cells(runs: list[dict[str, Any]], name: str) -> Iterator[str]:
    warm_ms = [run["warm"][name][0] if name in run["warm"] else None for run in runs]
    yield from ("" if ms is None else f"{ms:.1f}" for ms in warm_ms)
    first, last = warm_ms[0], warm_ms[-1]
    yield f"{last / first:.2f}" if first and last and len(runs) > 1 else ""
    yield from (f"{run['cold'][name]:.1f}" if name in run["cold"] else "" for run in runs)


def _told(run: dict[str, Any]) -> Iterator[str]:
    yield f"## {run['alerts']:,} alerts, {run['histories']:,} with a history ({run['date']})"
    yield f"Machine: {run['machine']}."
    yield from run["catalog"]
    yield from run["filters"]
    yield from run.get("beside", ())


def main() -> int:
    """Measure one size, and write the page of all."""
    parser = argparse.ArgumentParser(prog="bench.growth", description=__doc__)
    parser.add_argument("--local", type=Path, default=Path(".local/growth"), help="state folder")
    parser.add_argument("--port", type=int, default=18600, help="port of the app")
    parser.add_argument("--rows", type=int, default=1_000_000, help="archived alerts")
    parser.add_argument("--compact", action="store_true", help="compact the catalog, too")
    options = parser.parse_args()
    with running_stack(options.local, options.port) as state:
        found = measure(state, options.rows, compact=options.compact)
    write_page(keep_size(KEPT, options.rows, found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
