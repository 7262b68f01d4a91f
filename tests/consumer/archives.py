"""What an archive holds, in a form that can be compared."""

from typing import Any

from sqlalchemy import func, select

from archive.surveys.ztf.tables import STAMPS, alert, history
from archive.tables import bundle, ledger
from consumer.batches.ingest import Archive

# DATA: "the same rows" after a crash means all but these.
ACCIDENTAL = {"lco_id", "batch", "bundle", "received", "packet_offset"} | {
    f"{stamp}_offset" for stamp in STAMPS
}
SUMS = ("received", "stored", "duplicate", "private", "rejected")


async def contents(archive: Archive) -> dict[int, dict[str, Any]]:
    """candid -> all that must be the same however the packets came in, with their bytes."""
    held: dict[int, dict[str, Any]] = {}
    keys = {c.name for c in history.c} - {"candid", "batch"}
    joined = select(alert, *(history.c[k] for k in sorted(keys))).join(
        history, history.c.candid == alert.c.candid
    )
    objects = {
        put.id: await archive.store.get(put.key, 0, put.size)
        for put in await rows_of(archive, bundle)
    }
    async with archive.engine.connect() as connection:
        for row in (await connection.execute(joined)).mappings():
            fields = {k: v for k, v in row.items() if k not in ACCIDENTAL}
            for part in ("packet", *STAMPS):
                offset, length = row[f"{part}_offset"], row[f"{part}_length"]
                fields[f"{part}_bytes"] = (
                    offset is not None and objects[row["bundle"]][offset : offset + length]
                )
            held[row["candid"]] = fields
    return held


async def sums(archive: Archive) -> dict[str, int]:
    """The ledger's totals."""
    totals = select(*(func.coalesce(func.sum(ledger.c[s]), 0).label(s) for s in SUMS))
    async with archive.engine.connect() as connection:
        return dict((await connection.execute(totals)).mappings().one())


def summed(**outcomes: int) -> dict[str, int]:
    """The totals that a test expects; what it does not name is 0."""
    return dict.fromkeys(SUMS, 0) | outcomes


async def rows_of(archive: Archive, table: Any) -> list[Any]:
    """All rows of a small table."""
    async with archive.engine.connect() as connection:
        return list((await connection.execute(select(table))).all())
