"""A topic of Kafka as the archive continues it: what is in it tells where it goes on.

A slice of alerts is sent, and the next one only when the brokers have all of it. Each record says
at which number its slice began. So what is missing after a kill lies in the slice of the newest
record and, of each partition, behind its own last record.
"""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    NoError,
    TopicAlreadyExistsError,
    for_code,
)
from aiokafka.partitioner import DefaultPartitioner

from app.answers.bodies import print_to_keep

NUMBER: Final = "lco_id"
"""Header of a record: the number of its alert."""
BEGAN: Final = "after"
"""Header: the number after which its slice began."""
_READ_S: Final = 30.0
_MOST_COPIES: Final = 3
"""Brokers that have each record, where there are so many."""
_PARTITION: Final = DefaultPartitioner()


class Place(NamedTuple):
    """How far a topic is."""

    since: int
    """All up to this number is in it."""
    last: dict[int, int]
    """Partition -> the number of its last record, 0 if it has none."""


class Record(NamedTuple):
    """What is sent of an alert."""

    number: int
    key: bytes
    value: bytes


async def make_missing(servers: str, topics: Collection[str], count: int) -> dict[str, str]:
    """Make those of some topics that are not there, with so many partitions.

    Returns why the brokers refuse to, by name, as users are told it. Raises KafkaError.
    """
    # A producer asks 40 s for a topic that is not there, and all other topics would wait for it.
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        missing = sorted({*topics} - {*await admin.list_topics()})
        if not missing:
            return {}
        copies = min(len((await admin.describe_cluster())["brokers"]), _MOST_COPIES)
        made = await admin.create_topics([NewTopic(name, count, copies) for name in missing])
    finally:
        await admin.close()
    errors = {name: for_code(code) for name, code, *_ in made.topic_errors}
    return {
        name: f"the brokers have no topic {name}, and do not let it be made "
        f"({error.__name__.removesuffix('Error')}): the operator can make it"
        for name, error in errors.items()
        if error not in (NoError, TopicAlreadyExistsError)
    }


async def find_place(servers: str, topic: str, partitions: Sequence[int]) -> Place | None:
    """How far a topic is, by the last record of each partition; None if it holds nothing."""
    places = [TopicPartition(topic, number) for number in partitions]
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(places)
        first, end = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        held = [place for place in places if end[place] > first[place]]
        for place in places:
            consumer.seek(place, max(first[place], end[place] - 1))
        async with asyncio.timeout(_READ_S):
            found = [await consumer.getone(place) for place in held]
    finally:
        await consumer.stop()
    headers = {record.partition: dict(record.headers) for record in found}
    told = {n: (int(held[NUMBER]), int(held[BEGAN])) for n, held in headers.items()}
    return place_behind(told, partitions) if told else None


def place_behind(told: Mapping[int, tuple[int, int]], partitions: Sequence[int]) -> Place:
    """The place behind the last record of each partition that has one: its number, its slice's."""
    _, since = max(told.values())
    return Place(since, {n: told[n][0] if n in told else 0 for n in partitions})


async def send_slice(
    producer: AIOKafkaProducer, topic: str, place: Place, records: Sequence[Record], reached: int
) -> Place:
    """Send what follows a place, up to a number; the place behind it. Raises KafkaError.

    Returns once the brokers have all of it. What a partition has already is left out.
    """
    last, underway = dict(place.last), []
    for partition, record in find_missing(place, records):
        last[partition] = record.number
        headers = [
            (NUMBER, str(record.number).encode()),
            (BEGAN, str(place.since).encode()),
        ]
        sent: Any = await producer.send(
            topic, record.value, key=record.key, partition=partition, headers=headers
        )
        underway.append(sent)
    await asyncio.gather(*underway)
    return Place(reached, last)


def find_missing(place: Place, records: Iterable[Record]) -> Iterator[tuple[int, Record]]:
    """Those of a slice that their partitions do not have, with the partition of each."""
    partitions = sorted(place.last)
    for record in records:
        partition = _PARTITION(record.key, partitions, partitions)
        if record.number > place.last[partition]:
            yield partition, record


def record_of(row: Any, item: Any) -> Record:
    """The record of an alert, from its row and from what its JSON is made of."""
    return Record(row["lco_id"], row["object_id"].encode(), print_to_keep(item))
