"""Alerts as they come, and those of some watches, into Kafka: one process does it at a time.

No position is kept anywhere but in the topics themselves (topics.py).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError
from prometheus_client import Counter
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.access.archive import Archive
from app.delivery.topics import Place, find_place, record_of, send_slice
from app.errors import DATABASE_ERRORS, QueryTooCostly
from app.live.events import Read, Write, reader_of
from app.live.tail import Tail
from app.search.search import Search
from app.settings import Settings
from app.watches.streaming import hits_reader
from app.watches.watches import Watches
from archive.database import make_engine

log = logging.getLogger(__name__)
ALERTS: Final = "alerts"
OF_WATCH: Final = "watch."
_LOCK: Final = 7_062_022
_PAUSE_S: Final = 5.0
_LOOK_S: Final = 1.0
_LONGEST: Final = 4_000_000
"""Bytes of a record: more than an alert's JSON ever has."""


class Topic(NamedTuple):
    """A topic and what goes into it."""

    name: str
    read: Read
    begins: int | None
    """The number after which one begins that holds nothing; None: now."""


class Publisher:
    """Continues topics, as long as it holds the lock in the database."""

    def __init__(
        self, settings: Settings, topics: Sequence[Topic], tail: Tail, write: Write, sent: Counter
    ) -> None:
        self._settings, self._topics, self._tail = settings, topics, tail
        self._write, self._sent = write, sent

    async def run(self) -> None:
        """Publish until the process ends; what fails begins anew from what the topics hold."""
        while not self._tail.is_over:
            try:
                await self._publish()
                await asyncio.sleep(_LOOK_S)
            except (KafkaError, QueryTooCostly, *DATABASE_ERRORS) as error:
                log.warning("topics wait", extra={"error": repr(error)})
                await asyncio.sleep(_PAUSE_S)
            except Exception as error:  # whatever it is: topics must go on
                log.error("topics interrupted", exc_info=error)
                await asyncio.sleep(_PAUSE_S)

    async def _publish(self) -> None:
        own = self._settings.model_copy(update={"database_url": self._settings.app_database_url})
        engine = make_engine(own, "app-topics", pool_size=1)
        try:
            async with engine.connect() as opened:
                connection = await opened.execution_options(isolation_level="AUTOCOMMIT")
                if await connection.scalar(select(func.pg_try_advisory_lock(_LOCK))):
                    await self._publish_alone(connection)
        finally:
            # The lock goes with the connection.
            await engine.dispose()

    async def _publish_alone(self, connection: AsyncConnection) -> None:
        servers = self._settings.publish_kafka_servers
        producer = AIOKafkaProducer(
            bootstrap_servers=servers, enable_idempotence=True, max_request_size=_LONGEST
        )
        await producer.start()
        try:
            places = await self._find_places(producer)
            while places and not self._tail.is_over:
                # Who lost the connection has lost the lock.
                await connection.execute(select(1))
                moved = [await self._continue(producer, topic, places) for topic in places]
                if not any(moved):
                    await asyncio.sleep(_LOOK_S)
        finally:
            await producer.stop()

    async def _find_places(self, producer: AIOKafkaProducer) -> dict[Topic, Place]:
        """How far each topic is; one that the brokers do not have is left out."""
        servers, places = self._settings.publish_kafka_servers, dict[Topic, Place]()
        for topic in self._topics:
            try:
                partitions = sorted(await producer.partitions_for(topic.name))
            except UnknownTopicOrPartitionError:
                log.warning("no such topic", extra={"topic": topic.name})
                continue
            place = await find_place(servers, topic.name, partitions)
            if place is None:
                begins = (await self._tail.look()).number if topic.begins is None else topic.begins
                place = Place(begins, dict.fromkeys(partitions, 0))
            places[topic] = place
        return places

    async def _continue(
        self, producer: AIOKafkaProducer, topic: Topic, places: dict[Topic, Place]
    ) -> bool:
        """Send the next slice of a topic; False if there is none."""
        place, newest = places[topic], await self._tail.look()
        if newest.number <= place.since:
            return False
        found = await topic.read(place.since, newest)
        if found.reached <= place.since:
            return False
        pairs = zip(found.rows, self._write(found.rows), strict=True)
        records = [record_of(row, item) for row, item in pairs]
        places[topic] = await send_slice(producer, topic.name, place, records, found.reached)
        self._sent.labels(topic.name).inc(len(records))
        return True


def topics_of(settings: Settings, watches: Watches | None, archive: Archive) -> list[Topic]:
    """The topics that settings ask for; none without brokers."""
    if not settings.publish_kafka_servers or watches is None:
        return []
    prefix = settings.publish_prefix
    topics = [Topic(prefix + ALERTS, reader_of(archive, Search()), None)]
    for watch in settings.publish_watches:
        read = hits_reader(watches, watch, archive, ())
        topics.append(Topic(prefix + OF_WATCH + watch, read, 0))
    return topics


@asynccontextmanager
async def publishing(
    settings: Settings, topics: Sequence[Topic], tail: Tail, write: Write, sent: Counter
) -> AsyncIterator[None]:
    """Publish in the background, if there are topics and this process also runs jobs.

    `write` makes JSON of rows, as lists have it.
    """
    if not topics or not settings.jobs_run:
        yield
        return
    task = asyncio.create_task(Publisher(settings, topics, tail, write, sent).run())
    try:
        yield
    finally:
        # What is under way is looked for in the topics by the next process.
        task.cancel()
        await asyncio.wait({task})
