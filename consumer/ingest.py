"""One batch of messages -> one object in the store, its rows, its ledger. Used by all who write.

The law: object, then row, then offset. Each step can be repeated: after a crash anywhere the same
messages come again, and end in the same rows.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from archive.database import is_passing
from archive.errors import StoreUnavailable
from archive.objects import ObjectStore
from archive.packet import Message, decode
from consumer import metrics
from consumer.bundles import pack_messages, pack_packets
from consumer.inserts import (
    Aside,
    LedgerRow,
    Overtaken,
    PutBundle,
    Writing,
    known_payloads,
    known_rejects,
    write,
)
from consumer.rows import make_rows, private_entries, undated_entries
from consumer.sorting import Raw, Sorted, damaged_keys, public_candids, sort, sort_replay

log = logging.getLogger(__name__)

Kind = Literal["stream", "backfill", "replay"]
LONGEST_PAUSE_S: Final = 30.0


class Archive(NamedTuple):
    """Both halves of the archive."""

    engine: AsyncEngine
    store: ObjectStore


class Outcome(NamedTuple):
    """What came of a batch."""

    batch: int | None
    """Its number; None where it left no trace."""
    counts: Counter[str]
    """received, stored, duplicate, private, rejected; and, not part of the sum: conflict."""
    rejects: list[tuple[str, str]]
    """Name (for Kafka: position) and reason of each new reject."""


class Batch(NamedTuple):
    """Messages that are taken in together."""

    messages: Sequence[Raw]
    incarnations: Mapping[tuple[str, int], int] = MappingProxyType({})
    """The (topic, partition) whose position moves on with this batch."""


async def ingest_each(
    archive: Archive, kind: Kind, batches: AsyncIterator[Batch]
) -> AsyncGenerator[tuple[Batch, Outcome]]:
    """Take in batches in their order, each with what came of it; raises as `ingest` does.

    While one batch waits for database and store the next is decoded and put, so that the processor
    is never idle; their transactions keep their order. An empty batch says that nothing more is
    there just now, and is not answered.
    """
    waiting: tuple[Batch, asyncio.Task[Outcome]] | None = None
    try:
        async for batch in batches:
            before = waiting
            waiting = None
            if batch.messages:
                after = before and before[1]
                waiting = (batch, asyncio.create_task(ingest(archive, kind, batch, after)))
            if before:
                yield before[0], await before[1]
        if waiting:
            yield waiting[0], await waiting[1]
    except Exception:
        # What came before the break is sound, and nobody need fetch it again. If it was the batch
        # before that failed, this one fails of the same, and says nothing new.
        if waiting:
            await asyncio.gather(waiting[1], return_exceptions=True)
        raise
    finally:
        if waiting:
            waiting[1].cancel()
            # Done or not: an error of it that nobody asks for would be logged as forgotten.
            await asyncio.gather(waiting[1], return_exceptions=True)


async def ingest(
    archive: Archive, kind: Kind, batch: Batch, after: asyncio.Task[Outcome] | None = None
) -> Outcome:
    """Take in a batch, however often database or store must be asked again.

    Its rows are written once `after` is done, and not at all if that failed. Raises StalePosition
    where a position is already past the batch, and what no waiting mends of the database's errors.
    """
    messages = batch.messages
    began = time.monotonic()
    decoded = await _decoded(messages)
    metrics.STEP.labels("decode").observe(time.monotonic() - began)
    pause = 0.5
    while True:
        try:
            outcome = await _once(archive, kind, batch, decoded, after)
        except Overtaken as error:
            log.info("batch asked for anew", extra={"error": repr(error)})
        except Exception as error:
            if not isinstance(error, StoreUnavailable) and not is_passing(error):
                raise
            log.warning("batch must wait", extra={"error": str(error), "pause_s": pause})
            metrics.RETRIES.inc()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
        else:
            metrics.count_batch(kind, outcome.counts, time.monotonic() - began)
            return outcome


async def _decoded(messages: Sequence[Raw]) -> list[Message]:
    """Decode, giving way every two milliseconds: the batch before is being written meanwhile.

    Its transaction is ten short waits for the database, each of which would else last as long as
    the decoding of a whole batch.
    """
    decoded = []
    for n, message in enumerate(messages):
        if n % 8 == 7:
            await asyncio.sleep(0)
        decoded.append(decode(message.data))
    return decoded


async def _once(
    archive: Archive,
    kind: Kind,
    batch: Batch,
    decoded: Sequence[Message],
    after: asyncio.Task[Outcome] | None,
) -> Outcome:
    with metrics.STEP.labels("ask").time():
        work = await _sorted(archive.engine, kind, batch.messages, decoded)
    if not work.tally:
        return Outcome(None, Counter(), [])
    writing = await _put(archive, kind, batch, work)
    if after is not None:
        await after
    with metrics.STEP.labels("insert").time():
        number = await write(archive.engine, writing)
    metrics.PRIVATE_ENTRIES.inc(sum(private_entries(packet) for _, packet in work.new))
    metrics.UNDATED_ENTRIES.inc(sum(undated_entries(packet) for _, packet in work.new))
    counts = Counter(conflict=len(work.conflicts))
    for tally in work.tally.values():
        counts.update(tally)
    return Outcome(number, counts, [(r.name or str(r.position), r.reason) for r in writing.rejects])


async def _put(archive: Archive, kind: Kind, batch: Batch, work: Sorted) -> Writing:
    """Put what the batch keeps, and make the rows that point to it."""
    messages = batch.messages
    packets, places = pack_packets(messages, work.new, work.withheld)
    rejected, reject_at = pack_messages("rejects", messages, [i for i, _ in work.damaged.values()])
    contrary = [i for i, _ in work.conflicts if i not in work.withheld]
    conflicting, conflict_at = pack_messages("conflicts", messages, dict.fromkeys(contrary))
    with metrics.STEP.labels("put").time():
        for bundle in (packets, rejected, conflicting):
            if bundle is not None:
                await archive.store.put(bundle.key, bundle.data)
    with metrics.STEP.labels("rows").time():
        rows = make_rows([packet for _, packet in work.new], places)
    return Writing(
        rows=rows,
        bundle=PutBundle.of(packets),
        ledger=_ledger(kind, messages, work.tally),
        rejects=_aside(messages, reject_at, ((i, why, None) for i, why in work.damaged.values())),
        reject_bundle=PutBundle.of(rejected),
        conflicts=_aside(messages, conflict_at, ((i, _OTHER, p.candid) for i, p in work.conflicts)),
        conflict_bundle=PutBundle.of(conflicting),
        incarnations=batch.incarnations,
        settled=work.settled,
    )


_OTHER: Final = "the candid of an alert, and other content"


async def _sorted(
    engine: AsyncEngine, kind: Kind, messages: Sequence[Raw], decoded: Sequence[Message]
) -> Sorted:
    keys = damaged_keys(messages, decoded)
    async with engine.connect() as connection:
        payloads = await known_payloads(connection, public_candids(decoded))
        rejects = await known_rejects(connection, keys) if keys and kind != "replay" else set()
    if kind == "replay":
        return sort_replay(messages, decoded, payloads)
    return sort(messages, decoded, payloads, rejects)


def _ledger(
    kind: Kind, messages: Sequence[Raw], tally: Mapping[tuple[str, int], Counter[str]]
) -> list[LedgerRow]:
    rows = []
    for (source, partition), counts in tally.items():
        own = [m for m in messages if (m.source, m.partition) == (source, partition)]
        positions = [m.position for m in own]
        rows.append(
            LedgerRow(
                source=source,
                partition=partition,
                kind=kind,
                night=own[0].night,
                from_position=min(positions),
                to_position=max(positions) + 1,
                received=counts["received"],
                stored=counts["stored"],
                duplicate=counts["duplicate"],
                private=counts["private"],
                rejected=counts["rejected"],
            )
        )
    return rows


def _aside(
    messages: Sequence[Raw],
    begins: Mapping[int, int],
    which: Iterable[tuple[int, str, int | None]],
) -> list[Aside]:
    rows = []
    for i, reason, candid in which:
        raw = messages[i]
        source, sha256 = raw.key
        begin = begins.get(i)
        rows.append(
            Aside(
                source=source,
                sha256=sha256,
                night=raw.night,
                partition=raw.partition,
                position=raw.position,
                name=raw.name,
                reason=reason,
                packet_offset=begin,
                packet_length=None if begin is None else len(raw.data),
                candid=candid,
            )
        )
    return rows
