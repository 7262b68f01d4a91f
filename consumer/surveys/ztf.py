"""ZTF's packets -> rows: what its alerts are compared with, and its histories."""

from collections.abc import Iterable, Sequence
from math import isfinite
from operator import itemgetter
from typing import Any, Final

import numpy as np
from sqlalchemy import Boolean

from archive.surveys.ztf import ZTF
from archive.surveys.ztf.layout import EARLIER, FORCED_ENTRY
from archive.surveys.ztf.packet import PUBLIC, Packet
from archive.surveys.ztf.tables import HISTORIES
from consumer.rows import MAX_REAL, SIGNS, Histories, Intake, Joined, Row, nulls_of

_NO_REFERENCE: Final = frozenset({"distnr", "magnr", "sigmagnr"})
_SENTINELS: Final = {"detection": -999.0, "forced": -99999.0}


def private_entries(packet: Packet) -> int:
    """How many entries of its history belong to another programme, and are dropped."""
    return len([e for e in (*packet.earlier, *packet.forced) if e[0] != PUBLIC])


def undated_entries(packet: Packet) -> int:
    """How many public entries of its history have no time, and are dropped: points of no curve."""
    entries = (*packet.earlier, *packet.forced)
    return len(entries) - private_entries(packet) - len(_kept(entries))


def _kept(entries: Iterable[Row]) -> list[Row]:
    """The entries of a history that are public and have a time; programid and jd lead in each."""
    # No function for one entry: of sixty in each packet the calls would be half of the time.
    return [e for e in entries if e[0] == PUBLIC and e[1] is not None and isfinite(e[1])]


def _derived(packets: Sequence[Packet], columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {
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


_LATEST: Final = itemgetter(
    *map(EARLIER.index, ("programid", "candid", "fid", "jd", "magpsf", "isdiffpos"))
)


def _delta_latest(packet: Packet, magpsf: float | None) -> float | None:
    """`magpsf` minus that of the newest earlier detection of the packet in the same filter.

    None where the two subtractions have different signs: their magnitudes say nothing of a change.
    Where several share the newest jd the first in the packet counts.
    """
    newest, before, sign = -1.0, None, None
    fid = packet.fields["fid"]
    for programid, candid, entry_fid, jd, entry_magpsf, isdiffpos in map(_LATEST, packet.earlier):
        public = programid == PUBLIC and candid is not None
        if public and entry_fid == fid and jd is not None and newest < jd < np.inf:
            newest, before, sign = jd, entry_magpsf, SIGNS.get(isdiffpos)
    same = sign is not None and sign == SIGNS.get(packet.fields.get("isdiffpos"))
    if not same or magpsf is None or before is None or abs(before) > MAX_REAL:
        return None
    delta = float(magpsf - before)
    return delta if isfinite(delta) else None


def _histories(packets: Sequence[Packet]) -> Histories:
    candid = EARLIER.index("candid")
    entries: dict[str, list[list[Row]]] = {"limit": [], "detection": [], "forced": []}
    for p in packets:
        kept = _kept(p.earlier)
        entries["limit"].append([entry for entry in kept if entry[candid] is None])
        entries["detection"].append([entry for entry in kept if entry[candid] is not None])
        entries["forced"].append(_kept(p.forced))
    columns: dict[str, Joined] = {}
    for kind, lists in entries.items():
        columns |= _joined(kind, lists, FORCED_ENTRY if kind == "forced" else EARLIER)
    return Histories([p.id for p in packets], columns)


def _joined(kind: str, lists: list[list[Row]], names: Sequence[str]) -> dict[str, Joined]:
    """The entries of all packets, joined and cleaned a field at a time."""
    cuts = np.cumsum([0, *map(len, lists)])
    pick = itemgetter(*(names.index(field) for field in HISTORIES[kind]))
    columns = list(zip(*(pick(entry) for entries in lists for entry in entries), strict=True))
    joined = {}
    for n, (field, sql_type) in enumerate(HISTORIES[kind].items()):
        values = columns[n] if columns else ()
        if sql_type is Boolean:
            values = tuple(SIGNS.get(value) for value in values)
        can_be_missing = kind == "forced" or field in _NO_REFERENCE
        sentinel = _SENTINELS.get(kind) if can_be_missing else None
        joined[f"{kind}_{field}"] = Joined(
            sql_type, values, nulls_of(values, sql_type, sentinel), cuts
        )
    return joined


ZTF_INTAKE: Final = Intake(
    survey=ZTF,
    derive=_derived,
    join_histories=_histories,
    private_entries=private_entries,
    undated_entries=undated_entries,
)
