"""One batch of messages -> one object in the store, its rows, its ledger. Used by all who write.

The law: object, then row, then offset. Each step can be repeated: after a crash anywhere the same
messages come again, and end in the same rows.
"""

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from archive.database import may_be_a_value
from archive.errors import StalePosition, reason_of
from archive.objects import ObjectStore
from archive.survey import Message, Survey
from consumer import metrics
from consumer.batches.breaker import Breaker, Held
from consumer.batches.bundles import pack_messages, pack_packets
from consumer.batches.inserts import Overtaken, known_payloads, known_rejects, write
from consumer.batches.positions import Incarnation, Partition
from consumer.batches.sorting import Raw, Sorted, damaged_keys, public_ids, sort, sort_replay
from consumer.batches.writing import Kind, PutBundle, Writing, aside_rows, ledger_rows
from consumer.rows import Intake, make_rows
from consumer.surveys.ztf import ZTF_INTAKE

log = logging.getLogger(__name__)

LONGEST_PAUSE_S: Final = 30.0
OVERTAKEN_S: Final = 0.02
UNDER_WAY: Final = 3
"""Batches of `ingest_each`: one is inserted, one is put, one is decoded. Each costs 40 MB."""


class Archive(NamedTuple):
    """Both halves of the archive, and whose alerts are taken in."""

    engine: AsyncEngine
    store: ObjectStore
    intake: Intake = ZTF_INTAKE


class Outcome(NamedTuple):
    """What came of a batch."""

    batch: int | None
    """Its number; None where it left no trace."""
    counts: Counter[str]
    """received, stored, duplicate, private, rejected; and, not part of the sum: conflict, and the
    private_entries and undated_entries that were dropped from histories."""
    rejects: list[tuple[str, str]]
    """Name (for Kafka: position) and reason of each new reject."""


class Batch(NamedTuple):
    """Messages that are taken in together."""

    messages: Sequence[Raw]
    incarnations: Mapping[Partition, Incarnation] = MappingProxyType({})
    """Those of the partitions whose position moves on with this batch."""


async def ingest_each(
    archive: Archive,
    kind: Kind,
    batches: AsyncIterator[Batch],
    breaker: Breaker | None = None,
) -> AsyncGenerator[tuple[Batch, Outcome]]:
    """Take in batches in their order, each with what came of it; raises as `ingest` does.

    While some wait for database and store the next is decoded and put, so that the processor is
    never idle; their transactions keep their order. An empty batch says that nothing more is there
    just now, and is not answered.
    """
    waiting: deque[tuple[Batch, asyncio.Task[Outcome]]] = deque()
    try:
        async for batch in batches:
            if batch.messages:
                after = waiting[-1][1] if waiting else None
                task = asyncio.create_task(ingest(archive, kind, batch, after, breaker))
                waiting.append((batch, task))
            while len(waiting) >= UNDER_WAY or (waiting and not batch.messages):
                before = waiting.popleft()
                yield before[0], await before[1]
        while waiting:
            before = waiting.popleft()
            yield before[0], await before[1]
    except Exception:
        # What came before the break is sound, and nobody need fetch it again. If it was the batch
        # before that failed, those after it fail of the same, and say nothing new.
        await asyncio.gather(*(task for _, task in waiting), return_exceptions=True)
        raise
    finally:
        for _, task in waiting:
            task.cancel()
        # Done or not: an error of it that nobody asks for would be logged as forgotten.
        await asyncio.gather(*(task for _, task in waiting), return_exceptions=True)


async def ingest(
    archive: Archive,
    kind: Kind,
    batch: Batch,
    after: asyncio.Task[Outcome] | None = None,
    breaker: Breaker | None = None,
) -> Outcome:
    """Take in a batch, however often database or store must be asked again.

    Its rows are written once `after` is done. Raises StalePosition where that failed or a position
    is already past the batch, and Held where the breaker says so. Nothing else that a message may
    hold makes it raise: what cannot be stored is rejected.
    """
    began = time.monotonic()
    decoded = await _decoded(archive.intake.survey, batch.messages)
    metrics.STEP.labels("decode").observe(time.monotonic() - began)
    outcome = await _settled(_Work(archive, kind, after, breaker), batch, decoded)
    metrics.count_batch(kind, time.monotonic() - began)
    return outcome


class _Work(NamedTuple):
    """What is the same for all parts of a batch."""

    archive: Archive
    kind: Kind
    after: asyncio.Task[Outcome] | None
    breaker: Breaker | None


async def _settled(work: _Work, batch: Batch, decoded: Sequence[Message[Any]]) -> Outcome:
    """Write the batch; where one of its messages prevents that, all the others, and reject it.

    What a message can be guilty of is an error that no waiting mends and that is not ours. To
    find the guilty one the batch is halved until it stands alone.
    """
    pause = 0.5
    while True:
        try:
            return await _once(work, batch, decoded)
        except StalePosition:
            raise
        except Overtaken as error:
            log.info("batch asked for anew", extra={"error": repr(error)})
            await asyncio.sleep(OVERTAKEN_S)
            continue
        except Held:
            if len(batch.messages) == 1:
                raise
            return await _halved(work, batch, decoded)
        except Exception as error:
            if may_be_a_value(error) and len(batch.messages) > 1:
                return await _halved(work, batch, decoded)
            # A reject that cannot be written is not the message's fault.
            if may_be_a_value(error) and decoded[0].packets:
                decoded = [_refused(batch.messages[0], error)]
                continue
            log.warning("batch must wait", extra={"error": repr(error), "pause_s": pause})
        metrics.RETRIES.inc()
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)


async def _halved(work: _Work, batch: Batch, decoded: Sequence[Message[Any]]) -> Outcome:
    """Both halves, one after the other: positions move forward only."""
    middle = len(decoded) // 2
    first = await _settled(work, batch._replace(messages=batch.messages[:middle]), decoded[:middle])
    rest = await _settled(work, batch._replace(messages=batch.messages[middle:]), decoded[middle:])
    number = first.batch if rest.batch is None else rest.batch
    # Not `+`, which drops what is negative: a replay takes rejects back.
    counts = Counter(first.counts)
    counts.update(rest.counts)
    return Outcome(number, counts, first.rejects + rest.rejects)


def _refused(raw: Raw, error: Exception) -> Message[Any]:
    """What becomes of a message that decodes and cannot be stored."""
    reason = f"cannot be stored: {reason_of(getattr(error, 'orig', None) or error)}"
    place = {"source": raw.source, "partition": raw.partition, "position": raw.position}
    log.error("refused", extra=place | {"reason": reason}, exc_info=error)
    metrics.REFUSED.inc()
    return Message([], reason, refused=True)


async def _decoded(survey: Survey, messages: Sequence[Raw]) -> list[Message[Any]]:
    """Decode, giving way every two milliseconds: the batch before is being written meanwhile.

    Its transaction is ten short waits for the database, each of which would else last as long as
    the decoding of a whole batch.
    """
    decoded = []
    for n, message in enumerate(messages):
        if n % 8 == 7:
            await asyncio.sleep(0)
        decoded.append(survey.read(message.data))
    return decoded


async def _once(work: _Work, batch: Batch, decoded: Sequence[Message[Any]]) -> Outcome:
    archive, kind, after, breaker = work
    with metrics.STEP.labels("ask").time():
        planned = await _sorted(archive, kind, batch.messages, decoded)
    if not planned.tally:
        return Outcome(None, Counter(), [])
    writing = await _put(archive, kind, batch, planned)
    if after is not None:
        await _wait_for(after)
    runs = await breaker.admit(batch.messages, decoded) if breaker else {}
    with metrics.STEP.labels("insert").time():
        number = await write(archive.engine, writing)
    if breaker:
        breaker.settle(runs)
    stored, intake = [packet for _, packet in planned.new], archive.intake
    counts = Counter(
        conflict=len(planned.conflicts),
        private_entries=sum(map(intake.private_entries, stored)),
        undated_entries=sum(map(intake.undated_entries, stored)),
    )
    for tally in planned.tally.values():
        counts.update(tally)
    # Here, since the rest of a batch that is halved may be held.
    metrics.count_packets(kind, counts)
    return Outcome(number, counts, [(r.name or str(r.position), r.reason) for r in writing.rejects])


async def _wait_for(before: asyncio.Task[Outcome]) -> None:
    """Return once the batch before is written; raise StalePosition if it was not."""
    try:
        await before
    except Exception as error:
        raise StalePosition("the batch before was not written") from error


async def _put(archive: Archive, kind: Kind, batch: Batch, work: Sorted) -> Writing:
    """Put what the batch keeps, and make the rows that point to it."""
    messages, survey = batch.messages, archive.intake.survey
    # In a thread, since SHA-256 of megabytes leaves the interpreter to others meanwhile.
    packets, places = await asyncio.to_thread(
        pack_packets, survey.name, messages, work.new, work.withheld
    )
    rejected, reject_at = pack_messages("rejects", messages, [i for i, _ in work.damaged.values()])
    contrary = [i for i, _ in work.conflicts if i not in work.withheld]
    conflicting, conflict_at = pack_messages("conflicts", messages, dict.fromkeys(contrary))
    with metrics.STEP.labels("put").time():
        for bundle in (packets, rejected, conflicting):
            if bundle is not None:
                await archive.store.put(bundle.key, bundle.data)
    with metrics.STEP.labels("rows").time():
        rows = make_rows(archive.intake, [packet for _, packet in work.new], places)
    return Writing(
        survey=survey,
        rows=rows,
        bundle=PutBundle.of(packets),
        ledger=ledger_rows(kind, messages, work.tally),
        rejects=aside_rows(
            messages, reject_at, ((i, why, None) for i, why in work.damaged.values())
        ),
        reject_bundle=PutBundle.of(rejected),
        conflicts=aside_rows(messages, conflict_at, ((i, _OTHER, p.id) for i, p in work.conflicts)),
        conflict_bundle=PutBundle.of(conflicting),
        incarnations=batch.incarnations,
        settled=work.settled,
    )


_OTHER: Final = "the id of an alert, and other content"


async def _sorted(
    archive: Archive, kind: Kind, messages: Sequence[Raw], decoded: Sequence[Message[Any]]
) -> Sorted:
    keys = damaged_keys(messages, decoded)
    intake = archive.intake
    async with archive.engine.connect() as connection:
        ids = public_ids(intake, decoded)
        payloads = await known_payloads(connection, intake.survey, ids)
        rejects = await known_rejects(connection, keys) if keys and kind != "replay" else set()
    if kind == "replay":
        return sort_replay(intake, messages, decoded, payloads)
    return sort(intake, messages, decoded, payloads, rejects)
