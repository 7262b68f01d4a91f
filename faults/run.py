"""A fault under way: what is sent, who reads it, how far it is, what was seen."""

import asyncio
import hashlib
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from dev.produce import produce
from dev.state import State
from faults.check import Contents
from faults.consumers import Consumer, Fault
from faults.feed import Feed
from faults.place import Place, Progress
from faults.reading import Tally
from faults.waiting import PATIENCE_S, until

WAITED: Final = "batch must wait"
ANEW: Final = "starting over from the ledger"
"""What a consumer logs where database or store, or the broker, do not answer."""


class Stage(NamedTuple):
    """What all faults of a suite share."""

    state: State
    feed: Feed
    calm: Contents
    seed: int
    folder: Path
    forked: bool
    """Whether consumers are forked off one that has imported everything."""


@dataclass
class Run:
    """A fault under way."""

    stage: Stage
    place: Place
    rng: random.Random
    batch: int
    progress: Progress
    log: Path
    later: AsyncExitStack
    """Closed when its place is gone."""
    partitions: int = 2
    consumers: list[Consumer] = field(default_factory=list)
    topics: dict[str, int] = field(default_factory=dict)
    """Those that were sent to, with their partitions."""
    hits: int = 0
    """Faults that were seen to happen."""
    recoveries: list[float] = field(default_factory=list)
    """Seconds from the end of a fault to the next batch in the ledger."""
    exits: list[float] = field(default_factory=list)
    """Seconds from SIGTERM to the end of the process."""
    tally: Tally = field(default_factory=Tally)
    """What clients of the app were answered meanwhile."""
    settings: dict[str, str] = field(default_factory=dict)
    """Settings of all its consumers."""
    sent: int = 0
    """Packets that are sent so far, or just now."""
    drained: bool = False
    _sendings: int = 0

    @property
    def state(self) -> State:
        return self.stage.state

    @property
    def packets(self) -> int:
        return self.stage.feed.packets

    def moments(self, times: int) -> list[int]:
        """So many numbers of packets in the ledger, at random, in order."""
        return sorted(self.rng.sample(range(1, self.packets * 8 // 10), times))

    async def start(
        self,
        point: str = "",
        instance: str = "one",
        before_midnight: float | None = None,
        **settings: str,
    ) -> Consumer:
        """A consumer, or one that dies at a point, or whose clock is so many seconds before one."""
        log = self.log / f"consumer-{len(self.consumers)}.log"
        program = ["faults.consumer_dying_at", point] if point else ["consumer.__main__"]
        if before_midnight is not None:
            program = ["faults.consumer_before_midnight", str(before_midnight)]
        own = self.place.environment(self.batch) | self.settings | settings
        own["MARS_KAFKA_INSTANCE"] = instance
        consumer = await Consumer.start(program, own, log, self.stage.forked)
        self.consumers.append(consumer)
        return consumer

    async def send(
        self,
        messages: Sequence[bytes],
        topic: str | None = None,
        rate: float | None = None,
        partitions: int | None = None,
    ) -> None:
        """Messages into a topic, that of tonight unless another is named; noted in a file."""
        topic = topic or self.place.topic
        self.topics.setdefault(topic, partitions or self.partitions)
        self._sendings += 1
        digests = (hashlib.sha256(message).digest() for message in messages)
        self.sent += sum(self.stage.feed.expected[digest].packets for digest in digests)
        await asyncio.to_thread(
            produce,
            [(str(n), data) for n, data in enumerate(messages)],
            topic,
            partitions=self.topics[topic],
            rate=rate,
            sent=self.log / f"sent-{self._sendings}.jsonl",
        )

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
        """Wait for the next batch, if anything that was sent is left; note how long it took."""
        received = await self.progress.received()
        if received < self.sent:
            await self.reach(received + 1, *watched, jitter=0)
            first = await self.progress.first_after(began) or datetime.now(UTC)
            self.recoveries.append((first - began).total_seconds())

    def parts(self, times: int) -> list[Sequence[bytes]]:
        """The feed in one part more than there are faults, sent one after the other.

        So each fault finds something to do, however fast the consumer is.
        """
        messages = self.stage.feed.messages
        ends = [len(messages) * n // (times + 1) for n in range(times + 2)]
        return [messages[first:after] for first, after in pairwise(ends)]

    async def reach_amid(self, part: Sequence[bytes], *watched: Consumer) -> None:
        """Send a part once all before is in the ledger; wait until a little of it is there too."""
        before = self.sent
        await self.reach(before, *watched, jitter=0)
        await self.send(part)
        amid = self.rng.randint(0, (self.sent - before) // 4)
        await self.reach(before + amid, *watched, jitter=0)

    async def drain(self) -> None:
        """Let consumers that still run, or one more, read to the end, and stop them in peace."""
        if self.drained:
            return
        running = [c for c in self.consumers if c.runs] or [await self.start()]
        await self.reach(self.packets, *running, jitter=0)
        for consumer in running:
            await self.terminate(consumer)
        self.drained = True

    async def terminate(self, consumer: Consumer) -> None:
        self.exits.append(await consumer.terminate())

    def events(self, consumers: Sequence[Consumer] | None = None) -> Counter[str]:
        """What the consumers logged, all together."""
        counts: Counter[str] = Counter()
        for consumer in self.consumers if consumers is None else consumers:
            counts += consumer.events()
        return counts

    async def waits(self, since: Counter[str]) -> None:
        """Return once a consumer has said that a batch has to wait."""

        async def said() -> bool:
            return self.events()[WAITED] > since[WAITED]

        await until(said, WAITED)

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
    feed: Callable[[int, int], Feed] | None = None
    """Makes a feed of its own of a number of messages and a seed."""
    in_parts: bool = False
    """The feed is sent part by part by the fault itself, a part for each time; it is shorter."""
