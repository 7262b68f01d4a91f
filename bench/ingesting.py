"""Kafka to durable rows and bundles by one consumer, and how late a message becomes visible."""

import asyncio
import os
import re
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import asyncpg
import httpx
from aiokafka import AIOKafkaProducer

from archive.surveys.ztf.packet import decode
from bench.measure import Figure
from dev.produce import create
from dev.state import State

STEPS: Final = ("decode", "ask", "put", "rows", "insert")
MARS_PER_S: Final = 22.0
"""The first MARS, one process, same kind of machine (18 to 25 alerts/s)."""
DRAIN_S: Final = 120.0


class Ingested(NamedTuple):
    """One feed taken in."""

    per_s: float
    step_ms: dict[str, float]
    """Wall time of each step an alert; steps of neighbouring batches overlap."""


# The stack is used again by the next run; topics of this one's own keep its ledger apart.
RUN: Final = f"bench{int(time.time())}"


def topic(days_ago: int, prefix: str = RUN) -> str:
    """A night of the consumer's window."""
    night = datetime.now(UTC) - timedelta(days=days_ago)
    return f"{prefix}_{night:%Y%m%d}_programid1"


async def send(messages: Sequence[bytes], name: str, partitions: int = 1) -> None:
    """All at once."""
    await create(name, partitions)
    async with producing() as producer:
        pending = [
            await producer.send(name, data, partition=n % partitions)
            for n, data in enumerate(messages)
        ]
        await asyncio.gather(*pending)


@asynccontextmanager
async def producing() -> AsyncIterator[AIOKafkaProducer]:
    """What sends messages, and waits until Kafka holds them."""
    servers = os.environ["MARS_KAFKA_BOOTSTRAP_SERVERS"]
    producer = AIOKafkaProducer(
        bootstrap_servers=servers, max_request_size=10 << 20, acks="all", linger_ms=2
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def consumer(
    state: State, prefix: str = RUN, log_file: Path | None = None
) -> AsyncIterator[None]:
    """`python -m consumer stream` of the topics with a prefix, ended by SIGTERM."""
    command = [sys.executable, "-m", "consumer", "stream"]
    log = (log_file or state.log("consumer")).open("a")
    ours = {"MARS_KAFKA_TOPIC": prefix + "_{night}_programid1", "MARS_KAFKA_GROUP": prefix}
    process = await asyncio.create_subprocess_exec(
        *command, env=state.environment("writer") | ours, stderr=log
    )
    try:
        yield
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 60) == 0
        log.close()


async def ingesting(state: State, messages: Sequence[bytes], days_ago: int) -> Ingested:
    """A feed that lies ready, from the first batch's end to the last's."""
    name = topic(days_ago)
    await send(messages, name)
    connection = await asyncpg.connect(state.database_url("reader").replace("+asyncpg", ""))
    async with consumer(state):
        until = time.monotonic() + DRAIN_S
        while await received(connection, name) < len(messages):
            assert time.monotonic() < until, f"{name} was not taken in"
            await asyncio.sleep(0.2)
        async with httpx.AsyncClient() as client:
            told = (await client.get(f"http://127.0.0.1:{state.ports.metrics}/metrics")).text
    first = await connection.fetchrow(
        "SELECT min(time) AS began, max(time) AS ended, sum(received) - "
        "(array_agg(received ORDER BY batch))[1] AS counted FROM ledger WHERE source = $1",
        name,
    )
    await connection.close()
    assert first is not None
    per_s = first["counted"] / (first["ended"] - first["began"]).total_seconds()
    return Ingested(per_s, {step: _seconds(told, step) / len(messages) * 1e3 for step in STEPS})


async def received(connection: "asyncpg.Connection[asyncpg.Record]", name: str) -> int:
    """Packets of a source in the ledger."""
    return int(
        await connection.fetchval(
            "SELECT coalesce(sum(received), 0) FROM ledger WHERE source = $1", name
        )
    )


def _seconds(told: str, step: str) -> float:
    found = re.search(rf'mars_batch_step_seconds_sum{{step="{step}"}} (\S+)', told)
    assert found is not None
    return float(found[1])


def ingest_figures(runs: Sequence[Ingested], messages: Sequence[bytes]) -> list[Figure]:
    """Against the same decoder alone, and against the first MARS."""
    began = time.perf_counter()
    for data in messages:
        decode(data)
    decode_only = len(messages) / (time.perf_counter() - began)
    ours = statistics.median(run.per_s for run in runs)
    rates = [run.per_s for run in runs]
    return [
        Figure("ingest", "alerts/s", "decode alone", decode_only, ours,
               (min(rates) / decode_only, max(rates) / decode_only), "≥ 0.4"),
        Figure("ingest", "alerts/s", "the first MARS", MARS_PER_S, ours,
               (min(rates) / MARS_PER_S, max(rates) / MARS_PER_S), "≥ 80 ×"),
    ]  # fmt: skip


async def delay(state: State, messages: Sequence[bytes], per_s: float) -> list[float]:
    """Seconds from producing a message to its row being visible to a reader, one a message."""
    name = topic(0)
    await create(name, 1)
    connection = await asyncpg.connect(state.database_url("reader").replace("+asyncpg", ""))
    candids = [decode(data).packets[0].id for data in messages]
    newest = await connection.fetchval("SELECT batch FROM counter")
    sent: dict[int, float] = {}
    seen: dict[int, float] = {}
    async with consumer(state), producing() as producer:
        # The consumer finds the topic, and its first fetch is over, before the clock starts.
        await producer.send_and_wait(name, messages[0])
        await _watch(connection, newest, {candids[0]: 0.0}, {}, 1)
        watching = asyncio.create_task(_watch(connection, newest, sent, seen, len(messages) - 1))
        began = time.monotonic()
        for n, (candid, data) in enumerate(zip(candids[1:], messages[1:], strict=True)):
            await asyncio.sleep(max(0.0, began + n / per_s - time.monotonic()))
            sent[candid] = time.monotonic()
            await producer.send(name, data)
        await watching
    await connection.close()
    return sorted(seen[candid] - sent[candid] for candid in sent)


async def _watch(
    connection: "asyncpg.Connection[asyncpg.Record]",
    batch: int,
    sent: dict[int, float],
    seen: dict[int, float],
    count: int,
) -> None:
    """Note when each candid is first seen in a batch after this one, asking every 10 ms."""
    until = time.monotonic() + DRAIN_S
    while len(seen) < count:
        assert time.monotonic() < until, "not every message became visible"
        rows = await connection.fetch("SELECT candid, batch FROM alert WHERE batch > $1", batch)
        now = time.monotonic()
        for row in rows:
            if row["candid"] in sent:
                seen.setdefault(row["candid"], now)
            batch = max(batch, row["batch"])
        await asyncio.sleep(0.01)
