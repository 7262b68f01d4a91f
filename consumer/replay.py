"""Rejects are tried again, for instance after an update that reads a new schema."""

import logging
from collections import Counter
from collections.abc import AsyncIterator

from sqlalchemy import RowMapping, select, tuple_

from archive.errors import ObjectMissing
from archive.tables import bundle, reject, replayed
from consumer.batches.ingest import Archive, Batch, ingest
from consumer.batches.sorting import Raw
from consumer.settings import Settings

log = logging.getLogger(__name__)


async def replay(archive: Archive, settings: Settings) -> Counter[str]:
    """Decode every open reject that has bytes anew; returns the totals by outcome.

    `rejected` is negative: what was taken back. What is still damaged leaves no trace in the
    ledger and is tried again next time.
    """
    totals: Counter[str] = Counter()
    batch: list[Raw] = []
    async for row in _open_rejects(archive):
        try:
            data = await archive.store.get(row["key"], row["packet_offset"], row["packet_length"])
        except ObjectMissing as error:
            log.error("the bytes of a reject are gone", extra={"error": str(error)})
            continue
        batch.append(
            Raw(row["source"], row["partition"], row["position"], row["name"], row["night"], data)
        )
        totals["tried"] += 1
        if len(batch) == settings.batch_messages:
            totals.update((await ingest(archive, "replay", Batch(batch))).counts)
            batch = []
    if batch:
        totals.update((await ingest(archive, "replay", Batch(batch))).counts)
    return totals


async def _open_rejects(archive: Archive) -> AsyncIterator[RowMapping]:
    key = tuple_(reject.c.source, reject.c.sha256)
    wanted = (
        select(reject, bundle.c.key)
        .join(bundle, bundle.c.id == reject.c.bundle)
        .where(key.not_in(select(replayed.c.source, replayed.c.sha256)))
        .order_by(reject.c.batch, reject.c.position)
    )
    async with archive.engine.connect() as connection:
        for row in (await connection.execute(wanted)).mappings().all():
            yield row
