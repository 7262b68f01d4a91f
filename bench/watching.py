"""What watches cost, and that they find all: `python -m bench.watching`; writes docs/watches.md."""

import argparse
import asyncio
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
import numpy as np
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import create_async_engine

from app.alerts.access.archive import open_archive
from app.alerts.asking.numbers import Newest, read_newest, read_stretch
from app.search.search import parse_search
from app.settings import Settings
from app.watches.near_sql import select_near, select_near_any
from app.watches.nearing import NEAR
from bench.following import (
    following,
    forget_peak,
    lags,
    memory_mb,
    processor_s,
    servers_of,
    until_matched,
)
from bench.ingesting import consumer, topic
from bench.report import DOCS, machine
from bench.running import app, described, fill, fresh_stack, say
from bench.watched import (
    RADIUS_ARCSEC,
    Asked,
    List,
    draw_list,
    make,
    near,
    places_of,
    searches,
    unlike,
)
from dev.produce import produce
from dev.simulator import simulate
from dev.state import State

PAGE: Final = DOCS / "watches.md"
MANY: Final = {"MARS_WATCHES_PER_CLIENT": "100000"}
_MOVED: Final = """
UPDATE alert SET
    ra = CASE WHEN lco_id % 80 < 3 THEN mod((ra * 1e6)::bigint, 100000) / 1e6::float8
         WHEN lco_id % 80 < 6 THEN 360 - (1 + mod((ra * 1e6)::bigint, 100000)) / 1e6::float8
         ELSE ra END,
    dec = CASE lco_id % 80 WHEN 6 THEN 90 - abs(dec) / 1e3 WHEN 7 THEN abs(dec) / 1e3 - 90
          ELSE dec END
WHERE lco_id % 80 < 8
"""
"""Of eighty alerts three come to each side of RA 0, one to each pole."""


async def live(state: State, pid: int, per_s: float, seconds: float) -> str:
    """A feed into the archive while watches are matched: how late, and by how much of a core."""
    admin = await asyncpg.connect(state.database_url("admin").replace("+asyncpg", ""))
    count = int(per_s * seconds)
    messages = [(str(p.candid), p.message) for p in simulate(count, int(time.time()))]
    async with consumer(state), following(state) as seen:
        feed = asyncio.create_task(asyncio.to_thread(produce, messages, topic(0), rate=per_s))
        while len(seen) < 2 or seen[-1].newest == seen[0].newest:  # noqa: ASYNC110 - as below
            await asyncio.sleep(0.02)
        before, began = [pid, *await servers_of(admin)], time.monotonic()
        spent = processor_s(before)
        await feed
        while seen[-1].newest - seen[0].newest < count:  # noqa: ASYNC110 - it is in the database
            await asyncio.sleep(0.1)
        await until_matched(admin)
        spent, lasted = processor_s(before) - spent, time.monotonic() - began
        await asyncio.sleep(0.5)
    await admin.close()
    late = lags(seen)
    p50, p99 = late[len(late) // 2], late[int(len(late) * 0.99)]
    return (
        f"{count:,} alerts at {per_s:.0f}/s: from being in the archive to having been looked at by "
        f"every watch p50 {p50:.2f} s, p99 {p99:.2f} s, longest {late[-1]:.2f} s (target: p99 < 5 "
        f"s); app and its connections to PostgreSQL took {spent / lasted:.2f} of a core"
    )


def make_token(state: State) -> str:
    """An operator's token, by the command."""
    command = [sys.executable, "-m", "app.tokens", "make", f"bench-{int(time.time())}"]
    told = state.environment("reader")
    return (
        subprocess.run(command, env=told, stdout=subprocess.PIPE, check=True)
        .stdout.decode()
        .strip()
    )


async def upload(address: str, token: str, pid: int, positions: List) -> tuple[str, str]:
    """A watch of a long list; its id, and what that took."""
    before = memory_mb(pid, "VmRSS")
    forget_peak(pid)

    async def body() -> AsyncIterator[bytes]:
        for piece in positions.pieces():
            yield piece

    headers = {"Content-Type": "text/csv", "Authorization": f"Bearer {token}"}
    query: dict[str, Any] = {"radius": f'{RADIUS_ARCSEC}"', "since": 0}
    began = time.monotonic()
    async with httpx.AsyncClient(base_url=address, timeout=900) as client:
        answer = await client.post("/api/v1/watches", params=query, content=body(), headers=headers)
    answer.raise_for_status()
    told = (
        f"{len(positions.ra):,} positions as CSV: {time.monotonic() - began:.0f} s until the watch "
        f"was made; the app's memory was {before:.0f} MB before and "
        f"{memory_mb(pid, 'VmHWM'):.0f} MB at most"
    )
    return str(answer.json()["id"]), told


async def judged(state: State, watch: str, alerts: List, positions: List) -> str:
    """Hits of a list against astropy's."""
    admin = await asyncpg.connect(state.database_url("admin").replace("+asyncpg", ""))
    seconds = await until_matched(admin)
    rows = await admin.fetch("SELECT lco_id FROM app.hit WHERE watch = $1", watch)
    found = await admin.fetchval("SELECT found FROM app.watch WHERE id = $1", watch)
    await admin.close()
    wanted = (np.flatnonzero(near(alerts, positions)) + 1).tolist()
    # Of many hits the newest are kept.
    kept = sorted(row["lco_id"] for row in rows)
    equal = found == len(wanted) and kept == wanted[-len(kept) :]
    return (
        f"{len(alerts.ra):,} alerts were held against it in {seconds:.1f} s, rests included; its "
        f"{found:,} hits, of which {len(kept):,} are kept, {'equal' if equal else 'DIFFER FROM'} "
        f"those by astropy's separations ({(abs(alerts.dec) > 89.9).sum():,} alerts at the poles, "
        f"{((alerts.ra < 0.1) | (alerts.ra > 359.9)).sum():,} at RA 0)"
    )


async def timed(state: State, watch: str) -> str:
    """The statements of a long list alone: one watch by itself, and the pass for all of them."""
    os.environ.update(state.environment("reader"))
    settings = Settings(database_url=SecretStr(state.database_url("reader")))
    engine = create_async_engine(state.database_url("app"))
    times: dict[str, list[float]] = {"by itself": [], "in a pass": []}
    async with open_archive(settings) as archive, engine.connect() as connection:
        newest, since = await read_newest(archive), 0
        while since < newest.number:
            asked = parse_search([("fields", "ra,dec")])
            some = await read_stretch(archive, asked, since, Newest(newest.batch, newest.number))
            for n in range(0, len(some.rows), NEAR):
                alerts, radius = some.rows[n : n + NEAR], RADIUS_ARCSEC / 3600
                ways = (
                    select_near(watch, radius, alerts),
                    select_near_any([watch], radius, alerts),
                )
                for held, statement in zip(times.values(), ways, strict=True):
                    began = time.perf_counter()
                    (await connection.execute(statement)).all()
                    held.append((time.perf_counter() - began) * 1e3)
            since = some.reached
    await engine.dispose()
    told = ", ".join(
        f"{way} p50 {statistics.median(held):.1f} ms, longest {max(held):.1f} ms"
        for way, held in times.items()
    )
    return f"{NEAR} alerts against the list: {told}"


async def killed(state: State, made: Sequence[str], asked: Sequence[Asked], times: int) -> str:
    """The app killed again and again while it matches from the beginning; then SQL is asked."""
    admin = await asyncpg.connect(state.database_url("admin").replace("+asyncpg", ""))
    behind = "SELECT count(DISTINCT upto), min(upto) FROM app.watch"
    places = []
    for _ in range(times):
        with app(state, **MANY) as (_, pid):
            at = await admin.fetchrow(behind)
            while await admin.fetchrow(behind) == at:  # noqa: ASYNC110 - it is in the database
                await asyncio.sleep(0.005)
            await asyncio.sleep(random.uniform(0, 0.5))
            os.kill(pid, 9)
        places.append(await admin.fetchval("SELECT min(upto) FROM app.watch"))
    newest = await admin.fetchval("SELECT lco_id FROM counter")
    midway = sum(place < newest for place in places)
    with app(state, **MANY):
        await until_matched(admin)
    wrong = await unlike(admin, made, asked, 0)
    await admin.close()
    return (
        f"killed {times} times (kill -9) while it matched {newest:,} alerts, {midway} times before "
        f"all was done: {wrong} of {len(made):,} watches differ from SQL afterwards; the key of "
        f"app.hit lets none be there twice"
    )


async def lists_part(state: State, count: int) -> list[str]:
    """A long list: how it comes in, what it finds, what it costs."""
    admin = await asyncpg.connect(state.database_url("admin").replace("+asyncpg", ""))
    await admin.execute("DELETE FROM app.watch")
    await admin.execute(_MOVED)
    rows = await admin.fetch("SELECT ra, dec FROM alert ORDER BY lco_id")
    alerts = List(*np.array([tuple(row) for row in rows]).T)
    positions = draw_list(np.random.default_rng(4), alerts, count)
    token = make_token(state)
    say("a long list")
    with app(state, **MANY) as (address, pid):
        watch, told = await upload(address, token, pid, positions)
        found = await judged(state, watch, alerts, positions)
    return [told, found, await timed(state, watch)]


async def searches_part(state: State, options: argparse.Namespace) -> list[str]:
    """Many searches: killed while they are matched, then with a feed."""
    admin = await asyncpg.connect(state.database_url("admin").replace("+asyncpg", ""))
    await admin.execute("DELETE FROM app.watch")
    asked = searches(await places_of(admin, options.searches), options.searches)
    with app(state, **MANY, MARS_JOBS_RUN="false") as (address, _):
        async with httpx.AsyncClient(base_url=address, timeout=60) as client:
            made = await make(client, asked, 0)
    say("kill -9")
    told = [await killed(state, made, asked, options.kills)]
    say("a feed")
    with app(state, **MANY) as (_, pid):
        await until_matched(admin)
        told.append(await live(state, pid, options.rate, options.seconds))
    wrong = await unlike(admin, made, asked, 0)
    await admin.close()
    return [*told, f"after the feed {wrong} of {len(made):,} watches differ from SQL"]


def write(lists: Sequence[str], many: Sequence[str], options: argparse.Namespace, on: str) -> None:
    """The page."""
    sentences = "\n".join(f"- {told}." for told in lists)
    searched = "\n".join(f"- {told}." for told in many)
    PAGE.write_text(
        f"# Watches\n\nWritten by `python -m bench.watching` on {datetime.now(UTC):%Y-%m-%d}.\n\n"
        f"Machine: {on}.\n\n## A list of {options.positions:,} positions\n\n{sentences}\n\n"
        f"## {options.searches:,} saved searches\n\nCones, filters of several columns, "
        f"objects.\n\n{searched}\n"
    )


def main() -> int:
    """Start the stack, measure, stop the stack."""
    parser = argparse.ArgumentParser(prog="bench.watching", description=__doc__)
    parser.add_argument("--local", type=Path, default=Path(".local/watching"), help="state folder")
    parser.add_argument("--port", type=int, default=18550, help="port of the app")
    parser.add_argument("--positions", type=int, default=1_000_000, help="of a list")
    parser.add_argument("--near", type=int, default=20_000, help="alerts held against it")
    parser.add_argument("--searches", type=int, default=1_000, help="saved searches")
    parser.add_argument("--rows", type=int, default=100_000, help="alerts held against them")
    parser.add_argument("--kills", type=int, default=30, help="how often the app is killed")
    parser.add_argument("--rate", type=float, default=300.0, help="alerts of the feed, a second")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the feed lasts")
    options = parser.parse_args()
    with fresh_stack(options.local, options.port) as state:
        fill(state, options.near)
        lists = asyncio.run(lists_part(state, options.positions))
        fill(state, options.rows)
        many = asyncio.run(searches_part(state, options))
        server, *_ = asyncio.run(described(state))
        write(lists, many, options, machine(server))
    return 0


if __name__ == "__main__":
    sys.exit(main())
