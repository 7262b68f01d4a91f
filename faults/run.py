"""One fault on an archive of its own: feed, break, drain, check."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from consumer.batches.ingest import Batch, ingest
from consumer.batches.sorting import Raw
from consumer.checks.verify import verify
from dev.produce import produce
from dev.state import State
from faults.check import Contents, Kafka, Sent, Verdict, check
from faults.consumers import Consumer, Fault
from faults.feed import Feed, read_sent
from faults.place import Place, Progress, new_place, opened
from faults.reading import Tally
from tests.consumer.archives import contents

PATIENCE_S: Final = 120.0
"""The longest that the ledger may stand still while there is something to read."""


class Stage(NamedTuple):
    """What all faults of a suite share."""

    state: State
    feed: Feed
    calm: Contents
    seed: int
    folder: Path


@dataclass
class Run:
    """A fault under way."""

    stage: Stage
    place: Place
    rng: random.Random
    batch: int
    progress: Progress
    log: Path
    consumers: list[Consumer] = field(default_factory=list)
    hits: int = 0
    """Faults that were seen to happen."""
    recoveries: list[float] = field(default_factory=list)
    """Seconds from the end of a fault to the next batch in the ledger."""
    exits: list[float] = field(default_factory=list)
    """Seconds from SIGTERM to the end of the process."""
    tally: Tally = field(default_factory=Tally)
    """What clients of the app were answered meanwhile."""

    @property
    def state(self) -> State:
        return self.stage.state

    @property
    def packets(self) -> int:
        return self.stage.feed.packets

    def moments(self, times: int) -> list[int]:
        """So many numbers of packets in the ledger, at random, in order."""
        return sorted(self.rng.sample(range(1, self.packets * 8 // 10), times))

    async def start(self, point: str = "", instance: str = "one") -> Consumer:
        log = self.log / f"consumer-{len(self.consumers)}.log"
        consumer = await Consumer.start(self.place, log, self.batch, point, instance)
        self.consumers.append(consumer)
        return consumer

    async def reach(self, received: int, *watched: Consumer, jitter: float = 0.1) -> int:
        """Wait until the ledger holds so many packets, and then a random moment."""
        last, moved = -1, time.monotonic()
        while (now := await self.progress.received()) < received:
            if now != last:
                last, moved = now, time.monotonic()
            if time.monotonic() - moved > PATIENCE_S:
                raise Fault(f"the ledger stood still at {now} of {received} packets")
            for consumer in watched:
                consumer.check()
            await asyncio.sleep(0.02)
        await asyncio.sleep(self.rng.uniform(0, jitter))
        return now

    async def recover(self, *watched: Consumer, began: datetime) -> None:
        """Wait for the next batch, if there is anything left, and note how long it took."""
        received = await self.progress.received()
        if received < self.packets:
            await self.reach(received + 1, *watched, jitter=0)
            first = await self.progress.first_after(began) or datetime.now(UTC)
            self.recoveries.append((first - began).total_seconds())

    async def terminate(self, consumer: Consumer) -> None:
        self.exits.append(await consumer.terminate())

    def events(self, consumers: Sequence[Consumer] | None = None) -> Counter[str]:
        """What the consumers logged, all together."""
        counts: Counter[str] = Counter()
        for consumer in self.consumers if consumers is None else consumers:
            counts += consumer.events()
        return counts

    def seen(self, *messages: str, since: Counter[str]) -> None:
        """Count a fault as one that happened: the consumers logged one of the messages since."""
        now = self.events()
        if all(now[message] <= since[message] for message in messages):
            raise Fault(f"no sign of the fault: nobody logged {' or '.join(messages)}")
        self.hits += 1


class Kind(NamedTuple):
    """A kind of fault."""

    name: str
    inject: Callable[[Run, int], Awaitable[None]]
    times: int
    partitions: int = 2
    batch: int = 16
    seconds: float = 0.0
    """Over how long the feed is spread; 0: all is there from the beginning."""
    servers: int = 1
    """Servers that are broken so many times each."""
    breaks_servers: bool = False
    """So nothing else can run beside it."""


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
        return self.error is None and self.hits >= self.times and self.verdict.sound


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
    async with _started(stage, kind) as run, asyncio.TaskGroup() as group:
        sending = group.create_task(_send(run, kind))
        if not kind.seconds:
            await sending
        error, verdict = None, Verdict()
        try:
            await kind.inject(run, times)
            await sending
            await _drain(run)
            verdict = await _verdict(run, kind)
        except (Fault, TimeoutError) as fault:
            error = f"{type(fault).__name__}: {fault}"
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


@asynccontextmanager
async def _started(stage: Stage, kind: Kind) -> AsyncIterator[Run]:
    log = stage.folder / kind.name.replace(" ", "-")
    log.mkdir(parents=True, exist_ok=True)
    async with new_place(stage.state) as place:
        rng = random.Random(f"{stage.seed} {kind.name}")
        run = Run(stage, place, rng, kind.batch, Progress(place), log)
        try:
            yield run
        finally:
            for consumer in run.consumers:
                await consumer.end()
            await run.progress.close()


async def _send(run: Run, kind: Kind) -> None:
    messages = run.stage.feed.messages
    await asyncio.to_thread(
        produce,
        [(str(n), data) for n, data in enumerate(messages)],
        run.place.topic,
        partitions=kind.partitions,
        rate=len(messages) / kind.seconds if kind.seconds else None,
        sent=run.log / "sent.jsonl",
    )


async def _drain(run: Run) -> None:
    """Let consumers that still run, or one more, read to the end, and stop them in peace."""
    running = [c for c in run.consumers if c.runs] or [await run.start()]
    await run.reach(run.packets, *running, jitter=0)
    for consumer in running:
        await run.terminate(consumer)


async def _verdict(run: Run, kind: Kind) -> Verdict:
    async with opened(run.place) as archive:
        sent = Sent(run.place.topic, read_sent(run.log / "sent.jsonl"), run.stage.feed.expected)
        verdict = await check(archive, sent, await _kafka(run, kind), run.stage.calm)
        verified = await verify(archive)
    verdict.complaints += [f"verify: {one}" for one in (*verified.faults, *verified.unknown)]
    return verdict


async def _kafka(run: Run, kind: Kind) -> Kafka:
    partitions = [TopicPartition(run.place.topic, n) for n in range(kind.partitions)]
    reader = AIOKafkaConsumer(
        bootstrap_servers=f"127.0.0.1:{run.state.ports.kafka}", group_id=run.place.name
    )
    await reader.start()
    try:
        reader.assign(partitions)
        ends = await reader.end_offsets(partitions)
        commits = {tp.partition: await reader.committed(tp) for tp in partitions}
    finally:
        await reader.stop()
    return Kafka({tp.partition: end for tp, end in ends.items()}, commits)
