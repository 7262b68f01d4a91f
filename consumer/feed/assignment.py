"""Which partitions are ours, and how they come and go."""

import asyncio
import logging
from collections.abc import Collection
from contextlib import suppress
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from consumer.batches.breaker import Breaker
from consumer.batches.ingest import Archive
from consumer.batches.positions import Position, resume
from consumer.feed.incarnations import read_topic_ids
from consumer.settings import Settings

log = logging.getLogger(__name__)

KAFKA_TIMEOUT_S: Final = 10.0
REBALANCE_TIMEOUT_S: Final = 60.0
"""Kafka waits for a consumer so long before it gives its partitions away without it."""
HANDOVER_S: Final = REBALANCE_TIMEOUT_S / 2
"""How long batches under way may keep a rebalance waiting; most take a fraction of a second."""


class LostError(Exception):
    """The broker has been silent too long, or an assignment could not be positioned."""


class Assignment(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka is untyped
    """Which partitions are ours, and where each resumes by the ledger."""

    def __init__(
        self, consumer: AIOKafkaConsumer, archive: Archive, settings: Settings, breaker: Breaker
    ) -> None:
        self._consumer = consumer
        self._archive = archive
        self._servers = settings.kafka_bootstrap_servers
        self._breaker = breaker
        self.positions: dict[tuple[str, int], Position] = {}
        self.error: Exception | None = None
        self._under_way = 0
        self._settled = asyncio.Event()
        self._settled.set()

    def begin(self) -> None:
        """Take note that a batch is under way."""
        self._under_way += 1
        self._settled.clear()

    def end(self) -> None:
        """Take note that one is written."""
        self._under_way -= 1
        if not self._under_way:
            self._settled.set()

    async def on_partitions_revoked(self, _revoked: Collection[TopicPartition]) -> None:
        """Wait for what is under way: Kafka gives partitions away when this returns.

        Whoever gets one begins by the ledger. If it came before our last batches it would read them
        again, be refused, and start over, while its partitions lie idle. What is not written in
        time is fetched by it instead, and refused here.
        """
        # From here on what is fetched is dropped, so that there is an end to it.
        self.positions = {}
        with suppress(TimeoutError):
            async with asyncio.timeout(HANDOVER_S):
                await self._settled.wait()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Seek before the first fetch counts. aiokafka only logs what a listener raises: keep it.

        aiokafka fetches while this runs, from where Kafka's commit says; `stream` drops that. So no
        position may be known before its partition was sought: nothing waits between the two.
        """
        try:
            async with asyncio.timeout(3 * KAFKA_TIMEOUT_S):
                begins = await self._consumer.beginning_offsets(assigned)
                ends = await self._consumer.end_offsets(assigned)
                positions = await resume(
                    self._archive.engine,
                    {(tp.topic, tp.partition): offset for tp, offset in begins.items()},
                    {(tp.topic, tp.partition): offset for tp, offset in ends.items()},
                    await read_topic_ids(self._servers, {tp.topic for tp in assigned}),
                )
                await self._breaker.recall(positions)
            for tp in assigned:
                self._consumer.seek(tp, positions[tp.topic, tp.partition].next_offset)
                if (tp.topic, tp.partition) in self._breaker.waiting:
                    self._consumer.pause(tp)
            self.positions = positions
            if assigned:
                places = sorted(f"{tp.topic}/{tp.partition}" for tp in assigned)
                log.info("assigned", extra={"partitions": places})
        except Exception as error:  # raised again by _follow, whatever it is
            self.error = error

    async def check_topics(self) -> None:
        """Raise LostError where a topic was made anew since its partitions were assigned.

        A new one that is longer than our position is fetched on from there, as if nothing were.
        """
        ours = {t: held.incarnation.topic_id for (t, _), held in self.positions.items()}
        if not ours:
            return
        async with asyncio.timeout(KAFKA_TIMEOUT_S):
            theirs = await read_topic_ids(self._servers, ours)
        anew = [
            t for t, topic_id in ours.items() if topic_id and theirs.get(t, topic_id) != topic_id
        ]
        if anew:
            raise LostError(f"made anew: {', '.join(anew)}")
