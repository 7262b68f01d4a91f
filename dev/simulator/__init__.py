"""A sky that is observed night after night, and the alerts it gives, in ZTF's schema 4.02.

    for packet in simulate(1000, seed=1):
        packet.message      # the bytes that ZTF would put into Kafka

The same arguments give the same bytes. Everything is drawn: no value is from a real alert.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.random import Generator

from dev.simulator import ocf, schema
from dev.simulator.photometry import (
    Detection,
    candidate,
    detection,
    forced,
    limit,
)
from dev.simulator.plan import Alert, Track, alerts
from dev.simulator.stamps import Brightness, Stamps, stamps
from dev.simulator.survey import Run, microjansky, nid_of

NIGHTS: Final = 30
Record = dict[str, Any]


class Packet(NamedTuple):
    """One alert: the message, and the record that it holds."""

    candid: int
    night: date
    message: bytes
    record: Record


def tonight() -> date:
    """The night that goes on, or comes next, at Palomar: the day in UTC."""
    return datetime.now(UTC).date()


def simulate(
    count: int, seed: int, night: date | None = None, nights: int = NIGHTS
) -> Iterator[Packet]:
    """`count` alerts in order of time; the last of the `nights` nights is `night` (or tonight).

    What is drawn for an alert follows from its candid: a larger count adds objects and leaves
    the alerts of the others as they are, but for the object at which the smaller one ended.
    """
    run = Run(seed, nid_of(night or tonight()), nights)
    sent: dict[str, dict[int, Record]] = {}
    for alert in alerts(count, run):
        known = sent.setdefault(alert.track.source.object_id, {})
        record = record_of(alert, known, run)
        known[alert.visit] = detection(record["candidate"])
        exposure = alert.track.visits.exposures[alert.visit]
        yield Packet(alert.candid, exposure.night, ocf.message(record), record)


def record_of(alert: Alert, known: dict[int, Record], run: Run) -> Record:
    """The alert's record; `known` holds the detections sent before, by visit."""
    rng = run.rng(alert.candid)
    track, visit = alert.track, alert.visit
    exposure = track.visits.exposures[visit]
    before = track.before(visit)
    for old in [one for one in known if one < before.start]:
        del known[old]
    seen = Detection(
        exposure, alert.candid, float(track.flux[visit]), float(track.error[visit]),
        past(track, visit),
    )  # fmt: skip
    latest = candidate(track.source, seen, alert.pid, rng)
    return {
        "schemavsn": schema.VERSION,
        "publisher": schema.PUBLISHER,
        "objectId": track.source.object_id,
        "candid": alert.candid,
        "candidate": latest,
        "prv_candidates": history(track, before, known, run.tail) or None,
        "fp_hists": forced_history(track, before, run.tail, rng) or None,
        **cutouts(alert, drawn(track, seen, rng), latest["isdiffpos"] == "t"),
    }


def past(track: Track, visit: int) -> tuple[int, int, float]:
    """Detections and exposures up to this visit, and jd of the first detection."""
    first = int(np.argmax(track.sent))
    detections = int(track.sent[: visit + 1].sum())
    return detections, visit + 1 - track.first, float(track.visits.jd[first])


def history(track: Track, before: range, known: dict[int, Record], tail: int) -> list[Record]:
    """Detections sent before and upper limits, in order of time."""
    place, found = track.source.place, []
    for visit in before:
        if visit in known:
            found.append(known[visit])
        elif not track.detected[visit]:
            exposure = track.visits.exposures[visit]
            found.append(limit(exposure, place, exposure.pid(place.rcid, tail)))
    return found


def forced_history(track: Track, before: range, tail: int, rng: Generator) -> list[Record]:
    """Forced photometry at this alert's position, the latest first.

    The position differs a little from alert to alert, and so does the flux.
    """
    rcid = track.source.place.rcid
    moved = rng.normal(0, 0.2, len(before)).tolist()
    chance = rng.random(len(before)).tolist()
    found = []
    for visit, shift, luck in zip(reversed(before), moved, chance, strict=True):
        exposure = track.visits.exposures[visit]
        error = float(track.error[visit])
        measured = (float(track.flux[visit]) + shift * error, error)
        found.append(forced(track.source, exposure, exposure.pid(rcid, tail), measured, luck))
    return found


def drawn(track: Track, seen: Detection, rng: Generator) -> Stamps:
    """The three stamps, with the source in them as bright as it was measured."""
    exposure = seen.exposure
    counts = exposure.counts
    near = track.source.references
    reference = microjansky(near[exposure.fid - 1].magnr) if near else 0.0
    light = Brightness(reference * counts, seen.flux * counts, exposure.pixel_noise)
    return stamps(light, exposure.seeing, rng)


def cutouts(alert: Alert, images: Stamps, positive: bool) -> Record:
    """The stamps under the names that ZTF gives them."""
    image = f"candid{alert.candid}_pid{alert.pid}_targ"
    difference = f"{image}_scimref" if positive else f"{image}_refmsci"
    names = (f"{image}_sci", f"candid{alert.candid}_ref", difference)
    kinds = ("cutoutScience", "cutoutTemplate", "cutoutDifference")
    return {
        kind: {"fileName": f"{name}.fits.gz", "stampData": data}
        for kind, name, data in zip(kinds, names, images, strict=True)
    }


__all__ = ["Packet", "simulate", "tonight"]
