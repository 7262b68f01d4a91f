"""Whoever bears the name of a consumer that starts leaves its group, and nobody else."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient

from consumer.feed.leftover import client_id_of, dismiss
from dev.produce import produce

BROKER = os.environ.get("MARS_KAFKA_BOOTSTRAP_SERVERS", "")


@asynccontextmanager
async def member(group: str, topic: str, instance: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer that has joined."""
    found = AIOKafkaConsumer(
        topic, bootstrap_servers=BROKER, group_id=group, client_id=client_id_of(instance)
    )
    await found.start()
    try:
        yield found
    finally:
        await found.stop()


async def members(group: str) -> dict[str, str]:
    """The group's members by their client id."""
    admin = AIOKafkaAdminClient(bootstrap_servers=BROKER)
    await admin.start()
    (told,) = await admin.describe_consumer_groups([group])
    await admin.close()
    return {one["client_id"]: one["member_id"] for one in told.to_object()["groups"][0]["members"]}


async def test_only_the_one_of_that_name_leaves() -> None:
    group = f"t{uuid.uuid4().hex[:8]}"
    await asyncio.to_thread(produce, [("0", b"x")], group, partitions=3)
    async with AsyncExitStack() as stack:
        for instance in ("one", "another", ""):
            await stack.enter_async_context(member(group, group, instance))
        before = await members(group)
        assert before.keys() == {"mars-one", "mars-another", "mars"}
        await dismiss(BROKER, group, "one")
        # One that lives hears of it and joins again, as a new member.
        while (now := await members(group)).get("mars-one") in (None, before["mars-one"]):  # noqa: ASYNC110 - Kafka tells nobody
            await asyncio.sleep(0.1)
        assert {name: now[name] for name in ("mars-another", "mars")} == {
            name: before[name] for name in ("mars-another", "mars")
        }


async def test_a_group_that_is_not_there_has_nobody_to_leave() -> None:
    group = f"t{uuid.uuid4().hex[:8]}"
    await dismiss(BROKER, group, "one")
    assert await members(group) == {}
