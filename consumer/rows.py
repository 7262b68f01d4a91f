"""Packets -> rows of `alert` and `history`, a whole batch at once, one numpy call a column.

Called one packet at a time, the galactic coordinates alone would cost 1.4 ms each.
"""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from astropy import units
from astropy.coordinates import SkyCoord
from sqlalchemy import Boolean
from sqlalchemy.types import TypeEngine

from archive.columns import CANDIDATE, DERIVED, SENTINELS, Column, Kind
from archive.packet import EARLIER, FORCED_ENTRY, Packet
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
    """Rows of public packets; histories keep their public entries only (see `private_entries`)."""
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
        return _clean(values, column.sentinel, sentinels, _BIT.get(name, 0))
    if column.sentinel is not None:
        held = np.fromiter((v == column.sentinel for v in values), dtype=bool, count=len(values))
        sentinels |= held.astype(np.int64) << _BIT[name]
        return [None if h else v for h, v in zip(held, values, strict=True)]
    return values


def _clean(
    values: Sequence[float | None],
    sentinel: float | str | None = None,
    sentinels: npt.NDArray[np.int64] | None = None,
    bit: int = 0,
) -> list[float | None]:
    """The values with NaN, infinities and the sentinel as None.

    PostgreSQL sorts NaN above every number, and JSON has neither.
    """
    numbers: Floats = np.array(values, dtype=np.float64)  # None becomes NaN
    drop = ~np.isfinite(numbers)
    if sentinel is not None:
        held = numbers == sentinel
        drop |= held
        if sentinels is not None:
            sentinels |= held.astype(np.int64) << bit
    if not drop.any():
        return list(values)
    return [None if d else v for d, v in zip(drop.tolist(), values, strict=True)]


def _derived(packets: Sequence[Packet], columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    sky = SkyCoord(columns["ra"] * units.deg, columns["dec"] * units.deg, frame="icrs").galactic
    derived = {
        "object_id": [p.object_id for p in packets],
        "l": sky.l.deg.tolist(),
        "b": sky.b.deg.tolist(),
        "deltamaglatest": [_delta_latest(p) for p in packets],
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


def _delta_latest(packet: Packet) -> float | None:
    """magpsf minus that of the newest earlier detection of the packet in the same filter.

    None where the two subtractions have different signs: their magnitudes say nothing of a change.
    Where several share the newest jd the first in the packet counts.
    """
    newest, before, sign = -1.0, None, None
    fid = packet.candidate["fid"]
    for programid, candid, entry_fid, jd, magpsf, isdiffpos in map(_LATEST, packet.earlier):
        if programid == PUBLIC and candid is not None and entry_fid == fid and jd > newest:
            newest, before, sign = jd, magpsf, _SIGNS.get(isdiffpos)
    magpsf = packet.candidate["magpsf"]
    same = sign is not None and sign == _SIGNS.get(packet.candidate["isdiffpos"])
    if not same or before is None or magpsf is None or not np.isfinite(magpsf - before):
        return None
    return float(magpsf - before)


def _histories(packets: Sequence[Packet]) -> Histories:
    candid = EARLIER.index("candid")
    entries: dict[str, list[list[Row]]] = {"limit": [], "detection": [], "forced": []}
    for p in packets:
        public = [entry for entry in p.earlier if entry[0] == PUBLIC]
        entries["limit"].append([entry for entry in public if entry[candid] is None])
        entries["detection"].append([entry for entry in public if entry[candid] is not None])
        entries["forced"].append([entry for entry in p.forced if entry[0] == PUBLIC])
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
        joined[f"{kind}_{field}"] = Joined(sql_type, values, _nulls(values, sentinel), cuts)
    return joined


def _nulls(values: Sequence[Any], sentinel: float | None) -> Flags:
    """Where a value is missing, NaN, infinite or the sentinel."""
    if any(isinstance(value, str) for value in values[:50]):
        return np.array([value is None for value in values], dtype=bool)
    numbers: Floats = np.array(values, dtype=np.float64)
    missing: Flags = ~np.isfinite(numbers) | (numbers == sentinel)
    return missing
