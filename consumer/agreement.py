"""Whether the rows of the archive agree with each other: one statement for each kind of fault.

A statement sees one moment, and what came after batch `as_of` is not looked at where another
statement must agree: an archive may be verified while it takes alerts in.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, Select, and_, func, literal, or_, select, union_all

from archive.tables import (
    alert,
    bundle,
    conflict,
    counter,
    history,
    ledger,
    position,
    reject,
    replayed,
)

NUMBERED: Final = (alert, history, bundle, ledger, reject, conflict, replayed)


class Check(NamedTuple):
    """A statement whose every row is a fault, and the words for one, filled in by its columns."""

    text: str
    statement: Callable[[int], Select[Any]]


def _above(_as_of: int) -> Select[Any]:
    newest = select(counter.c.batch).scalar_subquery()
    rows = union_all(
        *(
            select(literal(table.name).label("name"), table.c.batch)
            .where(table.c.batch > newest)
            .group_by(table.c.batch)
            for table in NUMBERED
        )
    ).subquery()
    return select(rows, newest.label("newest")).order_by(rows.c.name, rows.c.batch)


def _numbers_above(_as_of: int) -> Select[Any]:
    newest = select(counter.c.lco_id).scalar_subquery()
    return select(alert.c.candid, alert.c.lco_id, newest.label("newest")).where(
        alert.c.lco_id > newest
    )


def _tallies(as_of: int) -> Select[Any]:
    """What the ledger says of each batch beside what is there."""
    normal, again = ledger.c.kind != "replay", ledger.c.kind == "replay"
    told = [
        select(ledger.c.batch, literal("stored"), ledger.c.stored, literal(0)),
        select(ledger.c.batch, literal("rejected"), ledger.c.rejected, literal(0)).where(normal),
        select(ledger.c.batch, literal("replayed"), -ledger.c.rejected, literal(0)).where(again),
    ]
    there = [
        select(table.c.batch, literal(what), literal(0), literal(1))
        for what, table in (("stored", alert), ("rejected", reject), ("replayed", replayed))
    ]
    rows = union_all(*told, *there).subquery().c
    batch, what, by_ledger, held = rows
    sums = func.sum(by_ledger), func.sum(held)
    return (
        select(batch.label("batch"), what.label("what"), sums[0].label("told"), sums[1].label("n"))
        .where(batch <= as_of)
        .group_by(batch, what)
        .having(sums[0] != sums[1])
        .order_by(batch, what)
    )


def _ledger_sums(_as_of: int) -> Select[Any]:
    c = ledger.c
    parts = c.stored + c.duplicate + c.private + c.rejected
    return select(c.batch, c.source, c.partition, c.received, parts.label("sum")).where(
        c.received != parts
    )


def _no_history(as_of: int) -> Select[Any]:
    joined = alert.join(history, history.c.candid == alert.c.candid, isouter=True)
    missing = and_(history.c.candid.is_(None), alert.c.batch <= as_of)
    return select(alert.c.candid).select_from(joined).where(missing).order_by(alert.c.candid)


def _no_alert(as_of: int) -> Select[Any]:
    joined = history.join(alert, history.c.candid == alert.c.candid, isouter=True)
    missing = and_(alert.c.candid.is_(None), history.c.batch <= as_of)
    return select(history.c.candid).select_from(joined).where(missing).order_by(history.c.candid)


def _two_batches(_as_of: int) -> Select[Any]:
    return (
        select(alert.c.candid, alert.c.batch, history.c.batch.label("other"))
        .join(history, history.c.candid == alert.c.candid)
        .where(alert.c.batch != history.c.batch)
    )


def _beyond(_as_of: int) -> Select[Any]:
    ends = (
        select(ledger.c.source, ledger.c.partition, func.max(ledger.c.to_position).label("end"))
        .where(ledger.c.kind == "stream")
        .group_by(ledger.c.source, ledger.c.partition)
        .subquery()
    )
    same = and_(ends.c.source == position.c.topic, ends.c.partition == position.c.partition)
    end = func.coalesce(ends.c.end, literal(0, BigInteger))
    return (
        select(position.c.topic, position.c.partition, position.c.next_offset, end.label("end"))
        .select_from(position.join(ends, same, isouter=True))
        .where(position.c.next_offset > end)
    )


def _no_bundle(_as_of: int) -> Select[Any]:
    rows = union_all(
        *(
            select(literal(table.name).label("name"), table.c.bundle, func.count().label("n"))
            .select_from(table.join(bundle, table.c.bundle == bundle.c.id, isouter=True))
            .where(table.c.bundle.is_not(None), bundle.c.id.is_(None))
            .group_by(table.c.bundle)
            for table in (alert, reject, conflict)
        )
    ).subquery()
    return select(rows).order_by(rows.c.name, rows.c.bundle)


def _bytes_without_a_bundle(_as_of: int) -> Select[Any]:
    c = alert.c
    ranges = (c.packet_offset, c.science_offset, c.template_offset, c.difference_offset)
    told = or_(*(column.is_not(None) for column in ranges))
    return select(c.candid).where(c.bundle.is_(None), told).order_by(c.candid)


def _no_bytes(_as_of: int) -> Select[Any]:
    """Of a reject all bytes are kept, if it had any."""
    c = reject.c
    lost = and_(c.bundle.is_(None), c.sha256 != hashlib.sha256(b"").digest())
    return select(c.source, c.partition, c.position).where(lost)


CHECKS: Final[Sequence[Check]] = (
    Check("batch {batch} in {name} is above the counter, which is at {newest}", _above),
    Check(
        "alert {candid}: lco_id {lco_id} is above the counter, which is at {newest}", _numbers_above
    ),
    Check("batch {batch}: {told} {what} by the ledger, but there are {n}", _tallies),
    Check(
        "batch {batch}, {source}/{partition}: {received} received by the ledger, its parts add up "
        "to {sum}",
        _ledger_sums,
    ),
    Check("alert {candid}: it has no history", _no_history),
    Check("history {candid}: it has no alert", _no_alert),
    Check("alert {candid}: it is of batch {batch}, its history of batch {other}", _two_batches),
    Check(
        "position {topic}/{partition}: it resumes at {next_offset}, but the ledger ends at {end}",
        _beyond,
    ),
    Check("bundle {bundle}: it has no row, but {n} rows of {name} point to it", _no_bundle),
    Check("alert {candid}: it has byte ranges, but no bundle", _bytes_without_a_bundle),
    Check("reject {source}/{partition}/{position}: its bytes are not kept", _no_bytes),
)
