"""Whether the rows of the archive agree with each other: one statement for each kind of fault.

A statement sees one moment, and what came after batch `as_of` is not looked at where another
statement must agree: an archive may be verified while it takes alerts in.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Subquery,
    Table,
    and_,
    false,
    func,
    literal,
    or_,
    select,
    union_all,
)

from archive.survey import Survey
from archive.tables import bundle, conflict, counter, ledger, position, reject, replayed

Surveys = Sequence[Survey]
_NUMBERED: Final = (bundle, ledger, reject, conflict, replayed)


class Check(NamedTuple):
    """A statement whose every row is a fault, and the words for one, filled in by its columns."""

    text: str
    statement: Callable[[Surveys, int], Select[Any]]
    """Of all surveys, up to a batch."""


def _numbered(surveys: Surveys) -> list[Table]:
    """The tables of surveys."""
    return [table for s in surveys for table in (s.alert, s.history) if table is not None]


def _pairs(surveys: Surveys) -> list[tuple[ColumnElement[int], ColumnElement[int], Table, Table]]:
    """Of surveys with histories: the ids in both tables, and the tables."""
    return [
        (s.alert.c[s.key], s.history.c[s.key], s.alert, s.history)
        for s in surveys
        if s.history is not None
    ]


def _all_of(selects: Sequence[Select[Any]], *names: str) -> Subquery:
    """The rows of all selects, of which there may be none, with these columns of integers."""
    nothing = select(*(literal(0).label(name) for name in names)).where(false())
    return union_all(*selects, nothing).subquery()


def _above(surveys: Surveys, _as_of: int) -> Select[Any]:
    newest = select(counter.c.batch).scalar_subquery()
    rows = union_all(
        *(
            select(literal(table.name).label("name"), table.c.batch)
            .where(table.c.batch > newest)
            .group_by(table.c.batch)
            for table in (*_numbered(surveys), *_NUMBERED)
        )
    ).subquery()
    return select(rows, newest.label("newest")).order_by(rows.c.name, rows.c.batch)


def _numbers_above(surveys: Surveys, _as_of: int) -> Select[Any]:
    newest = select(counter.c.lco_id).scalar_subquery()
    rows = union_all(
        *(
            select(s.alert.c[s.key].label("id"), s.alert.c.lco_id).where(s.alert.c.lco_id > newest)
            for s in surveys
        )
    ).subquery()
    return select(rows, newest.label("newest"))


def _tallies(surveys: Surveys, as_of: int) -> Select[Any]:
    """What the ledger says of each batch beside what is there."""
    normal, again = ledger.c.kind != "replay", ledger.c.kind == "replay"
    told = [
        select(ledger.c.batch, literal("stored"), ledger.c.stored, literal(0)),
        select(ledger.c.batch, literal("rejected"), ledger.c.rejected, literal(0)).where(normal),
        select(ledger.c.batch, literal("replayed"), -ledger.c.rejected, literal(0)).where(again),
    ]
    there = [
        select(table.c.batch, literal(what), literal(0), literal(1))
        for what, table in (
            *(("stored", s.alert) for s in surveys),
            ("rejected", reject),
            ("replayed", replayed),
        )
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


def _ledger_sums(_surveys: Surveys, _as_of: int) -> Select[Any]:
    c = ledger.c
    parts = c.stored + c.duplicate + c.private + c.rejected
    return select(c.batch, c.source, c.partition, c.received, parts.label("sum")).where(
        c.received != parts
    )


def _no_history(surveys: Surveys, as_of: int) -> Select[Any]:
    return _unpaired(((a, ours, h, theirs) for ours, theirs, a, h in _pairs(surveys)), as_of)


def _no_alert(surveys: Surveys, as_of: int) -> Select[Any]:
    return _unpaired(((h, theirs, a, ours) for ours, theirs, a, h in _pairs(surveys)), as_of)


def _unpaired(
    pairs: Iterable[tuple[Table, ColumnElement[int], Table, ColumnElement[int]]], as_of: int
) -> Select[Any]:
    """The ids of one table, up to a batch, that the other lacks."""
    found = [
        select(own.label("id"))
        .select_from(table.join(other, foreign == own, isouter=True))
        .where(foreign.is_(None), table.c.batch <= as_of)
        for table, own, other, foreign in pairs
    ]
    rows = _all_of(found, "id")
    return select(rows).order_by(rows.c.id)


def _two_batches(surveys: Surveys, _as_of: int) -> Select[Any]:
    found = [
        select(ours.label("id"), alert.c.batch, history.c.batch.label("other"))
        .select_from(alert.join(history, theirs == ours))
        .where(alert.c.batch != history.c.batch)
        for ours, theirs, alert, history in _pairs(surveys)
    ]
    rows = _all_of(found, "id", "batch", "other")
    return select(rows)


def _beyond(_surveys: Surveys, _as_of: int) -> Select[Any]:
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


def _no_bundle(surveys: Surveys, _as_of: int) -> Select[Any]:
    rows = union_all(
        *(
            select(literal(table.name).label("name"), table.c.bundle, func.count().label("n"))
            .select_from(table.join(bundle, table.c.bundle == bundle.c.id, isouter=True))
            .where(table.c.bundle.is_not(None), bundle.c.id.is_(None))
            .group_by(table.c.bundle)
            for table in (*(s.alert for s in surveys), reject, conflict)
        )
    ).subquery()
    return select(rows).order_by(rows.c.name, rows.c.bundle)


def _of_another_survey(surveys: Surveys, _as_of: int) -> Select[Any]:
    """Alerts that point into a bundle of another survey, or of what was kept aside."""
    rows = union_all(
        *(
            select(s.alert.c[s.key].label("id"), bundle.c.key)
            .join(bundle, s.alert.c.bundle == bundle.c.id)
            .where(~bundle.c.key.startswith(f"{s.name}/", autoescape=True))
            for s in surveys
        )
    ).subquery()
    return select(rows).order_by(rows.c.id)


def _bytes_without_a_bundle(surveys: Surveys, _as_of: int) -> Select[Any]:
    rows = union_all(*(_unbundled(survey) for survey in surveys)).subquery()
    return select(rows).order_by(rows.c.id)


def _unbundled(survey: Survey) -> Select[Any]:
    c = survey.alert.c
    told = or_(*(c[f"{part}_offset"].is_not(None) for part in ("packet", *survey.stamps)))
    return select(c[survey.key].label("id")).where(c.bundle.is_(None), told)


def _no_bytes(_surveys: Surveys, _as_of: int) -> Select[Any]:
    """Of a reject all bytes are kept, if it had any."""
    c = reject.c
    lost = and_(c.bundle.is_(None), c.sha256 != hashlib.sha256(b"").digest())
    return select(c.source, c.partition, c.position).where(lost)


CHECKS: Final[Sequence[Check]] = (
    Check("batch {batch} in {name} is above the counter, which is at {newest}", _above),
    Check("alert {id}: lco_id {lco_id} is above the counter, which is at {newest}", _numbers_above),
    Check("batch {batch}: {told} {what} by the ledger, but there are {n}", _tallies),
    Check(
        "batch {batch}, {source}/{partition}: {received} received by the ledger, its parts add up "
        "to {sum}",
        _ledger_sums,
    ),
    Check("alert {id}: it has no history", _no_history),
    Check("history {id}: it has no alert", _no_alert),
    Check("alert {id}: it is of batch {batch}, its history of batch {other}", _two_batches),
    Check(
        "position {topic}/{partition}: it resumes at {next_offset}, but the ledger ends at {end}",
        _beyond,
    ),
    Check("bundle {bundle}: it has no row, but {n} rows of {name} point to it", _no_bundle),
    Check("alert {id}: its bundle {key} is not of its survey", _of_another_survey),
    Check("alert {id}: it has byte ranges, but no bundle", _bytes_without_a_bundle),
    Check("reject {source}/{partition}/{position}: its bytes are not kept", _no_bytes),
)
