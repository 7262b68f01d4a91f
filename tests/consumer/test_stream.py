"""`python -m consumer stream` on the real broker: new nights, kill -9, SIGTERM, a remade topic."""

import asyncio
import os
import random
import signal
import socket
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from archive.tables import held, ledger, position, reject
from consumer.batches.ingest import Archive, Batch, ingest
from consumer.batches.sorting import Raw
from consumer.checks.verify import verify
from dev.produce import produce
from dev.simulator import simulate
from tests.conftest import Place, new_place, opened
from tests.consumer.archives import contents, rows_of, summed, sums
from tests.consumer.commands import at_least, consumer, start, until
from tests.packets import packet
from tests.programs import Piped

BROKER = os.environ.get("MARS_KAFKA_BOOTSTRAP_SERVERS", "")
FIRST = 3613372962515010000


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Feed:
    """Topics of one test's own, and the settings by which a consumer finds them."""

    def __init__(self) -> None:
        self.prefix = f"t{uuid.uuid4().hex[:8]}"
        self.settings = {
            "MARS_KAFKA_TOPIC": self.prefix + "_{night}_programid1",
            "MARS_KAFKA_GROUP": self.prefix,
            # One after another: each takes over at once from the one before.
            "MARS_KAFKA_INSTANCE": "one",
            "MARS_BATCH_MESSAGES": 16,
        }

    def topic(self, days_ago: int = 0) -> str:
        night = datetime.now(UTC) - timedelta(days=days_ago)
        return f"{self.prefix}_{night:%Y%m%d}_programid1"

    async def send(self, messages: Sequence[bytes], days_ago: int = 0) -> None:
        named = [(str(n), data) for n, data in enumerate(messages)]
        await asyncio.to_thread(produce, named, self.topic(days_ago))

    async def committed(self, days_ago: int = 0) -> tuple[int | None, int]:
        """Kafka's own commit of our group, and the end of the topic."""
        partition = TopicPartition(self.topic(days_ago), 0)
        kafka = AIOKafkaConsumer(bootstrap_servers=BROKER, group_id=self.prefix)
        await kafka.start()
        kafka.assign([partition])
        ends = await kafka.end_offsets([partition])
        at = await kafka.committed(partition)
        await kafka.stop()
        return at, ends[partition]


@asynccontextmanager
async def following(place: Place, feed: Feed, **more: object) -> AsyncIterator[Piped]:
    process = await start(place, "stream", **{**feed.settings, **more})
    drain = asyncio.create_task(_drained(process))
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await drain


async def _drained(process: Piped) -> None:
    """A full pipe would stop the consumer; nobody reads its standard output."""
    while await process.stdout.read(1 << 16):
        continue


def answers(port: int) -> Callable[[], Coroutine[Any, Any, bool]]:
    async def answered() -> bool:
        try:
            async with httpx.AsyncClient() as client:
                return (await client.get(f"http://127.0.0.1:{port}/metrics")).is_success
        except httpx.TransportError:
            return False

    return answered


async def test_new_nights_are_found_and_sigterm_drains(archive: Archive, place: Place) -> None:
    """The start finds no topic at all; then there is one; then another beside it."""
    feed = Feed()
    port = free_port()
    async with following(place, feed, MARS_METRICS_PORT=port) as process:
        await until(answers(port), process)
        await feed.send([packet(candid=FIRST + n) for n in range(3)], days_ago=1)
        await until(at_least(archive, 3), process)
        await feed.send([packet(candid=FIRST + 10), b"damaged"])
        await until(at_least(archive, 5), process)
        async with httpx.AsyncClient() as client:
            told = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
            assert (await client.get(f"http://127.0.0.1:{port}/healthz")).is_success
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 60) == 0
    assert 'mars_packets_total{kind="stream",outcome="stored"} 4.0' in told
    assert 'mars_packets_total{kind="stream",outcome="rejected"} 1.0' in told
    for name in ("mars_lag_messages{", "mars_batch_seconds_sum", "mars_fetch_age_seconds "):
        assert name in told
    nights = {f"{row.night:%Y%m%d}" for row in await rows_of(archive, ledger)}
    assert nights == {feed.topic(days)[-19:-11] for days in (0, 1)}
    assert [await feed.committed(days) for days in (0, 1)] == [(2, 2), (3, 3)]
    (bad,) = await rows_of(archive, reject)
    assert (bad.source, bad.position, bad.name) == (feed.topic(), 1, "")


def night(seed: int) -> list[bytes]:
    """A feed with everything in it: alerts, repeats, damage, private packets, in no order."""
    rng = random.Random(seed)
    sound = [p.message for p in simulate(300, seed)]
    feed = sound + rng.sample(sound, 20) + [m[:-9] for m in rng.sample(sound, 10)]
    feed += [packet(candid=FIRST + n, programid=2) for n in range(5)]
    rng.shuffle(feed)
    return feed


async def test_killed_in_the_middle_of_a_feed_it_ends_in_the_same_rows(
    archive: Archive, place: Place, template: str
) -> None:
    """And it goes on as soon as it is there again, although its session has long to live."""
    feed, messages, session_s = Feed(), night(7), 300
    named = {"MARS_KAFKA_INSTANCE": "%h", "MARS_KAFKA_SESSION_S": session_s}
    await feed.send(messages)
    async with following(place, feed, **named) as process:
        await until(at_least(archive, 60), process)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    killed = time.monotonic()
    at_the_kill = await sums(archive)
    assert at_the_kill["received"] < len(messages)
    async with following(place, feed, **named) as process:
        await until(at_least(archive, at_the_kill["received"] + 1), process)
        assert time.monotonic() - killed < session_s
        await until(at_least(archive, len(messages)), process)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 60) == 0
    assert await sums(archive) == summed(
        received=335, stored=300, duplicate=20, private=5, rejected=10
    )
    assert (await verify(archive))[1] == []
    assert await feed.committed() == (335, 335)
    (at,) = await rows_of(archive, position)
    assert at.next_offset == 335
    async with new_place(template) as calm, opened(calm) as undisturbed:
        raws = [
            Raw(feed.topic(), 0, n, "", datetime.now(UTC).date(), data)
            for n, data in enumerate(messages)
        ]
        await ingest(undisturbed, "stream", Batch(raws))
        assert await contents(undisturbed) == await contents(archive)


async def remake(feed: Feed, messages: Sequence[bytes], days_ago: int = 0) -> None:
    """Delete a topic, and make it again with these messages."""
    topic = feed.topic(days_ago)
    admin = AIOKafkaAdminClient(bootstrap_servers=BROKER)
    await admin.start()
    await admin.delete_topics([topic])
    while topic in await admin.list_topics():  # noqa: ASYNC110 - Kafka tells nobody
        await asyncio.sleep(0.05)
    await admin.close()
    await feed.send(messages, days_ago)


REMADE = ((5, 2), (3, 7), (5, 5))
"""Of each topic, how many messages it holds before and after."""


async def test_topics_made_anew_are_read_from_their_beginning(
    archive: Archive, place: Place
) -> None:
    """Only Kafka's id of one tells where it holds as many messages as were read, or more."""
    feed = Feed()
    for days, (before, _) in enumerate(REMADE):
        await feed.send([packet(candid=FIRST + 100 * days + n) for n in range(before)], days)
    old, new = (sum(counts) for counts in zip(*REMADE, strict=True))
    async with following(place, feed) as process:
        await until(at_least(archive, old), process)
    for days, (_, after) in enumerate(REMADE):
        first = FIRST + 100 * days + 20
        await remake(feed, [packet(candid=first + n) for n in range(after)], days)
    async with following(place, feed) as process:
        await until(at_least(archive, old + new), process)
    assert await sums(archive) == summed(received=old + new, stored=old + new)
    found = {at.topic: (at.incarnation, at.next_offset) for at in await rows_of(archive, position)}
    assert found == {feed.topic(days): (2, after) for days, (_, after) in enumerate(REMADE)}


async def test_a_topic_made_anew_under_a_running_consumer(archive: Archive, place: Place) -> None:
    feed = Feed()
    await feed.send([packet(candid=FIRST + n) for n in range(3)])
    async with following(place, feed) as process:
        await until(at_least(archive, 3), process)
        await remake(feed, [packet(candid=FIRST + 20 + n) for n in range(7)])
        # What lay beyond the old position may have been read before the new id was seen.
        await until(at_least(archive, 10), process)
        await until(stored(archive, 10), process)
    (at,) = await rows_of(archive, position)
    assert (at.incarnation, at.next_offset) == (2, 7)


def stored(archive: Archive, alerts: int) -> Callable[[], Coroutine[Any, Any, bool]]:
    async def reached() -> bool:
        return (await sums(archive))["stored"] == alerts

    return reached


async def send_nothing(feed: Feed) -> None:
    """A tombstone and a message of no bytes."""
    producer = AIOKafkaProducer(bootstrap_servers=BROKER)
    await producer.start()
    await producer.send_and_wait(feed.topic(), None, key=b"gone")
    await producer.send_and_wait(feed.topic(), b"")
    await producer.stop()


async def test_messages_without_bytes_hold_nothing_up(archive: Archive, place: Place) -> None:
    feed = Feed()
    await feed.send([packet(candid=FIRST)])
    await send_nothing(feed)
    async with following(place, feed, MARS_BATCH_MESSAGES=1) as process:
        await until(at_least(archive, 3), process)
        await feed.send([packet(candid=FIRST + 1)])
        await until(at_least(archive, 4), process)
    assert await sums(archive) == summed(received=4, stored=2, duplicate=1, rejected=1)
    (bad,) = await rows_of(archive, reject)
    assert (bad.reason, bad.bundle) == ("an empty message", None)


async def test_a_new_schema_holds_its_topic_alone_until_it_is_released(
    archive: Archive, place: Place
) -> None:
    """A night whose packets are all refused waits, and with it nothing else."""
    feed = Feed()
    await feed.send([packet(candid=FIRST + n) for n in range(3)])
    await feed.send([packet(candid=FIRST + 100 + n, jd=float(n)) for n in range(30)])
    async with following(place, feed, MARS_REFUSALS_IN_A_ROW=10) as process:
        await until(waits(archive), process)
        await until(at_least(archive, 12), process)
        assert await sums(archive) == summed(received=12, stored=3, rejected=9)
        await feed.send([packet(candid=FIRST + 50)], days_ago=1)
        await until(stored(archive, 4), process)
        assert (await sums(archive))["rejected"] == 9
        told = await consumer(place, "release")
        assert "1 partitions released" in told
        assert "candidate.jd = … is not in" in told
        await until(at_least(archive, 34), process)
    assert await sums(archive) == summed(received=34, stored=4, rejected=30)


def waits(archive: Archive) -> Callable[[], Coroutine[Any, Any, bool]]:
    async def reached() -> bool:
        return bool(await rows_of(archive, held))

    return reached
