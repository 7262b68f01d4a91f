"""Messages into a Kafka topic, one a packet, byte for byte, and a record of what was sent."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from collections import deque
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, TextIO

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, TopicAlreadyExistsError, for_code

from dev.simulator import tonight

SERVERS_VARIABLE: Final = "MARS_KAFKA_BOOTSTRAP_SERVERS"
LARGEST_MESSAGE: Final = 10 * 2**20
BATCH_BYTES: Final = 2**20
LINGER_MS: Final = 5
MOST_UNDERWAY: Final = 1000

Message = tuple[str, bytes]
"""The name of a packet's file, and its bytes."""


def topic_of_tonight() -> str:
    """ZTF's name for the public alerts of the night that goes on."""
    return f"ztf_{tonight():%Y%m%d}_programid1"


def servers() -> str:
    """The brokers to speak to first, from the environment."""
    try:
        return os.environ[SERVERS_VARIABLE]
    except KeyError:
        raise SystemExit(f"{SERVERS_VARIABLE} is not set: which broker? (host:port)") from None


def produce(
    messages: Iterable[Message],
    topic: str,
    *,
    partitions: int = 1,
    rate: float | None = None,
    sent: Path | None = None,
) -> int:
    """Send every message, at most `rate` a second, and return how many the brokers hold now.

    The topic is created if it is not there. `sent` gets a line of JSON for each message.
    """
    with ExitStack() as stack:
        record = stack.enter_context(sent.open("w")) if sent else None
        try:
            return asyncio.run(_produce(messages, topic, partitions, rate, record))
        except KafkaConnectionError as error:
            raise SystemExit(f"no broker answers at {servers()}: {error}") from None


async def _produce(
    messages: Iterable[Message],
    topic: str,
    partitions: int,
    rate: float | None,
    record: TextIO | None,
) -> int:
    await create(topic, partitions)
    producer = AIOKafkaProducer(
        bootstrap_servers=servers(),
        acks="all",
        linger_ms=LINGER_MS,
        max_batch_size=BATCH_BYTES,
        max_request_size=LARGEST_MESSAGE,
    )
    await producer.start()
    count, underway = 0, deque[tuple[Message, Any]]()
    start = time.monotonic()
    try:
        for message in messages:
            if rate:
                await asyncio.sleep(max(start + count / rate - time.monotonic(), 0))
            underway.append((message, await producer.send(topic, message[1])))
            count += 1
            await asyncio.sleep(0)  # the producer's own task gets its turn
            while underway and (underway[0][1].done() or len(underway) > MOST_UNDERWAY):
                await _note(*underway.popleft(), record)
        await producer.flush()
        while underway:
            await _note(*underway.popleft(), record)
    finally:
        await producer.stop()
    return count


async def _note(message: Message, delivery: Any, record: TextIO | None) -> None:
    """Wait until the brokers have the message; write down where."""
    place = await delivery
    if record is None:
        return
    name, content = message
    line = {
        "topic": place.topic,
        "partition": place.partition,
        "offset": place.offset,
        "sha256": hashlib.sha256(content).hexdigest(),
        "name": name,
    }
    stem = Path(name).stem
    print(json.dumps(line | ({"candid": stem} if stem.isdecimal() else {})), file=record)


async def create(topic: str, partitions: int, **settings: str) -> None:
    """Create the topic, with settings of its own; one that exists stays as it is."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers())
    await admin.start()
    try:
        answer = await admin.create_topics(
            [NewTopic(topic, partitions, replication_factor=1, topic_configs=settings)]
        )
        for _, code, *reason in answer.topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                raise error(*reason)
    finally:
        await admin.close()
