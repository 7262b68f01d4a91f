"""More hands: two consumers beside one, and a backfill by two workers beside one, in turn.

What is shared is a topic that lies ready in four partitions, or one tarball. Nothing of what the
programs need to begin counts, neither their start nor Kafka's giving of partitions.
"""

import asyncio
import json
import statistics
import sys
import tarfile
import time
from contextlib import AsyncExitStack
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple

import asyncpg

from bench.ingesting import DRAIN_S, RUN, consumer, received, send, topic
from bench.measure import Figure
from dev.simulator import simulate
from dev.state import State

PARTITIONS: Final = 4
MANY: Final = 2
RATE: Final = (
    "SELECT sum(received) / extract(epoch FROM $3::timestamptz - $2::timestamptz) FROM ledger "
    "WHERE source = $1 AND time > $2 AND time <= $3"
)
BATCHES: Final = "SELECT min(time) AS began, max(time) AS ended FROM ledger WHERE source = $1"


class Hands(NamedTuple):
    """Alerts a second by one and by MANY, a pair for each round."""

    by_one: list[float]
    by_many: list[float]

    def figure(self, what: str, floor: str, target: str) -> Figure:
        ratios = [many / one for one, many in zip(*self, strict=True)]
        medians = statistics.median(self.by_one), statistics.median(self.by_many)
        return Figure(what, "alerts/s", floor, *medians, (min(ratios), max(ratios)), target)


async def more_hands(state: State, count: int, rounds: int = 2) -> list[Figure]:
    """Feeds of `count` alerts that are new to the archive, each taken in once."""
    seed = int(time.time())
    shared, filed = Hands([], []), Hands([], [])
    for n in range(rounds):
        for hands, rates in ((1, 0), (MANY, 1)):
            part = 4 * n + 2 * rates
            shared[rates].append(await _consuming(state, count, seed + 1000 + part, hands))
            filed[rates].append(await _backfilling(state, count, seed + 1001 + part, hands))
    return [
        shared.figure(f"ingest, {MANY} consumers", "1 consumer", "≥ 1.4 ×"),
        filed.figure(f"backfill of one tarball, {MANY} workers", "1 worker", ""),
    ]


async def _consuming(state: State, count: int, seed: int, hands: int) -> float:
    """While all of the consumers are at work, from the ledger."""
    prefix = f"{RUN}h{seed}"
    name = topic(0, prefix)
    await send([p.message for p in simulate(count, seed)], name, PARTITIONS)
    logs = [state.log(f"consumer-{n}") for n in range(hands)]
    connection = await asyncpg.connect(state.database_url("reader").replace("+asyncpg", ""))
    async with AsyncExitStack() as stack:
        for log in logs:
            await asyncio.to_thread(log.unlink, missing_ok=True)
            await stack.enter_async_context(consumer(state, prefix, log))
        until = time.monotonic() + DRAIN_S
        while await received(connection, name) < count:
            assert time.monotonic() < until, f"{name} was not taken in"
            await asyncio.sleep(0.2)
    worked = [_batches(log) for log in logs]
    assert all(worked), "a consumer came too late: give it a longer feed"
    began, ended = max(w[0] for w in worked), min(w[-1] for w in worked)
    rate = float(await connection.fetchval(RATE, name, began, ended))
    await connection.close()
    return rate


def _batches(log: Path) -> list[datetime]:
    """When a consumer wrote each of its batches."""
    events = (json.loads(line) for line in log.read_text().splitlines() if line.startswith("{"))
    return [datetime.fromisoformat(e["time"]) for e in events if e["message"] == "batch"]


async def _backfilling(state: State, count: int, seed: int, hands: int) -> float:
    """From the first batch to the last, by the ledger."""
    path = state.folder / f"bench_{seed}.tar"
    await asyncio.to_thread(_write_tarball, path, count, seed)
    command = [sys.executable, "-m", "consumer", "backfill", f"--workers={hands}", str(path)]
    with state.log("backfill").open("a") as log:
        process = await asyncio.create_subprocess_exec(
            *command, env=state.environment("writer"), stdout=log, stderr=log
        )
        assert await process.wait() == 0
    await asyncio.to_thread(path.unlink)
    connection = await asyncpg.connect(state.database_url("reader").replace("+asyncpg", ""))
    row = await connection.fetchrow(BATCHES, path.name)
    assert row is not None
    rate = float(await connection.fetchval(RATE, path.name, row["began"], row["ended"]))
    await connection.close()
    return rate


def _write_tarball(path: Path, count: int, seed: int) -> None:
    with tarfile.open(path, "w") as tar:
        for n, packet in enumerate(simulate(count, seed)):
            member = tarfile.TarInfo(f"{n}.avro")
            member.size = len(packet.message)
            tar.addfile(member, BytesIO(packet.message))
