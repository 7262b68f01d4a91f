"""Builders of packets: a test names what it is about, the rest is one simulated alert."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

from dev.simulator import ocf, photometry, schema, simulate
from dev.simulator.survey import JD_OF_FIRST_NIGHT

Record = dict[str, Any]

AS_SIMULATED: Any = object()
CUTOUTS = ("cutoutScience", "cutoutTemplate", "cutoutDifference")


def packet(*, codec: ocf.Codec = "null", records: int = 1, **changes: Any) -> bytes:
    """A message, with `records` alerts of consecutive candids; for `changes` see `alert`."""
    first = alert(**changes)
    candid = first["candid"]
    later = [alert(**{**changes, "candid": candid + n}) for n in range(1, records)]
    bodies = [ocf.encoded(one) for one in [first, *later][:records]]
    return ocf.container(bodies, ocf.sync_marker(candid), codec)


def alert(
    *,
    object_id: str | None = None,
    prv_candidates: list[Record] | None = None,
    fp_hists: list[Record] | None = None,
    cutouts: Any = AS_SIMULATED,
    **candidate: Any,
) -> Record:
    """The record of one public alert without history; other names are fields of its candidate.

    pid, nid, rcid and jd follow from candid (candid from jd) unless they are given.
    `cutouts` is None, or up to three stamps' bytes or None: science, template, difference.
    """
    base = _simulated()
    latest = _changed(base["candidate"], candidate, "candid")
    stamps = {kind: base[kind] for kind in CUTOUTS}
    if cutouts is not AS_SIMULATED:
        given = (*(cutouts or ()), None, None, None)[:3]
        for kind, data in zip(CUTOUTS, given, strict=True):
            stamps[kind] = data if data is None else {**base[kind], "stampData": data}
    return {
        "schemavsn": schema.VERSION,
        "publisher": schema.PUBLISHER,
        "objectId": object_id or base["objectId"],
        "candid": latest["candid"],
        "candidate": latest,
        "prv_candidates": prv_candidates,
        "fp_hists": fp_hists,
        **stamps,
    }


def detection(**changes: Any) -> Record:
    """An entry of prv_candidates: an earlier alert of the object."""
    return _changed(photometry.detection(_simulated()["candidate"]), changes, "candid")


def limit(**changes: Any) -> Record:
    """An entry of prv_candidates: an exposure that saw nothing, down to diffmaglim."""
    seen = detection()
    known = {name: seen[name] for name in _limits_alone()}
    return _changed(photometry.EMPTY | known, changes, "pid")


def forced(**changes: Any) -> Record:
    """An entry of fp_hists, with a flux and procstatus 0."""
    return _changed(_simulated()["fp_hists"][0] | {"procstatus": "0"}, changes, "pid")


@cache
def _simulated() -> Record:
    """An alert with all its lists; its forced fluxes are there."""
    packets = simulate(20, seed=0, night=date(2026, 1, 31))
    for one in packets:
        latest, forced = one.record["candidate"], one.record["fp_hists"]
        if latest["magnr"] > 0 and forced and forced[0]["procstatus"] == "0":
            return one.record
    raise AssertionError("no alert with forced photometry among the first")


@cache
def _limits_alone() -> tuple[str, ...]:
    """The fields that an upper limit has."""
    histories = (one.record["prv_candidates"] or [] for one in simulate(20, 0, date(2026, 1, 31)))
    found = next(one for history in histories for one in history if one["candid"] is None)
    return tuple(name for name, value in found.items() if value is not None)


def _changed(entry: Record, changes: Record, key: str) -> Record:
    """The entry with changes, and with what follows from its key (candid or pid) or its jd."""
    unknown = changes.keys() - entry.keys()
    if unknown:
        raise TypeError(f"no such fields: {sorted(unknown)}")
    follows: Record = {}
    if changes.get(key) is not None:
        pid = changes[key] // 1_000_000 if key == "candid" else changes[key]
        follows = {"pid": pid, "jd": _jd_of(pid)}
    elif "jd" in changes:
        pid = _pid_of(changes["jd"])
        follows = {"pid": pid} | ({"candid": pid * 1_000_000 + 15_000} if key == "candid" else {})
    merged = entry | follows | changes
    numbers = {"nid": merged["pid"] // 10**9, "rcid": merged["pid"] % 10_000 // 100}
    return merged | {
        name: value for name, value in numbers.items() if name in entry and name not in changes
    }


def _jd_of(pid: int) -> float:
    """Night and hundred-thousandth of the day."""
    return JD_OF_FIRST_NIGHT + pid // 10**9 + pid // 10_000 % 100_000 / 100_000


def _pid_of(jd: float) -> int:
    """An exposure of quadrant 0 that began at this time."""
    hundred_thousandths = int((jd - JD_OF_FIRST_NIGHT) * 100_000 + 1e-4)
    return hundred_thousandths * 10_000 + 15
