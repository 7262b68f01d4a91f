"""How soon a message in Kafka is an event at clients: `python -m bench.streaming`.

It writes a part of docs/streams.md.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx
import orjson
from httpx_sse import aconnect_sse

from bench.ingesting import consumer, producing, topic
from bench.report import DOCS, machine, put_section
from bench.running import app, described, fresh_stack, say
from dev.produce import create
from dev.simulator import Packet, simulate
from dev.state import State

PAGE: Final = DOCS / "streams.md"
HEADING: Final = "## How soon"
HANGS_S: Final = 120.0


class Client:
    """A client of a stream that notes when each alert came."""

    def __init__(self) -> None:
        self.came: dict[int, float] = {}
        self.doubled = self.disordered = 0
        self._last = 0

    async def follow(self, client: httpx.AsyncClient, count: int) -> None:
        """Read until so many alerts have come."""
        path, query = "/api/v1/alerts/stream", {"since": "0", "fields": "candid"}
        async with aconnect_sse(client, "GET", path, params=query) as source:
            source.response.raise_for_status()
            async for event in source.aiter_sse():
                if event.event == "alert":
                    self._note(int(event.id), int(orjson.loads(event.data)["candid"]))
                if len(self.came) == count:
                    return

    def _note(self, number: int, candid: int) -> None:
        self.doubled += candid in self.came
        self.disordered += number <= self._last
        self.came.setdefault(candid, time.monotonic())
        self._last = number


async def feed(packets: Iterable[Packet], per_s: float, name: str) -> dict[int, float]:
    """Send packets at a steady rate; when each was handed to Kafka, by candid."""
    sent: dict[int, float] = {}
    async with producing() as producer:
        began = time.monotonic()
        for n, packet in enumerate(packets):
            await asyncio.sleep(max(0.0, began + n / per_s - time.monotonic()))
            sent[packet.candid] = time.monotonic()
            await producer.send(name, packet.message)
    return sent


async def measure(state: State, address: str, clients: int, per_s: float, seconds: float) -> str:
    """Clients follow a feed from its first alert on; what they saw, in a sentence."""
    packets = list(simulate(int(per_s * seconds), int(time.time())))
    name = topic(0)
    await create(name, 1)
    timeout = httpx.Timeout(HANGS_S)
    limits = httpx.Limits(max_connections=None)
    async with (
        consumer(state),
        httpx.AsyncClient(base_url=address, timeout=timeout, limits=limits) as client,
    ):
        # The consumer finds the topic, and its first fetch is over, before the clock starts.
        await feed(packets[:1], per_s, name)
        await Client().follow(client, 1)
        readers = [Client() for _ in range(clients)]
        following = [asyncio.create_task(r.follow(client, len(packets))) for r in readers]
        sent = await feed(packets[1:], per_s, name)
        async with asyncio.timeout(HANGS_S):
            await asyncio.gather(*following)
    late = sorted(
        reader.came[candid] - moment for reader in readers for candid, moment in sent.items()
    )
    wrong = sum(reader.doubled + reader.disordered for reader in readers)
    return (
        f"{clients} clients, {len(sent):,} alerts at {per_s:.0f}/s: from being handed to Kafka to "
        f"being read by a client p50 {late[len(late) // 2]:.2f} s, p99 "
        f"{late[int(len(late) * 0.99)]:.2f} s, longest {late[-1]:.2f} s (target: p99 < 2 s); "
        f"{wrong} of {len(late):,} events came twice or out of order, none is missing"
    )


def main() -> int:
    """Start the stack, measure, stop the stack."""
    parser = argparse.ArgumentParser(prog="bench.streaming", description=__doc__)
    parser.add_argument("--local", type=Path, default=Path(".local/streaming"), help="state folder")
    parser.add_argument("--port", type=int, default=18570, help="port of the app")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 20, 60], help="at once")
    parser.add_argument("--rate", type=float, default=100.0, help="alerts of the feed, a second")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long a feed lasts")
    options = parser.parse_args()
    told = []
    for clients in options.clients:
        with fresh_stack(options.local, options.port) as state:
            say(f"{clients} clients")
            with app(state, MARS_STREAMS_PER_CLIENT="1000") as (address, _):
                measured = measure(state, address, clients, options.rate, options.seconds)
                told.append(asyncio.run(measured))
            say(told[-1])
            server, *_ = asyncio.run(described(state))
    sentences = "\n".join(f"- {one}." for one in told)
    put_section(
        PAGE,
        HEADING,
        f"Written by `python -m bench.streaming` on {datetime.now(UTC):%Y-%m-%d}; feed, consumer, "
        f"app and clients share the machine: {machine(server)}.\n\n{sentences}",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
