"""Rows by COPY into the archive: alerts, histories, ledger, and the packets that they share.

The ledger is the state: what it says is stored under `simulated-<seed>` is there. Unlike the
consumer this holds the counter locked while it copies, a hundred batches in a transaction.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
from datetime import date
from typing import Any, Final, NamedTuple

import numpy as np
from pydantic import SecretStr
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from tqdm import tqdm

from archive.database import check_schema, make_engine
from archive.objects import ObjectStore, open_store
from archive.settings import ArchiveSettings
from archive.surveys.ztf.packet import decode
from archive.surveys.ztf.tables import STAMPS, alert, history
from archive.tables import bundle, counter, ledger
from dev.simulator import simulate
from dev.simulator.bulk.copying import SIGNATURE, TRAILER, Column, copy_of
from dev.simulator.bulk.history import chosen, history_columns
from dev.simulator.bulk.plan import MOST_PARTS, Part, Plan, plan
from dev.simulator.bulk.values import alert_columns
from dev.simulator.survey import nid_of, night_of

BATCH: Final = 250
BATCHES_TOGETHER: Final = 100
ROWS_AT_ONCE: Final = 20 * BATCH
SHARED_BUNDLES: Final = 4


class Wanted(NamedTuple):
    """What the archive shall hold of a seed."""

    alerts: int
    seed: int
    night: date
    nights: int
    histories: float = 0.0
    """The share of objects whose histories are written."""
    again: bool = False
    """Add so many, whatever is there."""
    in_a_bundle: int = 250
    """Packets in each of the bundles that all alerts share."""

    @property
    def source(self) -> str:
        """Its name in the ledger."""
        return f"simulated-{self.seed}"


class Copies(NamedTuple):
    """One transaction's rows in binary, without numbers: a piece some batches."""

    first: int
    alerts: list[tuple[int, dict[str, Column]]]
    histories: list[tuple[np.ndarray, dict[str, Column]]]


def settings() -> ArchiveSettings:
    """The archive of the environment, as the writer."""
    url = os.environ.get("MARS_WRITER_DATABASE_URL")
    return ArchiveSettings(database_url=SecretStr(url)) if url else ArchiveSettings()


async def fill(wanted: Wanted, place: ArchiveSettings) -> int:
    """Write what is missing; returns how many rows that were."""
    engine = make_engine(place, "simulate")
    try:
        async with engine.connect() as connection:
            await check_schema(connection)
            there, parts = await stored(connection, wanted.source)
        missing = wanted.alerts if wanted.again else wanted.alerts - there
        if missing <= 0:
            return 0
        if parts >= MOST_PARTS:
            raise SystemExit(f"{wanted.source} has {parts} parts: take another seed")
        part = Part(wanted.seed, parts, missing, nid_of(wanted.night), wanted.nights)
        async with open_store(place) as store:
            shared = await share_packets(engine, store, wanted)
        await write(engine, await asyncio.to_thread(plan, part), shared, wanted)
        return missing
    finally:
        await engine.dispose()


async def stored(connection: AsyncConnection, source: str) -> tuple[int, int]:
    """Rows of a source, and the parts in which they came."""
    sums = select(
        func.coalesce(func.sum(ledger.c.stored), 0),
        func.coalesce(func.max(ledger.c.partition) + 1, 0),
    ).where(ledger.c.source == source)
    rows, parts = (await connection.execute(sums)).one()
    return int(rows), int(parts)


async def share_packets(
    engine: AsyncEngine, store: ObjectStore, wanted: Wanted
) -> list[dict[str, int]]:
    """Put some packets; where each lies: its bundle, and the ranges of packet and stamps."""
    each = wanted.in_a_bundle
    packets = [one.message for one in simulate(SHARED_BUNDLES * each, wanted.seed, wanted.night)]
    places: list[dict[str, int]] = []
    for first in range(0, len(packets), each):
        messages = packets[first : first + each]
        data = b"".join(messages)
        sha256 = hashlib.sha256(data).digest()
        last = first + len(messages) - 1
        folder = f"ztf/{wanted.night:%Y%m%d}/{wanted.source}"
        key = f"{folder}/0-{first}-{last}-{sha256.hex()[:16]}"
        await store.put(key, data)
        number = await bundle_of(engine, key, len(data), sha256)
        begin = 0
        for message in messages:
            places.append({"bundle": number} | place_of(message, begin))
            begin += len(message)
    return places


def place_of(message: bytes, begin: int) -> dict[str, int]:
    """Where a packet and its stamps lie in the bundle in which the message begins at `begin`."""
    (packet,) = decode(message).packets
    found: dict[str, int] = {"packet_offset": begin, "packet_length": len(message)}
    for name, span in zip(STAMPS, packet.stamps, strict=True):
        if span is not None:  # always so in a simulated packet
            found |= {f"{name}_offset": begin + span.offset, f"{name}_length": span.length}
    return found


async def bundle_of(engine: AsyncEngine, key: str, size: int, sha256: bytes) -> int:
    """The id of a bundle's row, which is made if it is not there."""
    async with engine.begin() as connection:
        number = await connection.scalar(select(bundle.c.id).where(bundle.c.key == key))
        if number is None:
            (batch, _) = (await connection.execute(select(counter))).one()
            row = insert(bundle).values(batch=batch + 1, key=key, size=size, sha256=sha256)
            number = await connection.scalar(row.returning(bundle.c.id))
    return int(number or 0)


async def write(
    engine: AsyncEngine, alerts: Plan, shared: list[dict[str, int]], wanted: Wanted
) -> None:
    """All rows, in transactions; while the database takes one in, the next is made."""
    places = {name: np.array([place[name] for place in shared]) for name in shared[0]}
    step = BATCH * BATCHES_TOGETHER
    count = alerts.part.alerts
    starts = range(0, count, step)

    def made(first: int) -> Copies:
        return make(alerts, slice(first, min(first + step, count)), places, wanted.histories)

    with tqdm(total=count, unit=" rows", disable=None) as bar:
        making = asyncio.create_task(asyncio.to_thread(made, 0))
        for first in starts:
            ready = await making
            if first + step < count:
                making = asyncio.create_task(asyncio.to_thread(made, first + step))
            await insert_copies(engine, ready, alerts, wanted)
            bar.update(sum(rows for rows, _ in ready.alerts))


def make(alerts: Plan, rows: slice, places: dict[str, np.ndarray], histories: float) -> Copies:
    """The columns of a transaction's rows."""
    pieces: list[tuple[int, dict[str, Column]]] = []
    told: list[tuple[np.ndarray, dict[str, Column]]] = []
    for first in range(rows.start, rows.stop, ROWS_AT_ONCE):
        part = slice(first, min(first + ROWS_AT_ONCE, rows.stop))
        numbers = np.arange(part.start, part.stop)
        at = numbers % len(places["bundle"])
        columns = alert_columns(alerts, part)
        columns |= {name: Column(values[at]) for name, values in places.items()}
        pieces.append((len(numbers), columns))
        some = chosen(alerts, part, histories) if histories else numbers[:0]
        if len(some):
            told.append((some, history_columns(alerts, some)))
    return Copies(rows.start, pieces, told)


async def insert_copies(engine: AsyncEngine, ready: Copies, alerts: Plan, wanted: Wanted) -> None:
    """One transaction."""
    count = sum(rows for rows, _ in ready.alerts)
    batches = -(-count // BATCH)
    async with engine.begin() as connection:
        taken = await connection.execute(
            update(counter)
            .values(batch=counter.c.batch + batches, lco_id=counter.c.lco_id + count)
            .returning(counter.c.batch, counter.c.lco_id)
        )
        last_batch, last_lco_id = taken.one()
        batch, lco_id = last_batch - batches + 1, last_lco_id - count + 1
        await copy(connection, *await asyncio.to_thread(body_of_alerts, ready, batch, lco_id))
        if ready.histories:
            await copy(connection, *await asyncio.to_thread(body_of_histories, ready, batch))
        rows = ledger_rows(ready, alerts, wanted.source, batch, count)
        await connection.execute(insert(ledger), rows)


async def copy(connection: AsyncConnection, table: str, names: list[str], body: bytes) -> None:
    """COPY into a table."""
    driver: Any = (await connection.get_raw_connection()).driver_connection
    await driver.copy_to_table(table, source=io.BytesIO(body), format="binary", columns=names)


def body_of_alerts(ready: Copies, batch: int, lco_id: int) -> tuple[str, list[str], bytes]:
    """The alerts with their numbers, for `copy`."""
    bodies, names, done = [SIGNATURE], [""], 0
    for rows, columns in ready.alerts:
        nth = np.arange(done, done + rows)
        numbered = columns | {
            "batch": Column(batch + nth // BATCH),
            "lco_id": Column(lco_id + nth),
        }
        names = list(numbered)
        bodies.append(copy_of(alert, numbered))
        done += rows
    return alert.name, names, b"".join((*bodies, TRAILER))


def body_of_histories(ready: Copies, batch: int) -> tuple[str, list[str], bytes]:
    """The histories with their batches, for `copy`."""
    bodies, names = [SIGNATURE], [""]
    for numbers, columns in ready.histories:
        numbered = columns | {"batch": Column(batch + (numbers - ready.first) // BATCH)}
        names = list(numbered)
        bodies.append(copy_of(history, numbered))
    return history.name, names, b"".join((*bodies, TRAILER))


def ledger_rows(
    ready: Copies, alerts: Plan, source: str, batch: int, count: int
) -> list[dict[str, Any]]:
    """What came of each batch: all of it was stored."""
    nothing = {"duplicate": 0, "private": 0, "rejected": 0}
    rows = []
    for n in range(0, count, BATCH):
        first, size = ready.first + n, min(BATCH, count - n)
        owner, visit = alerts.owner[first], alerts.visit[first]
        nid = int(alerts.nids[alerts.objects.field[owner], visit])
        rows.append({
            "batch": batch + n // BATCH, "source": source, "partition": alerts.part.number,
            "kind": "backfill", "night": night_of(nid), "from_position": first,
            "to_position": first + size, "received": size, "stored": size, **nothing,
        })  # fmt: skip
    return rows
