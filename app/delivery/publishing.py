"""Alerts as they come, and those of some watches, into Kafka: one process does it at a time.

No position is kept anywhere but in the topics themselves (topics.py). Which watches have a topic is
asked again and again, as operators' watches come and go (published.py).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from prometheus_client import Counter
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.access.archive import Archive
from app.delivery.published import find_published, note_topics
from app.delivery.topics import (
    Place,
    find_place,
    make_missing,
    record_of,
    send_slice,
)
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
_ANEW_S: Final = 10.0
"""Time after which watches that are to be published are looked for again."""
_LONGEST: Final = 4_000_000
"""Bytes of a record: more than an alert's JSON ever has."""


class Topic(NamedTuple):
    """A topic and what goes into it."""

    name: str
    read: Read
    watch: str | None = None
    """Whose alerts; None: all that come from now on."""


@dataclass(slots=True, kw_only=True)
class Publisher:
    """Continues topics, as long as it holds the lock in the database."""

    settings: Settings
    watches: Watches
    archive: Archive
    tail: Tail
    write: Write
    sent: Counter
    refused: Mapping[str, str] = field(default_factory=dict)
    """Why topics cannot be continued, by name, as it was last told."""

    async def run(self) -> None:
        """Publish until the process ends; what fails begins anew from what the topics hold."""
        while not self.tail.is_over:
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
        own = self.settings.model_copy(update={"database_url": self.settings.app_database_url})
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
        servers = self.settings.publish_kafka_servers
        producer = AIOKafkaProducer(
            bootstrap_servers=servers, enable_idempotence=True, max_request_size=_LONGEST
        )
        try:
            await producer.start()
            clock, places = asyncio.get_running_loop().time, dict[str, Place]()
            topics, due = list[Topic](), clock()
            while not self.tail.is_over:
                # Who lost the connection has lost the lock.
                await connection.execute(select(1))
                if clock() >= due:
                    topics = await self._open_topics(producer, places)
                    due = clock() + _ANEW_S
                moved = [await self._continue(producer, topic, places) for topic in topics]
                if not any(moved):
                    await asyncio.sleep(_LOOK_S)
        finally:
            await producer.stop()

    async def _open_topics(
        self, producer: AIOKafkaProducer, places: dict[str, Place]
    ) -> list[Topic]:
        """The topics that can be continued; `places` get those that are new."""
        wanted, refused = await self._find_topics(), dict[str, str]()
        if new := [topic for topic in wanted if topic.name not in places]:
            servers, most = self.settings.publish_kafka_servers, self.settings.publish_partitions
            refused = await make_missing(servers, [topic.name for topic in new], most)
        for topic in new:
            if topic.name not in refused:
                places[topic.name] = await self._open_topic(producer, topic)
        for name, reason in refused.items():
            if self.refused.get(name) != reason:
                log.warning(reason, extra={"topic": name})
        self.refused = refused
        told = {topic.watch: topic.name for topic in wanted if topic.watch is not None}
        await note_topics(self.watches.engine, told, refused)
        return [topic for topic in wanted if topic.name not in refused]

    async def _open_topic(self, producer: AIOKafkaProducer, topic: Topic) -> Place:
        """How far a topic is."""
        partitions = sorted(await producer.partitions_for(topic.name))
        place = await find_place(self.settings.publish_kafka_servers, topic.name, partitions)
        if place is None:
            begins = (await self.tail.look()).number if topic.watch is None else 0
            place = Place(begins, dict.fromkeys(partitions, 0))
        return place

    async def _find_topics(self) -> list[Topic]:
        """All alerts, and those of operators' watches and of the watches that settings name."""
        prefix = self.settings.publish_prefix
        topics = [Topic(prefix + ALERTS, reader_of(self.archive, Search()))]
        for watch in await find_published(self.watches.engine, self.settings.publish_watches):
            read = hits_reader(self.watches, watch, self.archive, ())
            topics.append(Topic(prefix + OF_WATCH + watch, read, watch))
        return topics

    async def _continue(
        self, producer: AIOKafkaProducer, topic: Topic, places: dict[str, Place]
    ) -> bool:
        """Send the next slice of a topic; False if there is none."""
        place, newest = places[topic.name], await self.tail.look()
        if newest.number <= place.since:
            return False
        found = await topic.read(place.since, newest)
        if found.reached <= place.since:
            return False
        pairs = zip(found.rows, self.write(found.rows), strict=True)
        records = [record_of(row, item) for row, item in pairs]
        places[topic.name] = await send_slice(producer, topic.name, place, records, found.reached)
        self.sent.labels(topic.name).inc(len(records))
        return True


@asynccontextmanager
async def publishing(
    *,
    settings: Settings,
    watches: Watches | None,
    archive: Archive,
    tail: Tail,
    write: Write,
    sent: Counter,
) -> AsyncIterator[None]:
    """Publish in the background, if settings name brokers and this process also runs jobs.

    `write` makes JSON of rows, as lists have it.
    """
    if watches is None or not (settings.publish_kafka_servers and settings.jobs_run):
        yield
        return
    publisher = Publisher(
        settings=settings, watches=watches, archive=archive, tail=tail, write=write, sent=sent
    )
    task = asyncio.create_task(publisher.run())
    try:
        yield
    finally:
        # What is under way is looked for in the topics by the next process.
        task.cancel()
        await asyncio.wait({task})
