"""The faults, each injected so many times into one feed."""

import asyncio
import signal
from datetime import UTC, datetime
from itertools import cycle, islice
from typing import Final

from dev import kafka, postgres, replicas, s3
from faults.consumer_dying_at import POINTS
from faults.consumers import Consumer, Fault
from faults.databases import read_through_kills, served
from faults.run import PATIENCE_S, Kind, Run
from faults.servers import freeze_server, start_server, stop_server
from faults.standing import (
    broker_frozen,
    bucket_gone,
    ended_at_commit,
    frozen_past_session,
    lock_held,
    storm,
)

WAITED: Final = "batch must wait"
ANEW: Final = "starting over from the ledger"
UNMIRRORED: Final = "offsets not mirrored"
PAIR: Final = ("one", "another")
"""Instances of a group."""


async def killed_at_random(run: Run, times: int) -> None:
    """SIGKILL after a random share of the feed; every fifth so early that it may not read yet."""
    consumer = await run.start()
    for n, moment in enumerate(run.moments(times)):
        if n % 5 == 4:
            await asyncio.sleep(run.rng.uniform(0, 4))
        else:
            await run.reach(moment, consumer)
        await consumer.kill()
        run.hits += 1
        began = datetime.now(UTC)
        consumer = await run.start()
        if n % 5 != 3:  # else the next one comes before it has recovered
            await run.recover(consumer, began=began)


async def killed_at_points(run: Run, times: int, *points: str) -> None:
    """A consumer that dies at the points in turn, again and again; after the last a sound one."""
    for point in islice(cycle(points), times):
        consumer = await run.start(f"{point}:{run.rng.randint(1, 6)}")
        await consumer.dies(point, 120)
        run.hits += 1
    began = datetime.now(UTC)
    consumer = await run.start()
    await run.recover(consumer, began=began)


def _at(name: str, *points: str) -> Kind:
    async def inject(run: Run, times: int) -> None:
        await killed_at_points(run, times, *points)

    return Kind(f"kill -9 at {name}", inject, times=5)


async def two_at_once(run: Run, times: int) -> None:
    """Of two consumers one is killed, stopped, or frozen past its session; the other goes on."""
    pair = [await run.start(instance=name) for name in PAIR]
    await run.reach(1, *pair)
    for _ in range(times):
        await asyncio.sleep(run.rng.uniform(0, 3))
        victim = run.rng.randrange(2)
        began = datetime.now(UTC)
        await _disturb(run, pair, victim)
        run.hits += 1
        await run.recover(*pair, began=began)


async def _disturb(run: Run, pair: list[Consumer], victim: int) -> None:
    how = run.rng.choice(("kill", "terminate", "freeze"))
    if how == "freeze":
        pair[victim].freeze()
        await asyncio.sleep(run.rng.uniform(12, 16))
        pair[victim].thaw()
        return
    await (pair[victim].kill() if how == "kill" else run.terminate(pair[victim]))
    await asyncio.sleep(run.rng.uniform(0, 3))
    pair[victim] = await run.start(instance=PAIR[victim])


async def one_of_two_killed(run: Run, times: int) -> None:
    """SIGKILL of one of two that share the partitions, both at work; the other takes over."""
    pair = [await run.start(instance=name) for name in PAIR]
    for _ in range(times):
        await _both_at_work(pair)
        await asyncio.sleep(run.rng.uniform(0, 1))
        victim = run.rng.randrange(2)
        await pair[victim].kill()
        run.hits += 1
        began = datetime.now(UTC)
        await run.recover(pair[1 - victim], began=began)
        pair[victim] = await run.start(instance=PAIR[victim])


async def _both_at_work(pair: list[Consumer]) -> None:
    """Wait until each has written a batch from now on."""
    written = [consumer.events()["batch"] for consumer in pair]
    async with asyncio.timeout(PATIENCE_S):
        while any(c.events()["batch"] <= n for c, n in zip(pair, written, strict=True)):
            for consumer in pair:
                consumer.check()
            await asyncio.sleep(0.02)


async def terminated(run: Run, times: int) -> None:
    """SIGTERM in mid-batch."""
    consumer = await run.start()
    for moment in run.moments(times):
        await run.reach(moment, consumer)
        await run.terminate(consumer)
        run.hits += 1
        began = datetime.now(UTC)
        consumer = await run.start()
        await run.recover(consumer, began=began)


async def terminated_without_database(run: Run, times: int) -> None:
    """SIGTERM while PostgreSQL is stopped and the batch in hand waits for it."""
    consumer = await run.start()
    for moment in run.moments(times):
        await run.reach(moment, consumer)
        before = run.events()
        await stop_server(postgres, run.state)
        try:
            await asyncio.sleep(run.rng.uniform(2, 6))
            run.seen(WAITED, ANEW, since=before)
            await run.terminate(consumer)
        finally:
            await start_server(postgres, run.state)
        began = datetime.now(UTC)
        consumer = await run.start()
        await run.recover(consumer, began=began)


async def postgres_restarted(run: Run, times: int) -> None:
    """An immediate shutdown, which is a crash with recovery at the next start."""
    consumer = await run.start()
    for moment in run.moments(times):
        await run.reach(moment, consumer)
        before = run.events()
        await stop_server(postgres, run.state, signal.SIGQUIT)
        await start_server(postgres, run.state)
        await run.recover(consumer, began=datetime.now(UTC))
        run.seen(WAITED, ANEW, since=before)


async def s3_away(run: Run, times: int, seconds: float = 20) -> None:
    """The object store stopped for a while."""
    consumer = await run.start()
    for moment in run.moments(times):
        await run.reach(moment, consumer)
        before = run.events()
        await stop_server(s3, run.state)
        await asyncio.sleep(seconds)
        await start_server(s3, run.state)
        await run.recover(consumer, began=datetime.now(UTC))
        run.seen(WAITED, since=before)


async def s3_briefly_away(run: Run, times: int) -> None:
    """The same, for a test that has little time."""
    await s3_away(run, times, seconds=3)


async def s3_frozen(run: Run, times: int) -> None:
    """The object store accepts and never answers, for longer than a put may take."""
    consumer = await run.start()
    for moment in run.moments(times):
        await run.reach(moment, consumer)
        before = run.events()
        await freeze_server(s3, run.state, 25)
        await run.recover(consumer, began=datetime.now(UTC))
        run.seen(WAITED, since=before)


async def kafka_restarted(run: Run, times: int) -> None:
    """In turn by SIGTERM and by SIGKILL."""
    consumer = await run.start()
    for n, moment in enumerate(run.moments(times)):
        await run.reach(moment, consumer)
        before = run.events()
        await stop_server(kafka, run.state, signal.SIGKILL if n % 2 else signal.SIGTERM)
        await asyncio.sleep(run.rng.uniform(0, 5))
        await start_server(kafka, run.state)
        await run.recover(consumer, began=datetime.now(UTC))
        run.seen("aiokafka", ANEW, UNMIRRORED, since=before)


async def database_servers_killed(run: Run, times: int) -> None:
    """Primary and both replicas in turn by SIGKILL, while the consumer writes and clients read."""
    consumer = await run.start()
    await run.reach(200, consumer)
    await asyncio.to_thread(replicas.up, run.state, quiet=True)
    try:
        async with served(run.place, run.log) as client:
            run.tally = await read_through_kills(run, client, times)
    finally:
        await asyncio.to_thread(replicas.down, run.state, quiet=True)
    if run.tally.failed:
        raise Fault(f"{len(run.tally.failed)} reads failed, the first: {run.tally.failed[0]}")


RANDOM: Final = "kill -9 at random"
THREE: Final = "one of three PostgreSQL killed"
BY_RUNS: Final = (RANDOM, THREE)
"""Those that are injected as often as the command line says."""
KINDS: Final = (
    Kind(RANDOM, killed_at_random, times=30),
    *(_at(point, point) for point in POINTS),
    Kind("two at once", two_at_once, times=12, partitions=4, seconds=120),
    Kind("kill -9 of one of two", one_of_two_killed, times=5, partitions=4, seconds=120),
    Kind("consumer frozen past its session", frozen_past_session, times=6),
    Kind("three consumers in a storm", storm, times=30, partitions=4, seconds=240),
    Kind("session ended at COMMIT", ended_at_commit, times=30, batch=8),
    Kind("alerts locked for 4-12 s", lock_held, times=6),
    Kind("bucket gone for 3-8 s", bucket_gone, times=6),
    Kind("SIGTERM in mid-batch", terminated, times=6),
    Kind(
        "SIGTERM without PostgreSQL",
        terminated_without_database,
        times=2,
        batch=8,
        breaks_servers=True,
    ),
    Kind("PostgreSQL immediate restart", postgres_restarted, times=6, batch=8, breaks_servers=True),
    Kind(
        THREE,
        database_servers_killed,
        times=30,
        batch=8,
        seconds=400,
        servers=3,
        breaks_servers=True,
    ),
    Kind("S3 away 20 s", s3_away, times=3, batch=8, breaks_servers=True),
    Kind("S3 frozen 25 s", s3_frozen, times=3, batch=8, breaks_servers=True),
    Kind("Kafka restarted", kafka_restarted, times=4, batch=4, breaks_servers=True),
    Kind("Kafka frozen for 5-30 s", broker_frozen, times=6, batch=4, breaks_servers=True),
)
"""The whole suite."""
SHORT: Final = (
    # One after the other in one feed, of so many batches that each is reached.
    _at("every point", *POINTS)._replace(times=len(POINTS), batch=6),
    Kind(
        "PostgreSQL immediate restart", postgres_restarted, times=1, seconds=6, breaks_servers=True
    ),
    Kind("S3 away 3 s", s3_briefly_away, times=1, seconds=6, breaks_servers=True),
)
"""What `make test` has time for."""
