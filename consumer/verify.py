"""Read the whole archive back and hold it against itself: for doubters, and after a restore."""

import hashlib
from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.errors import ObjectMissing
from archive.packet import decode
from archive.tables import STAMPS, alert, bundle, history, ledger
from consumer.ingest import Archive


async def verify(archive: Archive) -> tuple[Counter[str], list[str]]:
    """What was checked, by kind, and every fault found.

    Each bundle has the size and SHA-256 of its row; each alert's bytes decode to its candid and
    payload; each stamp is gzip; the ledger's sum of stored is the number of alerts and histories.
    """
    checked: Counter[str] = Counter()
    faults: list[str] = []
    async with archive.engine.connect() as connection:
        faults += await _sums(connection)
        for put in (await connection.execute(select(bundle).order_by(bundle.c.id))).all():
            checked["bundles"] += 1
            try:
                data = await archive.store.get(put.key, 0, put.size)
            except ObjectMissing as error:
                faults.append(f"bundle {put.id}: {error}")
                continue
            if hashlib.sha256(data).digest() != put.sha256:
                faults.append(f"bundle {put.id}: {put.key} has other bytes than were put")
            # A bundle holds packets of one batch; there is an index on that, and none on bundle.
            mine = (alert.c.batch == put.batch) & (alert.c.bundle == put.id)
            rows = (await connection.execute(select(alert).where(mine))).all()
            checked["alerts"] += len(rows)
            faults += _misplaced(rows, data)
        held = await connection.scalar(
            select(func.count()).select_from(alert).where(alert.c.bundle.is_not(None))
        )
    if held != checked["alerts"]:
        faults.append(f"{held} alerts point to bundles, {checked['alerts']} were found by them")
    return checked, faults


async def _sums(connection: AsyncConnection) -> list[str]:
    stored = await connection.scalar(select(func.coalesce(func.sum(ledger.c.stored), 0)))
    alerts = await connection.scalar(select(func.count()).select_from(alert))
    histories = await connection.scalar(select(func.count()).select_from(history))
    if stored == alerts == histories:
        return []
    return [f"ledger: {stored} stored, but {alerts} alerts and {histories} histories"]


def _misplaced(rows: Sequence[Row[tuple[object, ...]]], data: bytes) -> list[str]:
    faults = []
    for row in rows:
        if row.packet_offset is not None:
            message = data[row.packet_offset : row.packet_offset + row.packet_length]
            held = {p.candid: p.payload_hash for p in decode(message).packets}
            if held.get(row.candid) != row.payload_hash:
                faults.append(f"alert {row.candid}: its bytes are another packet's")
        for stamp in STAMPS:
            offset = getattr(row, f"{stamp}_offset")
            if offset is not None and data[offset : offset + 2] != b"\x1f\x8b":
                faults.append(f"alert {row.candid}: its {stamp} stamp is no gzip")
    return faults
