"""Streams while all dies under them: `python -m bench.surviving`; writes a part of docs/streams.md.

Sixty clients of four kinds follow a feed through Kafka, consumer, primary and replicas, and two
apps behind a proxy. First nothing happens, then apps, primary and replicas are killed and
connections are cut; at last an app is asked to end while streams are open.
"""

import argparse
import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any, Final, NamedTuple

import asyncpg
import httpx

from bench.followers import KINDS, Clients, Follower, Wanted, judge, tell_lateness
from bench.ingesting import consumer, topic
from bench.killing import App, kill_app, kill_server, repeat
from bench.relaying import Relay, relaying
from bench.report import DOCS, machine, put_section
from bench.running import described, fresh_stack
from bench.streaming import Client, feed
from bench.watched import Asked
from dev import postgres, replicas
from dev.produce import create
from dev.simulator import simulate
from dev.state import State

PAGE: Final = DOCS / "streams.md"
HEADING: Final = "## Killed and cut"
BEGIN_S: Final = 5.0
"""Until the first alert has come to all clients."""
LASTS_S: Final = 20.0
"""How long a kill of each kind and what follows take at most, on a slow machine."""
HANGS_S: Final = 180.0
CUT: Final = 0.5
"""Share of the connections that a cut ends."""
WANTED: Final = (
    Asked({}, "true"),
    Asked({"rb__gte": 0.5}, "rb >= 0.5"),
    Asked({"filter": "r"}, "filter = 'r'"),
    Asked({"where": ["dec__gte:20", "magpsf__lt:20"]}, "dec >= 20 AND magpsf < 20"),
    Asked({"cone": "180,60,10"}, "q3c_radial_query(ra, dec, 180, 60, 10)"),
)
"""What clients want; each kind has clients of every one."""


async def read_newest(admin: Any) -> int:
    """The number of the newest alert."""
    return int(await admin.fetchval("SELECT lco_id FROM counter"))


@asynccontextmanager
async def asking(state: State) -> AsyncIterator[Any]:
    """A connection to the primary, as superuser."""
    admin = await asyncpg.connect(state.database_url("admin").replace("+asyncpg", ""))
    yield admin
    await admin.close()


@asynccontextmanager
async def two_apps(state: State, rng: random.Random) -> AsyncIterator[tuple[Relay, list[App]]]:
    """Two apps behind a relay on the stack's port."""
    async with AsyncExitStack() as stack:
        apps = [App(state, state.ports.replica(replicas.COUNT) + n) for n in (1, 2)]
        for one in apps:
            await one.start()
            stack.push_async_callback(one.stop)
        ports = [one.port for one in apps]
        yield await stack.enter_async_context(relaying(state.ports.app, ports, rng)), apps


@asynccontextmanager
async def followed(address: str, since: int) -> AsyncIterator[Clients]:
    """All clients, by kind, as long as this lasts; how they end is told if they should not."""
    clients = {
        kind: [Follower(WANTED[n % len(WANTED)], since) for n in range(count)]
        for kind, (count, _) in KINDS.items()
    }
    async with asyncio.TaskGroup() as group:
        ways = [follow(address, clients[kind]) for kind, (_, follow) in KINDS.items()]
        tasks = [group.create_task(way) for way in ways]
        yield clients
        for task in tasks:
            task.cancel()


async def kill(state: State, relay: Relay, apps: Sequence[App], times: int, seed: int) -> None:
    """Apps, primary and replicas by SIGKILL, and cuts, all at moments of their own."""
    rng = random.Random(seed)

    async def cut() -> None:
        relay.cut(CUT)

    ways = {
        "app": lambda n: kill_app(apps[n % len(apps)], rng),
        "primary": lambda _: kill_server(postgres, state, rng),
        "replica": lambda n: kill_server(replicas.ALL[n % replicas.COUNT], state, rng),
        "cut": lambda _: cut(),
    }
    await asyncio.gather(*(repeat(what, way, times, rng) for what, way in ways.items()))


async def end(state: State, streams: int) -> str:
    """SIGTERM to an app with open streams, while alerts come."""
    app = App(state, state.ports.replica(replicas.COUNT) + 3)
    await app.start()
    path, limits = "/api/v1/alerts/stream", httpx.Limits(max_connections=None)
    whole = 0

    async def read(client: httpx.AsyncClient, begun: asyncio.Semaphore) -> None:
        nonlocal whole
        async with client.stream("GET", path) as answer:
            pieces = answer.aiter_bytes()
            while b"event: alert" not in await anext(pieces):
                pass
            begun.release()
            async for _ in pieces:
                pass
            # A broken answer would have raised.
            whole += 1

    base = f"http://127.0.0.1:{app.port}"
    begun = asyncio.Semaphore(0)
    async with httpx.AsyncClient(base_url=base, timeout=HANGS_S, limits=limits) as client:
        tasks = [asyncio.create_task(read(client, begun)) for _ in range(streams)]
        for _ in tasks:
            await begun.acquire()
        asked = time.monotonic()
        await app.stop()
        spent = time.monotonic() - asked
        await asyncio.gather(*tasks, return_exceptions=True)
    return (
        f"SIGTERM to an app with {streams} open streams, while alerts come: it has ended after "
        f"{spent:.2f} s (target: 5 s), and {whole} of {streams} answers were complete"
    )


async def found_by_sql(admin: Any, since: int) -> Wanted:
    """What each search takes of the alerts after a number, by its condition."""
    return {
        asked.condition: [
            (row["lco_id"], row["candid"])
            for row in await admin.fetch(
                f"SELECT lco_id, candid FROM alert WHERE lco_id > $1 AND ({asked.condition}) "  # noqa: S608
                "ORDER BY lco_id",
                since,
            )
        ]
        for asked in WANTED
    }


async def until_all_came(clients: Sequence[Follower], wanted: Wanted) -> None:
    """Wait until every client has as many alerts as it wants, for so long at most."""
    with suppress(TimeoutError):
        async with asyncio.timeout(HANGS_S):
            while any(len(one.got) < len(wanted[one.asked.condition]) for one in clients):  # noqa: ASYNC110 - it is elsewhere
                await asyncio.sleep(0.5)
    # What comes twice would come now.
    await asyncio.sleep(3)


class Run(NamedTuple):
    """What was done, and what came of it."""

    clients: Clients
    sent: dict[int, float]
    moments: tuple[float, float, float]
    """When nothing happened, from and to, and when the last one had been killed."""
    load: float
    """Programs that worked or waited for a core meanwhile, all of the machine."""
    again: int
    """Connections that clients made after the first kill."""
    refused: int
    """Those that were answered by something else than a stream."""
    ended: str
    wanted: Wanted


async def run(state: State, options: argparse.Namespace) -> Run:
    """Feed, wait, kill, end, and wait until all has come."""
    name, over = topic(0), asyncio.Event()
    await create(name, 1)
    most_s = options.seconds + LASTS_S * options.kills + HANGS_S
    packets = simulate(int(options.rate * most_s), int(time.time()))
    packets = takewhile(lambda _: not over.is_set(), packets)
    async with consumer(state), two_apps(state, random.Random(options.seed)) as (relay, apps):
        address = f"http://127.0.0.1:{state.ports.app}"
        async with httpx.AsyncClient(base_url=address, timeout=HANGS_S) as client:
            # The consumer finds the topic, and its first fetch is over, before the clock starts.
            await feed([next(packets)], options.rate, name)
            await Client().follow(client, 1)
        async with asking(state) as admin:
            since = await read_newest(admin)
        async with followed(address, since) as clients:
            feeding = asyncio.create_task(feed(packets, options.rate, name))
            await asyncio.sleep(BEGIN_S)
            began = time.monotonic()
            await asyncio.sleep(options.seconds)
            calm, before, (load, *_) = time.monotonic(), relay.taken, os.getloadavg()
            await kill(state, relay, apps, options.kills, options.seed)
            killed = time.monotonic()
            ended = await end(state, options.streams)
            over.set()
            sent = await feeding
            async with asking(state) as admin:
                while await read_newest(admin) < since + len(sent):  # noqa: ASYNC110 - it is in the database
                    await asyncio.sleep(0.2)
                wanted = await found_by_sql(admin, since)
            await until_all_came([one for some in clients.values() for one in some], wanted)
        again, refused = relay.taken - before, relay.refused.total()
    return Run(clients, sent, (began, calm, killed), load, again, refused, ended, wanted)


def tell(seen: Run, options: argparse.Namespace) -> list[str]:
    """A run in sentences."""
    every = [one for some in seen.clients.values() for one in some]
    kinds = ", ".join(f"{len(some)} of {kind}" for kind, some in seen.clients.items())
    counts = ", ".join(f"{len(found):,}" for found in seen.wanted.values())
    began, calm, killed = seen.moments
    fed = sum(began <= moment < calm for moment in seen.sent.values()) / (calm - began)
    return [
        f"{len(every)} clients, {kinds}; {len(seen.sent):,} alerts, of which their {len(WANTED)} "
        f"searches take {counts}",
        f"while nothing happened, {calm - began:.0f} s at {fed:.0f} alerts/s ({options.rate:.0f} "
        f"were wanted) with a load of {seen.load:.1f} on the machine: from being handed to Kafka "
        f"to being at a client {tell_lateness(every, seen.sent, began, calm)}; target: p99 < 2 s",
        f"kill -9 of an app, of the primary and of a replica, {options.kills} times each, at "
        f"random moments of {killed - calm:.0f} s, and {options.kills} cuts of half the "
        f"connections amid what they carry, after which clients came again {seen.again:,} times "
        f"and were refused {seen.refused} times: {tell_lateness(every, seen.sent, calm, killed)}",
        "each alert that its search takes came once and in order: "
        + judge(seen.clients, seen.wanted),
        seen.ended,
    ]


def main() -> int:
    """Start the stack, measure, write the part of the page, stop the stack."""
    parser = argparse.ArgumentParser(prog="bench.surviving", description=__doc__)
    parser.add_argument("--local", type=Path, default=Path(".local/surviving"), help="state folder")
    parser.add_argument("--port", type=int, default=18590, help="port of the proxy")
    parser.add_argument("--rate", type=float, default=100.0, help="alerts of the feed, a second")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long nothing happens")
    parser.add_argument("--kills", type=int, default=10, help="of each kind, and cuts")
    parser.add_argument("--streams", type=int, default=50, help="open at SIGTERM")
    parser.add_argument("--seed", type=int, default=1, help="of all that is drawn")
    options = parser.parse_args()
    with fresh_stack(options.local, options.port) as state:
        replicas.up(state)
        told = tell(asyncio.run(run(state, options)), options)
        server, *_ = asyncio.run(described(state))
        replicas.down(state)
    sentences = "\n".join(f"- {one}." for one in told)
    print(sentences)
    put_section(
        PAGE,
        HEADING,
        f"Written by `python -m bench.surviving` on {datetime.now(UTC):%Y-%m-%d}; feed, consumer, "
        "three database servers, two apps behind a proxy and all clients share the machine: "
        f"{machine(server)}.\n\n{sentences}",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
