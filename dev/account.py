"""What became of the packets that were fed: Kafka's offsets against the ledger."""

import asyncio
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from dev import database
from dev.state import State

POSITIONS = "SELECT partition, next_offset FROM position WHERE topic = $1"
REJECTS = """
SELECT partition, position, reason FROM reject
WHERE source = $1 AND batch > $2 ORDER BY partition, position
"""


@dataclass(frozen=True)
class Account:
    """One topic at one moment: how far Kafka is, how far the archive is, and the sums."""

    ends: dict[int, int]
    positions: dict[int, int]
    sums: dict[str, int]
    batch: int

    @property
    def fed(self) -> int:
        return sum(self.ends.values())

    @property
    def taken(self) -> int:
        return sum(self.positions.values())

    @property
    def drained(self) -> bool:
        return all(self.positions.get(part, 0) >= end for part, end in self.ends.items())


def take(state: State, topic: str) -> Account:
    """Read the account of a topic."""
    return asyncio.run(_take(state, topic))


def rejects(state: State, topic: str, after_batch: int) -> list[tuple[int, int, str]]:
    """Return partition, offset and reason of what was rejected since a batch."""
    return asyncio.run(_rejects(state, topic, after_batch))


async def _take(state: State, topic: str) -> Account:
    ends = await _ends(state, topic)
    connection = await database.connect(state)
    try:
        # The ledger and the positions change in one transaction: read them in one.
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            sums = await connection.fetchrow(database.SUMS, topic)
            positions = await connection.fetch(POSITIONS, topic)
            batch = await connection.fetchval("SELECT batch FROM counter")
    finally:
        await connection.close()
    by_part = {row["partition"]: row["next_offset"] for row in positions}
    return Account(ends, by_part, dict(sums or {}), batch or 0)


async def _ends(state: State, topic: str) -> dict[int, int]:
    servers = f"127.0.0.1:{state.ports.kafka}"
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    consumer = AIOKafkaConsumer(bootstrap_servers=servers)
    await admin.start()
    await consumer.start()
    try:
        (found,) = await admin.describe_topics([topic])
        places = [TopicPartition(topic, part["partition"]) for part in found["partitions"]]
        ends = await consumer.end_offsets(places) if places else {}
        return {place.partition: end for place, end in ends.items()}
    finally:
        await consumer.stop()
        await admin.close()


async def _rejects(state: State, topic: str, batch: int) -> list[tuple[int, int, str]]:
    connection = await database.connect(state)
    try:
        return [tuple(row) for row in await connection.fetch(REJECTS, topic, batch)]
    finally:
        await connection.close()
