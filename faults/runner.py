"""One fault on an archive of its own: feed, break, drain, check."""

import asyncio
import random
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from consumer.batches.ingest import Batch, ingest
from consumer.batches.sorting import Raw
from consumer.checks.verify import verify
from dev.state import State
from faults.check import Contents, Kafka, Sent, Verdict, check
from faults.feed import Feed, Partition, read_sent
from faults.place import Progress, new_place, opened
from faults.reading import Tally
from faults.run import Kind, Run, Stage
from tests.consumer.archives import contents


class Result(NamedTuple):
    """What came of it."""

    name: str
    times: int
    hits: int
    verdict: Verdict
    recoveries: Sequence[float]
    exits: Sequence[float]
    events: Counter[str]
    tally: Tally
    error: str | None

    @property
    def sound(self) -> bool:
        seen = self.hits >= self.times and self.error is None
        return seen and self.verdict.sound and not self.tally.failed


def broken(kind: Kind, error: Exception) -> Result:
    """What is told of a fault after which nothing could be put in order again."""
    told = f"{type(error).__name__}: {error}"
    return Result(kind.name, kind.times, 0, Verdict(), [], [], Counter(), Tally(), told)


async def calm_contents(state: State, feed: Feed) -> Contents:
    """What an undisturbed ingest makes of the feed."""
    async with new_place(state) as place, opened(place) as archive:
        night = datetime.now(UTC).date()
        raws = [Raw("calm", 0, n, "", night, data) for n, data in enumerate(feed.messages)]
        for n in range(0, len(raws), 256):
            await ingest(archive, "stream", Batch(raws[n : n + 256]))
        return await contents(archive)


async def run_fault(stage: Stage, kind: Kind, times: int) -> Result:
    """Inject a fault so many times into one feed, then drain and check."""
    stage = await _with_own_feed(stage, kind)
    async with _started(stage, kind) as run, asyncio.TaskGroup() as group:
        sending = group.create_task(_send(run, kind))
        if not kind.seconds:
            await sending
        error, verdict = None, Verdict()
        try:
            await kind.inject(run, times)
            await sending
            await run.drain()
            # In a thread: it reads and hashes all there is, while other faults are timed here.
            verdict = await asyncio.to_thread(asyncio.run, _verdict(run))
        except Exception as fault:
            # Whatever it led to, the other faults are still tried.
            error = f"{type(fault).__name__}: {fault}"
            (run.log / "error.txt").write_text(traceback.format_exc())
            sending.cancel()
        return Result(
            name=kind.name,
            times=times * kind.servers,
            hits=run.hits,
            verdict=verdict,
            recoveries=run.recoveries,
            exits=run.exits,
            events=run.events(),
            tally=run.tally,
            error=error,
        )


async def _with_own_feed(stage: Stage, kind: Kind) -> Stage:
    if kind.feed is None:
        return stage
    feed = await asyncio.to_thread(kind.feed, len(stage.feed.messages), stage.seed)
    return stage._replace(feed=feed, calm=await calm_contents(stage.state, feed))


@asynccontextmanager
async def _started(stage: Stage, kind: Kind) -> AsyncIterator[Run]:
    log = stage.folder / kind.name.replace(" ", "-")
    log.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as later, new_place(stage.state) as place:
        rng = random.Random(f"{stage.seed} {kind.name}")
        run = Run(stage, place, rng, kind.batch, Progress(place), log, later, kind.partitions)
        try:
            yield run
        finally:
            for consumer in run.consumers:
                await consumer.end()
            await run.progress.close()
            await _delete_topics(run)


async def _delete_topics(run: Run) -> None:
    """A whole suite sends more than a disk may have room for."""
    admin = AIOKafkaAdminClient(bootstrap_servers=f"127.0.0.1:{run.state.ports.kafka}")
    try:
        await admin.start()
        await admin.delete_topics(list(run.topics))
    finally:
        await admin.close()


async def _send(run: Run, kind: Kind) -> None:
    messages = run.stage.feed.messages
    if not kind.in_parts:
        await run.send(messages, rate=len(messages) / kind.seconds if kind.seconds else None)


async def _verdict(run: Run) -> Verdict:
    async with opened(run.place) as archive:
        sent = Sent(read_sent(run.log), run.stage.feed.expected)
        verdict = await check(archive, sent, await _kafka(run), run.stage.calm)
        verified = await verify(archive)
    verdict.complaints += [f"verify: {one}" for one in (*verified.faults, *verified.unknown)]
    return verdict


async def _kafka(run: Run) -> Kafka:
    partitions = [
        TopicPartition(topic, n) for topic, many in run.topics.items() for n in range(many)
    ]
    reader = AIOKafkaConsumer(
        bootstrap_servers=f"127.0.0.1:{run.state.ports.kafka}", group_id=run.place.name
    )
    await reader.start()
    try:
        reader.assign(partitions)
        ends: Mapping[Partition, int] = await reader.end_offsets(partitions)
        commits = {tp: await reader.committed(tp) for tp in partitions}
    finally:
        await reader.stop()
    return Kafka(ends, commits)
