"""Topics of Kafka: each alert once and in order, for a client that knows nothing of ours."""

import asyncio
import os
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient

from app.alerts.access.archive import open_archive
from app.alerts.asking.numbers import Newest
from app.delivery.published import find_topic
from app.settings import Settings
from app.tokens.kept import make_token, revoke_token
from app.watches.streaming import hits_reader
from app.watches.watches import Watches, open_watches
from dev.produce import create
from tests.app.conftest import fresh_archive, serving
from tests.app.delivery.killing import sending_apart
from tests.app.live.streams import HANGS_S, grow, growing
from tests.app.watches.test_watches import WATCHES, Watching

SERVERS = os.environ.get("MARS_KAFKA_BOOTSTRAP_SERVERS", "")
PARTITIONS = 3


class Reader:
    """A plain consumer, and what it has read of each topic."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self.consumer = consumer
        self.records: dict[str, list[Any]] = {}

    async def until(self, topic: str, number: int) -> list[Any]:
        """All records of a topic, once one has this number or a higher one."""
        async with asyncio.timeout(HANGS_S):
            while number_of(self.records.get(topic, [])[-1:]) < number:
                for place, some in (await self.consumer.getmany(timeout_ms=1000)).items():
                    held = self.records.setdefault(place.topic, [])
                    held += some
                    held.sort(key=lambda one: number_of([one]))
        return self.records[topic]


def number_of(records: list[Any]) -> int:
    return int(dict(records[0].headers)["lco_id"]) if records else 0


@asynccontextmanager
async def reading(*topics: str) -> AsyncIterator[Reader]:
    consumer = AIOKafkaConsumer(
        *topics, bootstrap_servers=SERVERS, auto_offset_reset="earliest", group_id=None
    )
    await consumer.start()
    try:
        yield Reader(consumer)
    finally:
        await consumer.stop()


def object_of(batch: int) -> str:
    return f"ZTF26aaaaaa{'abcdefg'[batch % 7]}"


@pytest.fixture
async def archive() -> AsyncIterator[Settings]:
    """An empty archive, and a name for its topics."""
    async with fresh_archive() as settings:
        told = {"publish_kafka_servers": SERVERS, "publish_prefix": f"t{uuid.uuid4().hex[:8]}."}
        yield settings.model_copy(update={"jobs_run": True, **told})


async def test_each_alert_is_there_once_and_in_order_whoever_is_killed(archive: Settings) -> None:
    chance, kills, batches, each = random.Random(3), 10, 3, 20
    async with serving(archive.model_copy(update={"jobs_run": False})) as client:
        watch = await Watching(client, archive).made({"object_id": object_of(0)})
        own = archive.model_copy(update={"publish_watches": [watch["id"]]})
        every, some = (archive.publish_prefix + n for n in ("alerts", f"watch.{watch['id']}"))
        await create(every, PARTITIONS)
        await create(some, PARTITIONS)
        async with reading(every, some) as reader, growing(own) as take:
            with sending_apart(own):
                first = await begun(take, reader)
            number = first
            for kill in range(kills + 1):
                # At the end two, of which one publishes.
                another = sending_apart(own) if kill == kills else nullcontext()
                with sending_apart(own), another:
                    for n in range(batches):
                        await take(number, each, object_id=object_of(n))
                        number += each
                    if kill < kills:
                        await reader.until(every, number - chance.randrange(each * batches))
                    else:
                        records = await reader.until(every, number)
                        watched = await reader.until(some, number - (batches - 1) * each)
        listed = (await client.get("/api/v1/alerts", params={"sort": "-lco_id"})).json()["items"]
    begins = number_of(records)
    assert begins <= first
    assert [number_of([one]) for one in records] == [*range(begins, number + 1)]
    wanted = [n for n in range(first + 1, number + 1) if (n - first - 1) // each % batches == 0]
    assert [number_of([one]) for one in watched] == wanted
    assert len({one.partition for one in records}) > 1
    for partition in range(PARTITIONS):
        offsets = [one.offset for one in records if one.partition == partition]
        assert offsets == [*range(len(offsets))]
    assert {one.key.decode() for one in watched} == {object_of(0)}
    newest = [orjson.loads(one.value) for one in records[: -len(listed) - 1 : -1]]
    assert [one["candid"] for one in newest] == [one["candid"] for one in listed]
    assert newest[0].keys() == listed[0].keys()


async def begun(take: Callable[..., Awaitable[None]], reader: Reader) -> int:
    """How many alerts there are once a new topic holds the first: it begins where it finds us."""
    number = 0
    async with asyncio.timeout(HANGS_S):
        while not reader.records:
            await take(number, 1, object_id=object_of(1))
            number += 1
            for place, some in (await reader.consumer.getmany(timeout_ms=500)).items():
                reader.records.setdefault(place.topic, []).extend(some)
    return number


async def test_a_reader_of_hits_leaves_out_no_alert_that_it_does_not_see_yet() -> None:
    """Another process has matched what this one's view of the archive does not hold."""
    async with fresh_archive() as settings, serving(settings) as client:
        watch = await Watching(client, settings).made({"object_id": object_of(0)})
        await grow(settings, 0, 3, object_id=object_of(0))
        await grow(settings, 3, 3, object_id=object_of(0))
        async with serving(settings.model_copy(update={"jobs_run": True})) as matching:
            await Watching(matching, settings).matched(watch)
        async with open_archive(settings) as archive, open_watches(settings) as watches:
            assert watches is not None
            read = hits_reader(watches, watch["id"], archive, ("candid",))
            for newest, seen in ((Newest(1, 3), 3), (Newest(2, 6), 6)):
                found = await read(0, newest)
                assert ([row["lco_id"] for row in found.rows], found.reached) == (
                    [*range(1, seen + 1)],
                    seen,
                )


async def test_operators_watches_have_topics_that_are_made(archive: Settings) -> None:
    """That of a good token, while it is good; that of nobody else; all in one partition each."""
    own = archive.model_copy(update={"publish_partitions": 1})
    quiet = own.model_copy(update={"jobs_run": False})
    async with serving(quiet) as client, open_watches(own) as watches:
        assert watches is not None
        tokens = [await make_token(watches.engine, name) for name in ("one", "two")]
        mine, revoked, strangers = [
            (await client.post(WATCHES, params={"object_id": object_of(0)}, headers=headers)).json()
            for headers in (*({"Authorization": f"Bearer {token}"} for token in tokens), {})
        ]
        await revoke_token(watches.engine, "two")
        topics = {one["id"]: f"{own.publish_prefix}watch.{one['id']}" for one in (mine, revoked)}
        async with growing(own) as take:
            await take(0, 3, object_id=object_of(0))
            with sending_apart(own):
                await until_noted(watches, mine["id"])
            async with reading(topics[mine["id"]]) as reader:
                await take(3, 2, object_id=object_of(0))
                with sending_apart(own):
                    records = await reader.until(topics[mine["id"]], 5)
        assert [number_of([one]) for one in records] == [1, 2, 3, 4, 5]
        page = (await client.get(f"/watches/{mine['id']}/")).text
        assert f"the topic <code>{topics[mine['id']]}</code>" in page
        for other in (revoked, strangers):
            assert "Into Kafka" not in (await client.get(f"/watches/{other['id']}/")).text
    admin = AIOKafkaAdminClient(bootstrap_servers=SERVERS)
    await admin.start()
    there = await admin.list_topics()
    await admin.close()
    assert {topics[mine["id"]], f"{own.publish_prefix}alerts"} <= set(there)
    assert topics[revoked["id"]] not in there


async def until_noted(watches: Watches, watch: str) -> Any:
    """What is kept of the topic of a watch, once something is."""
    async with asyncio.timeout(HANGS_S):
        while (found := await find_topic(watches.engine, watch)) is None:  # noqa: ASYNC110 - it is elsewhere
            await asyncio.sleep(0.05)
    return found


async def test_a_topic_that_brokers_refuse_to_make_is_told_of_once(archive: Settings) -> None:
    """The broker makes none with so many partitions. The others go on."""
    own = archive.model_copy(update={"publish_partitions": 20_000})
    quiet = own.model_copy(update={"jobs_run": False})
    every = f"{own.publish_prefix}alerts"
    await create(every, 1)
    async with serving(quiet) as client, open_watches(own) as watches:
        assert watches is not None
        watch = await Watching(client, own).made({"object_id": object_of(0)})
        name = f"{own.publish_prefix}watch.{watch['id']}"
        named = own.model_copy(update={"publish_watches": [watch["id"], "gone" * 8]})
        async with reading(every) as reader, growing(own) as take:
            with sending_apart(named):
                row = await until_noted(watches, watch["id"])
                assert await begun(take, reader)
        refused = f"the brokers have no topic {name}, and do not let it be made (PolicyViolation)"
        assert (row.name, row.error[: len(refused)]) == (name, refused)
        page = (await client.get(f"/watches/{watch['id']}/")).text
        assert f"Not into Kafka: {refused}: the operator can make it." in page
