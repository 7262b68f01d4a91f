"""All measurements on a stack of their own: `python -m bench`, or `make bench`."""

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path

from app.search.search import MAX_EXPORT
from bench import report
from bench.breaking import breaking
from bench.crowding import crowding
from bench.decoding import decoding
from bench.exporting import Measured, exporting
from bench.filtering import filtering, wait_for_columns
from bench.hands import more_hands
from bench.ingesting import STEPS, delay, ingest_figures, ingesting
from bench.measure import Figure
from bench.running import app, described, fill, run_catalog, running_stack, say
from bench.serving import downloads, legacy, searches, served, throughput
from dev.simulator import simulate
from dev.state import State

DELAY_PER_S = 100.0
BROKEN_ROWS = 200_000


async def ingest_part(state: State, count: int, runs: int) -> tuple[list[Figure], list[str]]:
    """Decode, ingest and delay."""
    seed = int(time.time())
    sets = [[p.message for p in simulate(count, seed + n)] for n in range(runs)]
    say("decode")
    figures = [decoding(sets[0][:500])]
    taken = []
    for n, messages in enumerate(sets):
        say(f"ingest {n + 1} of {runs}: {count:,} alerts")
        taken.append(await ingesting(state, messages, n + 1))
    figures += ingest_figures(taken, sets[0])
    steps = {step: sum(t.step_ms[step] for t in taken) / runs for step in STEPS}
    report.plot_steps(steps, "ingest-steps")
    shares = " · ".join(f"{step} {ms:.3f} ms" for step, ms in steps.items())
    say("more hands")
    figures += await more_hands(state, count)
    say(f"delay at {DELAY_PER_S:.0f} alerts/s")
    messages = [p.message for p in simulate(3000, seed + runs)]
    delays = await delay(state, messages, DELAY_PER_S)
    report.plot_delays(delays, "delay")
    p50, p99 = delays[len(delays) // 2], delays[int(len(delays) * 0.99)]
    return figures, [
        f"Steps of ingest, wall time an alert (steps of neighbouring batches overlap): {shares}.",
        "![steps of ingest](performance/ingest-steps.svg)",
        f"Message to visible at {DELAY_PER_S:.0f} alerts/s, {len(delays):,} messages: p50 "
        f"{p50:.3f} s, p99 {p99:.3f} s, longest {delays[-1]:.3f} s (target: p99 < 2 s).",
        "![delay](performance/delay.svg)",
    ]


async def serving_part(address: str, count: int) -> tuple[list[Figure], list[str]]:
    """Searches and downloads at 1 and 16 clients, beside a crowd, and requests a second."""
    figures: list[Figure] = []
    async with served(address) as s:
        for clients in (1, 16):
            say(f"searches and downloads, {clients} clients")
            figures += await searches(s, clients, count)
            figures += await downloads(s, clients, count)
            figures += await legacy(s, clients, count)
        rates = await throughput(s, 16, 4 * count)
        say("any filter")
        await wait_for_columns(s)
        filtered = await filtering(s, 500)
        say("beside costly questions")
        beside, told = await crowding(s, max(20, count // 5))
    return [*figures, *beside], [report.against_mars(rates), " ".join(told), *filtered]


def export_part(state: State, rows: int) -> Measured:
    """Long answers: their rates and memory, their files opened, and some broken off."""
    say(f"exports of {rows:,} alerts")
    with app(state) as (address, pid):
        figures, told = asyncio.run(exporting(state, address, pid, rows))
    print(report.table(figures), *told, sep="\n")
    say("exports broken off")
    # Where there is no copy of the alerts they come from PostgreSQL, whose connections are killed.
    with app(state, MARS_S3_BUCKET="nowhere") as (address, _):
        broken = asyncio.run(breaking(state, address, min(rows, BROKEN_ROWS)))
    return figures, [*told, broken]


def measure(state: State, rows: int, count: int, requests: int) -> None:
    """Everything, on a stack that is up."""
    os.environ.update(state.environment("reader"))
    say(f"{rows:,} archived rows")
    fill(state, rows)
    say("catalog")
    copied = run_catalog(state, "update")
    figures, parts = asyncio.run(ingest_part(state, count, 3))
    with app(state) as (address, _):
        more, mars = asyncio.run(serving_part(address, requests))
    figures += more
    print(report.table(figures), "", *mars, sep="\n")
    exported, told = export_part(state, min(rows, MAX_EXPORT))
    figures += exported
    report.plot_ratios(figures, "serving")
    server, held, histories = asyncio.run(described(state))
    serving_plot = "![serving](performance/serving.svg)"
    pages = [report.table(figures), serving_plot, *mars, copied, *told, *parts]
    report.write(pages, server, held, histories)


def main() -> int:
    """Start the stack, measure, stop the stack."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--local", type=Path, default=Path(".local/bench"), help="state folder")
    parser.add_argument("--port", type=int, default=18500, help="port of the app")
    parser.add_argument("--rows", type=int, default=1_000_000, help="archived alerts")
    parser.add_argument("--count", type=int, default=10_000, help="alerts of a feed")
    parser.add_argument("--requests", type=int, default=300, help="requests of a round")
    options = parser.parse_args()
    with running_stack(options.local, options.port) as state:
        measure(state, options.rows, options.count, options.requests)
    return 0


if __name__ == "__main__":
    sys.exit(main())
