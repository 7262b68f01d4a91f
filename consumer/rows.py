"""Packets -> rows of a survey's tables, a whole batch at once, one numpy call a column.

Called one packet at a time, the galactic coordinates alone would cost 1.4 ms each.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from astropy import units
from astropy.coordinates import SkyCoord
from sqlalchemy import REAL, Text
from sqlalchemy.types import TypeEngine

from archive.columns import Column, Kind
from archive.survey import Packet, Survey

Row = tuple[Any, ...]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

# Every spelling that has been seen in ten years of packets, beside Avro's own.
SIGNS: Final[dict[Any, bool]] = dict.fromkeys(
    ("t", "T", "true", "y", "Y", "1", "True", True), True
) | dict.fromkeys(("f", "F", "false", "n", "N", "0", "False", False), False)
MAX_REAL: Final = float(np.finfo(np.float32).max)


class Place(NamedTuple):
    """Where a packet lies in its bundle: offset and length of the message and of its stamps."""

    message: tuple[int, int] | None
    stamps: tuple[tuple[int, int] | None, ...]


class Joined(NamedTuple):
    """One field of the history entries of all packets of a batch, end to end."""

    sql_type: type[TypeEngine[Any]]
    """Of an entry's value."""
    values: Sequence[Any]
    nulls: Flags
    """Where the value counts as NULL."""
    cuts: npt.NDArray[np.int64]
    """The entries of the n-th packet are those from cuts[n] to cuts[n + 1]."""


class Histories(NamedTuple):
    """The rows of `history`, a column at a time; what a packet has no entries of is NULL."""

    ids: Sequence[int]
    columns: dict[str, Joined]


class Rows(NamedTuple):
    """What is inserted for a batch; alerts in the order of alert_columns."""

    alerts: list[Row]
    histories: Histories


def no_entries(_packet: Any) -> int:
    """How many entries are dropped where a survey has no histories."""
    return 0


@dataclass(frozen=True, eq=False, kw_only=True)
class Intake:
    """How a survey's packets become rows."""

    survey: Survey
    derive: Callable[[Sequence[Any], dict[str, list[Any]]], dict[str, list[Any]]]
    """Packets and the columns that they fill -> the survey's own derived columns."""
    join_histories: Callable[[Sequence[Any]], Histories] | None = None
    """Packets -> the rows of Survey.history, if there is one."""
    private_entries: Callable[[Any], int] = no_entries
    """How many entries of a packet's history may not be shown, and are dropped."""
    undated_entries: Callable[[Any], int] = no_entries
    """How many others of them have no time, and are dropped: points of no curve."""


@cache
def alert_columns(survey: Survey) -> tuple[str, ...]:
    """The columns of `alert` that a batch's rows fill, in their order."""
    derived = (c.name for c in survey.derived if survey.alert.c[c.name].computed is None)
    places = (f"{part}_{what}" for part in ("packet", *survey.stamps) for what in _RANGE)
    sent = (c.name for c in survey.sent)
    return (*sent, *derived, "sentinels", "extra", "payload_hash", *places)


_RANGE: Final = ("offset", "length")


def make_rows(intake: Intake, packets: Sequence[Packet], places: Sequence[Place]) -> Rows:
    """Rows of public packets; histories keep their public entries that have a time."""
    survey = intake.survey
    if not packets:
        return Rows([], Histories([], {}))
    sentinels = np.zeros(len(packets), dtype=np.int64)
    bits = {c.name: bit for bit, c in enumerate(survey.sentinels)}
    columns = {
        c.name: _column(c, values, sentinels, bits.get(c.name))
        for c, values in zip(survey.sent, _transposed(survey, packets), strict=True)
    }
    derived = _core(packets, columns) | intake.derive(packets, columns)
    made = survey.alert.c
    columns |= {c.name: derived[c.name] for c in survey.derived if made[c.name].computed is None}
    tail = [
        (int(bits), p.extra, p.payload_hash, *_flat(place))
        for bits, p, place in zip(sentinels, packets, places, strict=True)
    ]
    alerts = [
        head + end for head, end in zip(zip(*columns.values(), strict=True), tail, strict=True)
    ]
    join = intake.join_histories
    return Rows(alerts, join(packets) if join else Histories([], {}))


def _core(packets: Sequence[Packet], columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Derived columns that every survey has."""
    sky = SkyCoord(columns["ra"] * units.deg, columns["dec"] * units.deg, frame="icrs").galactic
    return {
        "object_id": [p.object_id for p in packets],
        "l": sky.l.deg.tolist(),
        "b": sky.b.deg.tolist(),
    }


def _flat(place: Place) -> Iterable[int | None]:
    for span in (place.message, *place.stamps):
        yield from span or (None, None)


def _transposed(survey: Survey, packets: Sequence[Packet]) -> Iterable[Sequence[Any]]:
    """The values of all packets for each of Survey.sent; None where a packet has none."""
    names = [c.name for c in survey.sent]
    pick = itemgetter(*names)
    try:
        # One call a packet where all have all fields, as those of the newest schema have.
        return zip(*[pick(p.fields) for p in packets], strict=True)
    except KeyError:
        return [[p.fields.get(name) for p in packets] for name in names]


def _column(
    column: Column, values: Sequence[Any], sentinels: npt.NDArray[np.int64], bit: int | None
) -> list[Any]:
    """One field of all packets; sets its bit in `sentinels` where it held its sentinel."""
    if column.kind is Kind.BOOLEAN:
        return [SIGNS.get(value) for value in values]
    if column.kind in (Kind.REAL, Kind.DOUBLE):
        numbers = numbers_of(values)
        drop = unheld(numbers, column.kind is Kind.REAL)
        if bit is not None:
            held = numbers == column.sentinel
            sentinels |= held.astype(np.int64) << bit
            drop |= held
        return _without(values, drop)
    if bit is not None:
        held = np.fromiter((v == column.sentinel for v in values), dtype=bool, count=len(values))
        sentinels |= held.astype(np.int64) << bit
        return _without(values, held)
    return list(values)


def numbers_of(values: Sequence[float | None]) -> Floats:
    """Double precision, NaN where there is none."""
    return np.array(values, dtype=np.float64)  # None becomes NaN


def unheld(numbers: Floats, real: bool) -> Flags:
    """Where a number is missing, NaN, infinite, or beyond what float32 holds in a `real` column.

    PostgreSQL sorts NaN above every number, and JSON has neither.
    """
    if real:
        with np.errstate(over="ignore"):
            return ~np.isfinite(numbers.astype(np.float32))
    return ~np.isfinite(numbers)


def _without(values: Sequence[Any], drop: Flags) -> list[Any]:
    if not drop.any():
        return list(values)
    return [None if d else v for d, v in zip(drop.tolist(), values, strict=True)]


def nulls_of(
    values: Sequence[Any], sql_type: type[TypeEngine[Any]], sentinel: float | None
) -> Flags:
    """Where a value is missing, is no number that its column holds, or is the sentinel."""
    if sql_type is Text:
        return np.fromiter((value is None for value in values), dtype=bool, count=len(values))
    numbers = numbers_of(values)
    missing: Flags = unheld(numbers, sql_type is REAL) | (numbers == sentinel)
    return missing
