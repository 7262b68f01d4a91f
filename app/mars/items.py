"""Rows -> MARS's JSON: alerts, the history of one, its photometry.

Made from the one list of columns. Values are what the packet held: sentinels come back, float32
values are widened to double as they are.
"""

from collections.abc import Mapping, Sequence
from email.utils import format_datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

import asyncpg

from app.alerts.sql.search_sql import LEGACY, answered
from app.objects.lightcurve import latest
from app.search.vocabulary import ZTF
from archive import times
from archive.surveys.ztf.columns import CANDIDATE, EMPTY_TEXTS, NONE, SENTINELS
from archive.surveys.ztf.tables import FILTER_OF_FID

Alert = dict[str, Any]

CANDIDATE_KEYS: Final = tuple(
    sorted(
        {c.name for c in CANDIDATE}
        | {"wall_time", "filter", "l", "b", "deltamaglatest", "deltamagref"}
    )
)
"""The keys of `candidate`; MARS sorted the keys of its objects."""

_WHOLE: Final = answered(ZTF)
_SOURCE: Final = (*LEGACY, *_WHOLE.plain, *_WHOLE.kept, *_WHOLE.reals, "wall_time")
_AT: Final = {name: n for n, name in enumerate(_SOURCE)}
_IN_ORDER: Final = itemgetter(*(_AT[name] for name in CANDIDATE_KEYS))
_EMPTY_TEXTS: Final = tuple(_AT[name] for name in EMPTY_TEXTS)
_SIGN: Final = {True: "t", False: "f", None: None}
_LCO_ID, _PUBLISHER, _BITS = (_AT[name] for name in LEGACY)
_CANDID, _OBJECT, _ISDIFFPOS, _PACKET = (
    _AT[name] for name in ("candid", "object_id", "isdiffpos", "packet")
)


def http_date(jd: float) -> str | None:
    """UTC of a Julian date as RFC 1123 writes it, cut to the second; None if it is not a date."""
    if not times.is_date(jd):
        return None
    return format_datetime(times.datetime_of(jd), usegmt=True)


@lru_cache(maxsize=4096)
def _sentinels(bits: int) -> tuple[tuple[int, Any], ...]:
    """The places of sentinels in a row, and the value that the packet had."""
    held = [c for bit, c in enumerate(SENTINELS) if bits >> bit & 1]
    return tuple((_AT[c.name], float(NONE) if c.name in _WHOLE.reals else c.sentinel) for c in held)


def legacy_items(rows: Sequence[asyncpg.Record], api: str) -> list[Alert]:
    """Alerts as MARS shaped them, from rows that end in search_sql.LEGACY and whole alerts.

    `api` is the address of the typed API: the original packet is there.
    """
    items = []
    for row in rows:
        values = [*tuple(row)[1 - len(_SOURCE) :], http_date(row["jd"])]
        values[_ISDIFFPOS] = _SIGN[values[_ISDIFFPOS]]
        for at in _EMPTY_TEXTS:
            values[at] = values[at] or ""
        for at, sentinel in _sentinels(values[_BITS]):
            values[at] = sentinel
        candid = values[_CANDID]
        items.append(
            {
                "avro": f"{api}/alerts/{candid}/avro" if values[_PACKET] else None,
                "candid": candid,
                "candidate": dict(zip(CANDIDATE_KEYS, _IN_ORDER(values), strict=True)),
                "lco_id": values[_LCO_ID],
                "objectId": values[_OBJECT],
                "publisher": values[_PUBLISHER],
            }
        )
    return items


def non_detections(rows: Sequence[asyncpg.Record]) -> list[Alert]:
    """An object's upper limits in jd order, from all its packets (queries.read_limits).

    Each exposure counts once, and not at all if the object was detected in it.
    """
    seen = {row["pid"] for row in rows}
    for row in rows:
        seen.update(row["detection_pid"] or ())
    limits = [
        entry
        for entry in latest(rows, "limit", "pid")
        if times.is_exposure(entry["jd"]) and (entry["pid"] is None or entry["pid"] not in seen)
    ]
    return [
        {
            "candidate": {
                "diffmaglim": entry["diffmaglim"],
                "fid": entry["fid"],
                "id": entry["pid"],
                "jd": entry["jd"],
                "objectId": rows[0]["object_id"],
            }
        }
        for entry in sorted(limits, key=lambda entry: (entry["jd"], entry["pid"] or 0))
    ]


def _jd(item: Alert) -> float:
    jd: float = item["candidate"]["jd"]
    return jd


def add_history(alert: Alert, nearby: Sequence[Alert], limits: Sequence[Alert]) -> Alert:
    """The single alert: with the others at its position and its object's limits, newest first."""
    others = [other for other in nearby if other["candid"] != alert["candid"]]
    history = sorted((*others, *limits), key=_jd, reverse=True)
    return dict(sorted((alert | {"prv_candidate": history}).items()))


_POINT: Final = ("diffmaglim", "filter", "jd", "magpsf", "sigmapsf")


def photometry(alert: Alert) -> dict[str, Any]:
    """The points of a single alert (add_history) by their number: oldest first, its own last."""
    points = [*reversed(alert["prv_candidate"]), alert]
    # Not in MARS's order, which was that of the numbers as texts: 0, 1, 10, 2.
    return {str(n): _point(item["candidate"]) for n, item in enumerate(points)}


def _point(candidate: Mapping[str, Any]) -> dict[str, Any]:
    known = {"filter": FILTER_OF_FID.get(candidate["fid"]), **candidate}
    return {name: known[name] for name in _POINT if name in known}


def cutout_names(row: asyncpg.Record) -> dict[str, str]:
    """The file names of the cutouts of an alert (queries.read_places), as its packet has them."""
    candid = f"candid{row['candid']}"
    target = f"{candid}_pid{row['pid']}_targ"
    return {
        "science": f"{target}_sci.fits.gz",
        "template": f"{candid}_ref.fits.gz",
        "difference": f"{target}_{'refmsci' if row['isdiffpos'] is False else 'scimref'}.fits.gz",
    }
