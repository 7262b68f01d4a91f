"""Packets -> rows of `alert` and `history`, a whole batch at once, one numpy call a column.

Called one packet at a time, the galactic coordinates alone would cost 1.4 ms each.
"""

import math
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from astropy import units
from astropy.coordinates import SkyCoord
from sqlalchemy import REAL, Boolean, Text
from sqlalchemy.types import TypeEngine

from archive.columns import CANDIDATE, DERIVED, SENTINELS, Column, Kind
from archive.layout import EARLIER, FORCED_ENTRY
from archive.packet import Packet
from archive.tables import HISTORIES, STAMPS

Row = tuple[Any, ...]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_DERIVED: Final = tuple(c.name for c in DERIVED if c.name != "filter")
_PLACE: Final = (
    "packet_offset",
    "packet_length",
    *(f"{stamp}_{part}" for stamp in STAMPS for part in ("offset", "length")),
)
ALERT_COLUMNS: Final = (
    *(c.name for c in CANDIDATE),
    *_DERIVED,
    "sentinels",
    "extra",
    "payload_hash",
    *_PLACE,
)
PUBLIC: Final = 1

# Every spelling that has been seen in ten years of packets.
_SIGNS: Final[dict[Any, bool]] = dict.fromkeys(
    ("t", "T", "true", "y", "Y", "1", "True"), True
) | dict.fromkeys(("f", "F", "false", "n", "N", "0", "False"), False)
_NO_REFERENCE: Final = frozenset({"distnr", "magnr", "sigmagnr"})
_HISTORY_SENTINELS: Final = {"detection": -999.0, "forced": -99999.0}
_MAX_REAL: Final = float(np.finfo(np.float32).max)
_BIT: Final = {c.name: bit for bit, c in enumerate(SENTINELS)}


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

    candids: Sequence[int]
    columns: dict[str, Joined]


class Rows(NamedTuple):
    """What is inserted for a batch; alerts in the order of ALERT_COLUMNS."""

    alerts: list[Row]
    histories: Histories


def make_rows(packets: Sequence[Packet], places: Sequence[Place]) -> Rows:
    """Rows of public packets; histories keep their public entries that have a time.

    `private_entries` and `undated_entries` tell how many were dropped.
    """
    if not packets:
        return Rows([], Histories([], {}))
    sentinels = np.zeros(len(packets), dtype=np.int64)
    columns = {c.name: _column(c, packets, sentinels) for c in CANDIDATE}
    columns |= _derived(packets, columns)
    tail = [
        (int(bits), p.extra, p.payload_hash, *_flat(place))
        for bits, p, place in zip(sentinels, packets, places, strict=True)
    ]
    alerts = [
        head + end for head, end in zip(zip(*columns.values(), strict=True), tail, strict=True)
    ]
    return Rows(alerts, _histories(packets))


def private_entries(packet: Packet) -> int:
    """How many entries of its history belong to another programme, and are dropped."""
    return sum(entry[0] != PUBLIC for entry in (*packet.earlier, *packet.forced))


def undated_entries(packet: Packet) -> int:
    """How many public entries of its history have no time, and are dropped: points of no curve."""
    entries = (*packet.earlier, *packet.forced)
    return sum(entry[0] == PUBLIC and not _is_kept(entry) for entry in entries)


def _is_kept(entry: Row) -> bool:
    """Whether an entry of a history is public and has a time; programid and jd lead in each."""
    programid, jd = entry[0], entry[1]
    return programid == PUBLIC and jd is not None and math.isfinite(jd)


def _flat(place: Place) -> Iterable[int | None]:
    for span in (place.message, *place.stamps):
        yield from span or (None, None)


def _column(
    column: Column, packets: Sequence[Packet], sentinels: npt.NDArray[np.int64]
) -> list[Any]:
    """One candidate field of all packets; marks in `sentinels` where it held its sentinel."""
    name = column.name
    values = [p.candidate.get(name) for p in packets]
    if column.kind is Kind.BOOLEAN:
        return [_SIGNS.get(value) for value in values]
    if column.kind in (Kind.REAL, Kind.DOUBLE):
        numbers = _numbers(values)
        drop = _unheld(numbers, column.kind is Kind.REAL)
        if column.sentinel is not None:
            held = numbers == column.sentinel
            sentinels |= held.astype(np.int64) << _BIT[name]
            drop |= held
        return _without(values, drop)
    if column.sentinel is not None:
        held = np.fromiter((v == column.sentinel for v in values), dtype=bool, count=len(values))
        sentinels |= held.astype(np.int64) << _BIT[name]
        return _without(values, held)
    return values


def _numbers(values: Sequence[float | None]) -> Floats:
    return np.array(values, dtype=np.float64)  # None becomes NaN


def _unheld(numbers: Floats, real: bool) -> Flags:
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


def _derived(packets: Sequence[Packet], columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    sky = SkyCoord(columns["ra"] * units.deg, columns["dec"] * units.deg, frame="icrs").galactic
    derived = {
        "object_id": [p.object_id for p in packets],
        "l": sky.l.deg.tolist(),
        "b": sky.b.deg.tolist(),
        "deltamaglatest": [
            _delta_latest(p, magpsf) for p, magpsf in zip(packets, columns["magpsf"], strict=True)
        ],
        "deltamagref": [
            None
            if magnr is None or magpsf is None or distnr is None or distnr >= 2
            else magnr - magpsf
            for magnr, magpsf, distnr in zip(
                columns["magnr"], columns["magpsf"], columns["distnr"], strict=True
            )
        ],
        "schemavsn": [p.schemavsn for p in packets],
        "publisher": [p.publisher for p in packets],
    }
    return {name: derived[name] for name in _DERIVED}


_LATEST: Final = itemgetter(
    *map(EARLIER.index, ("programid", "candid", "fid", "jd", "magpsf", "isdiffpos"))
)


def _delta_latest(packet: Packet, magpsf: float | None) -> float | None:
    """`magpsf` minus that of the newest earlier detection of the packet in the same filter.

    None where the two subtractions have different signs: their magnitudes say nothing of a change.
    Where several share the newest jd the first in the packet counts.
    """
    newest, before, sign = -1.0, None, None
    fid = packet.candidate["fid"]
    for programid, candid, entry_fid, jd, entry_magpsf, isdiffpos in map(_LATEST, packet.earlier):
        public = programid == PUBLIC and candid is not None
        if public and entry_fid == fid and jd is not None and newest < jd < np.inf:
            newest, before, sign = jd, entry_magpsf, _SIGNS.get(isdiffpos)
    same = sign is not None and sign == _SIGNS.get(packet.candidate.get("isdiffpos"))
    if not same or magpsf is None or before is None or abs(before) > _MAX_REAL:
        return None
    delta = float(magpsf - before)
    return delta if math.isfinite(delta) else None


def _histories(packets: Sequence[Packet]) -> Histories:
    candid = EARLIER.index("candid")
    entries: dict[str, list[list[Row]]] = {"limit": [], "detection": [], "forced": []}
    for p in packets:
        kept = list(filter(_is_kept, p.earlier))
        entries["limit"].append([entry for entry in kept if entry[candid] is None])
        entries["detection"].append([entry for entry in kept if entry[candid] is not None])
        entries["forced"].append(list(filter(_is_kept, p.forced)))
    columns: dict[str, Joined] = {}
    for kind, lists in entries.items():
        columns |= _joined(kind, lists, FORCED_ENTRY if kind == "forced" else EARLIER)
    return Histories([p.candid for p in packets], columns)


def _joined(kind: str, lists: list[list[Row]], names: Sequence[str]) -> dict[str, Joined]:
    """The entries of all packets, joined and cleaned a field at a time."""
    cuts = np.cumsum([0, *map(len, lists)])
    pick = itemgetter(*(names.index(field) for field in HISTORIES[kind]))
    columns = list(zip(*(pick(entry) for entries in lists for entry in entries), strict=True))
    joined = {}
    for n, (field, sql_type) in enumerate(HISTORIES[kind].items()):
        values = columns[n] if columns else ()
        if sql_type is Boolean:
            values = tuple(_SIGNS.get(value) for value in values)
        can_be_missing = kind == "forced" or field in _NO_REFERENCE
        sentinel = _HISTORY_SENTINELS.get(kind) if can_be_missing else None
        joined[f"{kind}_{field}"] = Joined(
            sql_type, values, _nulls(values, sql_type, sentinel), cuts
        )
    return joined


def _nulls(values: Sequence[Any], sql_type: type[TypeEngine[Any]], sentinel: float | None) -> Flags:
    """Where a value is missing, is no number that its column holds, or is the sentinel."""
    if sql_type is Text:
        return np.fromiter((value is None for value in values), dtype=bool, count=len(values))
    numbers = _numbers(values)
    missing: Flags = _unheld(numbers, sql_type is REAL) | (numbers == sentinel)
    return missing
