"""The Kafka loop: fetch, ingest, commit.

Position, commit and rebalance are three things (aiokafka's documentation, "Consumer client"):
`getmany` moves the position, the commit is only a mirror of the ledger, and a rebalance happens in
the background. What keeps a late consumer from doing harm is the guard on `position` in the
transaction of the rows. After any error that is not understood the consumer is thrown away, and a
new one starts from the ledger.
"""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from archive.errors import StalePosition
from consumer import metrics
from consumer.batches.breaker import Breaker, Held
from consumer.batches.ingest import Archive, Batch, ingest_each
from consumer.batches.positions import Incarnation, Partition
from consumer.batches.sorting import Raw
from consumer.feed.assignment import KAFKA_TIMEOUT_S, REBALANCE_TIMEOUT_S, Assignment, LostError
from consumer.feed.leftover import client_id_of, dismiss
from consumer.settings import Settings
from consumer.topics import followed, night_of

log = logging.getLogger(__name__)

REFRESH_S: Final = 30.0
"""How often new nights are looked for: a new topic must be found within a minute."""
PATIENCE_S: Final = 1.0
"""How long a fetch, meant to take half a second, may leave batches under way untold. In a rebalance
it waits for the new assignment, and that, in its listener, for just these batches."""
RELEASE_S: Final = 2.0
"""How often an operator's release of held partitions is looked for."""
NO_TOPIC_S: Final = 5.0
"""The same while there is no topic at all."""
SILENCE_S: Final = 120.0
"""With the broker down `getmany` answers "nothing" without an error; after this it is lost."""
UNFORESEEN_S: Final = 5.0
"""How long an error that nothing explains keeps the next consumer waiting."""
DRAIN_S: Final = 6.0
"""How long a batch may go on after SIGTERM: most take a fraction of a second, and with the closing
of what is open the process is gone within ten seconds, whatever does not answer."""
CLOSE_S: Final = 3.0
"""How long what was given up may take to let go."""


async def stream(archive: Archive, settings: Settings, stop: asyncio.Event) -> None:
    """Follow the nightly topics until `stop` is set, then finish the batch in hand.

    A batch that database or store keep waiting is given up after DRAIN_S: its offsets have not
    moved, so it comes again.
    """
    running = asyncio.create_task(_rebuilding(archive, settings, stop))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
    done, _ = await asyncio.wait((running,), timeout=DRAIN_S)
    stopping.cancel()
    if not done:
        log.warning("gave up the batch in hand", extra={"waited_s": DRAIN_S})
        running.cancel()
        await asyncio.wait((running,), timeout=CLOSE_S)
    elif error := running.exception():
        raise error


async def _rebuilding(archive: Archive, settings: Settings, stop: asyncio.Event) -> None:
    """One consumer after another, each starting from the ledger."""
    breaker = Breaker(archive.engine, settings.refusals_in_a_row)
    while not stop.is_set():
        consumer = _make_consumer(settings)
        try:
            async with asyncio.timeout(KAFKA_TIMEOUT_S):
                await _dismiss_the_one_before(settings)
                await consumer.start()
            await _follow(consumer, archive, settings, breaker, stop)
        except (KafkaError, StalePosition, Held, OSError, TimeoutError, LostError) as error:
            log.warning("starting over from the ledger", extra={"reason": repr(error)})
            await _sleep(1.0, stop)
        except Exception:
            # aiokafka raises also what it does not declare. Whatever it was, a consumer that ends
            # helps nobody: the next one may get further, and the log says what is wrong.
            log.exception("starting over after an unforeseen error")
            await _sleep(UNFORESEEN_S, stop)
        finally:
            await _close(consumer)


def _instance(settings: Settings) -> str:
    return settings.kafka_instance.replace("%h", socket.gethostname())


async def _dismiss_the_one_before(settings: Settings) -> None:
    """Of our name, which may have been killed; without it we only wait longer for partitions."""
    if instance := _instance(settings):
        try:
            await dismiss(settings.kafka_bootstrap_servers, settings.kafka_group, instance)
        except KafkaError as error:
            log.warning("nobody dismissed", extra={"reason": repr(error)})


def _make_consumer(settings: Settings) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        group_id=settings.kafka_group,
        client_id=client_id_of(_instance(settings)),
        enable_auto_commit=False,
        # `latest` would lose what a new night's topic held before it was found.
        auto_offset_reset="earliest",
        metadata_max_age_ms=30_000,
        session_timeout_ms=settings.kafka_session_s * 1000,
        rebalance_timeout_ms=int(REBALANCE_TIMEOUT_S * 1000),
        max_poll_interval_ms=600_000,
        # An alert is 70 kB: the usual 1 MiB holds fourteen, this a batch.
        max_partition_fetch_bytes=16 << 20,
        fetch_max_bytes=64 << 20,
    )


async def _close(consumer: AIOKafkaConsumer) -> None:
    try:
        async with asyncio.timeout(KAFKA_TIMEOUT_S):
            await consumer.stop()
    except (KafkaError, OSError, TimeoutError, asyncio.CancelledError) as error:
        # stop() may raise CancelledError of its own or hang; there is nothing left to save.
        log.warning("the consumer did not close", extra={"reason": repr(error)})


async def _follow(
    consumer: AIOKafkaConsumer,
    archive: Archive,
    settings: Settings,
    breaker: Breaker,
    stop: asyncio.Event,
) -> None:
    assignment = Assignment(consumer, archive, settings, breaker)
    batches = _fetched(consumer, assignment, settings, breaker, stop)
    async with (
        aclosing(batches),
        aclosing(ingest_each(archive, "stream", batches, breaker)) as taken,
    ):
        async for batch, outcome in taken:
            for position, reason in outcome.rejects:
                log.warning("rejected", extra={"offset": position, "reason": reason})
            log.info("batch", extra={"batch": outcome.batch} | dict(outcome.counts))
            await _mirror(consumer, assignment, batch)
            assignment.end()


async def _fetched(
    consumer: AIOKafkaConsumer,
    assignment: Assignment,
    settings: Settings,
    breaker: Breaker,
    stop: asyncio.Event,
) -> AsyncGenerator[Batch]:
    """What the broker gives, batch by batch, an empty one where it has nothing just now."""
    topics: frozenset[str] = frozenset()
    refreshed = -REFRESH_S
    heard = asked = time.monotonic()
    while not stop.is_set():
        if time.monotonic() - refreshed >= (REFRESH_S if topics else NO_TOPIC_S):
            topics = await _subscribe(consumer, assignment, settings, topics)
            await assignment.check_topics()
            refreshed = time.monotonic()
        if time.monotonic() - asked >= RELEASE_S:
            consumer.resume(*(TopicPartition(*p) for p in await breaker.find_released()))
            asked = time.monotonic()
        if not topics:
            metrics.PROGRESS.set_to_current_time()
            await _sleep(1.0, stop)
            continue
        asking = asyncio.create_task(_next(consumer, assignment, settings.batch_messages))
        try:
            # An empty batch lets what is under way be told: see PATIENCE_S.
            while not (await asyncio.wait((asking,), timeout=PATIENCE_S))[0]:
                yield Batch([])
            batch = asking.result()
        finally:
            asking.cancel()
        if assignment.error is not None:
            raise LostError("no position") from assignment.error
        # Nothing is fetched of partitions that are held: their silence says nothing.
        if assignment.positions.keys() <= breaker.waiting:
            heard = time.monotonic()
            metrics.PROGRESS.set_to_current_time()
        heard = _watch(consumer, assignment, heard)
        yield batch


async def _subscribe(
    consumer: AIOKafkaConsumer, assignment: Assignment, settings: Settings, had: frozenset[str]
) -> frozenset[str]:
    async with asyncio.timeout(KAFKA_TIMEOUT_S):
        existing = await consumer.topics()
    topics = followed(settings.kafka_topic, settings.kafka_window_days, existing, datetime.now(UTC))
    if topics != had:
        log.info("following", extra={"topics": sorted(topics)})
        if topics:
            consumer.subscribe(sorted(topics), listener=assignment)
        else:
            consumer.unsubscribe()
    return topics


def _watch(consumer: AIOKafkaConsumer, assignment: Assignment, heard: float) -> float:
    """Update lag and age of the last fetch; raise LostError after a long silence.

    Returns when the broker was heard of last, by the monotonic clock.
    """
    polls: list[int] = []
    for (topic, partition), held in assignment.positions.items():
        tp = TopicPartition(topic, partition)
        if consumer.last_poll_timestamp(tp):
            polls.append(consumer.last_poll_timestamp(tp))
            metrics.LAG.labels(topic, partition).set(consumer.highwater(tp) - held.next_offset)
    if polls:
        heard = max(heard, time.monotonic() - (time.time() - max(polls) / 1000))
        metrics.PROGRESS.set(max(polls) / 1000)
    metrics.FETCH_AGE.set(time.monotonic() - heard)
    if assignment.positions and time.monotonic() - heard > SILENCE_S:
        raise LostError(f"no answer from the broker for {SILENCE_S} s")
    return heard


async def _next(consumer: AIOKafkaConsumer, assignment: Assignment, most: int) -> Batch:
    """What is fetched of partitions that are ours; the rest is fetched again by its owner.

    Whether they are is asked as soon as it is there, and nothing waits between: a moment later the
    listener may have sought them, and what was fetched before that would pass for theirs.
    """
    fetched = await consumer.getmany(timeout_ms=500, max_records=most)
    now = datetime.now(UTC)
    incarnations: dict[Partition, Incarnation] = {}
    raws: list[Raw] = []
    for (topic, partition), records in fetched.items():
        if held := assignment.positions.get((topic, partition)):
            incarnations[topic, partition] = held.incarnation
            night = night_of(topic, now)
            raws += [Raw(topic, partition, r.offset, "", night, r.value or b"") for r in records]
    if raws:
        assignment.begin()
    return Batch(raws, incarnations)


async def _mirror(consumer: AIOKafkaConsumer, assignment: Assignment, batch: Batch) -> None:
    """Tell Kafka the offsets that the ledger holds; only lag tools read them: a failure passes."""
    offsets = {(raw.source, raw.partition): raw.position + 1 for raw in batch.messages}
    for partition, offset in offsets.items():
        if held := assignment.positions.get(partition):
            assignment.positions[partition] = held._replace(next_offset=offset)
    try:
        async with asyncio.timeout(KAFKA_TIMEOUT_S):
            await consumer.commit({TopicPartition(*p): offset for p, offset in offsets.items()})
    except (KafkaError, TimeoutError) as error:
        log.warning("offsets not mirrored", extra={"reason": repr(error)})


async def _sleep(seconds: float, stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
