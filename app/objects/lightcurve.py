"""The light curve of an object: detections, earlier detections, upper limits, forced photometry.

The four kinds are never mixed: each point has its kind. Only the histories of the object's packets,
which repeat one another, are merged; if repeats differ, the packet with the highest candid counts,
so the curve depends on the packets alone, not on their order of arrival. Formulas stand in
surveys/ztf/photometry.py.

Rows may hold any value of their type. An entry without the time of an exposure (times.is_exposure)
is left out, and so is a detection without a candid. A number that cannot be computed as a finite
double is None; null stays null.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, repeat
from math import isfinite
from operator import itemgetter
from typing import Any, Final

from app.alerts.output.items import utc_texts
from app.answers.tabular import shortest_floats
from app.surveys.ztf.photometry import (
    AB_ZERO_UJY,
    Row,
    finite_or_none,
    forced_magnitude,
    is_corrected,
    signed_flux,
    total_magnitude,
)
from archive import times
from archive.surveys.ztf.tables import FILTER_OF_FID, HISTORIES

Point = dict[str, Any]

_SECONDS_PER_DAY: Final = 86_400.0
_OBJECT: Final = itemgetter("object_id")
_NONE: Final = repeat(None)
"""In place of a list that a history lacks."""


def light_curve(rows: Sequence[Row], *, named: bool = False) -> list[Point]:
    """The points of one object in jd order, each with its `object_id` if they are to be `named`.

    `rows` are its alerts by candid, each with the history of its packet (queries.read_histories).
    Those of several objects count as one object's, but forced photometry, which is that of a place.
    """
    alerts = [row for row in rows if times.is_exposure(row["jd"])]
    candids = {None, *(row["candid"] for row in rows)}
    known = [e for e in latest(rows, "detection", "candid") if e["candid"] not in candids]
    detections = [*alerts, *known]
    pids = {row["pid"] for row in detections} - {None}
    limits = [e for e in latest(rows, "limit", "pid") if e["pid"] not in pids]
    by_object = groupby(sorted(rows, key=_OBJECT), key=_OBJECT)
    forced = [e for _, own in by_object for e in latest(list(own), "forced", "pid")]
    entries: dict[str, list[Row]] = {
        "detection": alerts,
        "earlier_detection": known,
        "upper_limit": [e for e in limits if 0 < (e["diffmaglim"] or 0) < math.inf],
        "forced": forced,
    }
    measured = [
        *_detections(detections),
        *_upper_limits(entries["upper_limit"]),
        *map(_forced, forced),
    ]
    points = list(_heads(entries, named))
    for point, own in zip(points, measured, strict=True):
        point.update(own)
    return sorted(
        points, key=lambda p: (p["jd"], p["kind"], p["pid"] or 0, int(p.get("candid") or 0))
    )


def choose_fields(points: list[Point], fields: Sequence[str]) -> list[Point]:
    """The points with the chosen keys that their kinds have, and their kind; all without any."""
    names = fields if "kind" in fields else ("kind", *fields)
    return [{n: p[n] for n in names if n in p} for p in points] if fields else points


def latest(rows: Sequence[Row], kind: str, key: str) -> list[Row]:
    """The entries of one list of all packets; among repeats of a key the last row's stands.

    An entry without a key is known by its time and band.
    """
    names = (*HISTORIES[kind], "from_candid", "object_id")
    columns = [f"{kind}_{field}" for field in HISTORIES[kind]]
    at, time = names.index(key), names.index("jd")
    chosen: dict[Any, tuple[Any, ...]] = {}
    for row in rows:
        if (times_of := row[columns[time]]) is not None:
            lists = [_NONE if row[column] is None else row[column] for column in columns]
            keys = lists[at]
            if keys is _NONE or None in keys:
                instead = zip(times_of, lists[names.index("fid")], strict=False)
                keys = [i if k is None else k for k, i in zip(keys, instead, strict=False)]
            entries = zip(*lists, repeat(row["candid"]), repeat(row["object_id"]), strict=False)
            chosen.update(zip(keys, entries, strict=False))
    # The packets of an object repeat one another: only the final entries become dicts.
    dated = [values for values in chosen.values() if times.is_exposure(values[time])]
    return [dict(zip(names, values, strict=True)) for values in dated]


def _heads(entries: Mapping[str, Sequence[Row]], named: bool) -> Iterator[Point]:
    """What every point has. Mid-exposure needs the exposure time: schema 3.1 and later.

    The times are written all at once: one by one they take as long as all the rest.
    """
    texts = iter(utc_texts([entry["jd"] for own in entries.values() for entry in own]))
    for kind, own in entries.items():
        for entry in own:
            exptime, mjd = entry.get("exptime"), times.mjd_of(entry["jd"])
            head: Point = {
                "kind": kind,
                "jd": entry["jd"],
                "mjd": mjd,
                "mjd_mid": None
                if exptime is None or not isfinite(exptime)
                else mjd + exptime / 2 / _SECONDS_PER_DAY,
                "time": next(texts),
                "filter": FILTER_OF_FID.get(entry["fid"]),
                "pid": entry["pid"],
            }
            yield head | {"object_id": _OBJECT(entry)} if named else head


_PRINTED: Final = ("magpsf", "sigmapsf", "rb", "drb")
"""Values of a detection that are shown as they are stored: single precision."""


def _detections(entries: Sequence[Row]) -> Iterator[Point]:
    first = _first_corrected(entries)
    printed = iter(shortest_floats([entry.get(name) for entry in entries for name in _PRINTED]))
    for entry, magpsf, sigmapsf, rb, drb in zip(entries, *[printed] * 4, strict=True):
        flux, flux_error = signed_flux(entry)
        total, total_error, vanished = total_magnitude(entry)
        corrected = is_corrected(entry)
        faint = not corrected and entry["isdiffpos"] is False
        yield {
            "candid": str(entry["candid"]),
            "magpsf": magpsf,
            "sigmapsf": sigmapsf,
            "isdiffpos": entry["isdiffpos"],
            "total_mag": total,
            "total_mag_err": total_error,
            "corrected": corrected,
            "dubious": faint or vanished or corrected != first[entry["fid"]],
            "flux_ujy": flux,
            "flux_ujy_err": flux_error,
            "rb": rb,
            "drb": drb,
        }


def _first_corrected(detections: Sequence[Row]) -> dict[int, bool]:
    """`corrected` of the object's first detection in each filter."""
    first: dict[int, bool] = {}
    for entry in sorted(detections, key=lambda e: (e["jd"], e["candid"])):
        first.setdefault(entry["fid"], is_corrected(entry))
    return first


def _upper_limits(entries: Sequence[Row]) -> list[Point]:
    printed = shortest_floats([entry["diffmaglim"] for entry in entries])
    return [{"diffmaglim": limit} for limit in printed]


def _forced(entry: Row) -> Point:
    flux, error = entry["forcediffimflux"], entry["forcediffimfluxunc"]
    zero = entry["magzpsci"]
    point: Point = dict.fromkeys(("flux_ujy", "flux_ujy_err", "snr", "mag", "mag_err", "limit_mag"))
    if zero is not None and isfinite(zero) and flux is not None:
        try:
            scale = 10 ** (0.4 * (AB_ZERO_UJY - zero))
        except OverflowError:
            scale = math.inf
        if isfinite(shown := flux * scale):
            point["flux_ujy"] = shown
            if error is not None and 0 < error < math.inf:
                point["flux_ujy_err"] = finite_or_none(error * scale)
                point["snr"] = finite_or_none(flux / error)
                point |= forced_magnitude(flux, error, zero)
    return point | {"procstatus": entry["procstatus"], "from_candid": str(entry["from_candid"])}
