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
from dev.simulator.conditions import microjansky
from dev.simulator.photometry import Detection, candidate
from dev.simulator.plan import Alert, Track, alerts
from dev.simulator.stamps import Brightness, Stamps, stamps
from dev.simulator.survey import Run, nid_of

NIGHTS: Final = 30
WITHOUT_FORCED: Final = 0.03
"""The share of alerts whose forced photometry did not come in time: null."""
Record = dict[str, Any]


class Packet(NamedTuple):
    """One alert: the message, and the record that it holds."""

    candid: int
    night: date
    message: bytes
    record: Record
    kind: str
    """What the source is: a supernova, a moving body and so on."""


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
    for alert in alerts(count, run):
        record = record_of(alert, run)
        alert.track.send(alert.visit, record["candidate"])
        exposure = alert.track.visits.exposures[alert.visit]
        kind = alert.track.source.light.kind
        yield Packet(alert.candid, exposure.night, ocf.message(record), record, kind)


def record_of(alert: Alert, run: Run) -> Record:
    """The alert's record."""
    rng = run.rng(alert.candid)
    track, visit = alert.track, alert.visit
    before = track.before(visit)
    seen = Detection(
        track.visits.exposures[visit], alert.candid, float(track.flux[visit]),
        float(track.error[visit]), past(track, visit), not track.artefact[visit],
    )  # fmt: skip
    latest = candidate(track.source, seen, alert.pid, rng)
    late = rng.random() < WITHOUT_FORCED
    return {
        "schemavsn": schema.VERSION,
        "publisher": schema.PUBLISHER,
        "objectId": track.source.object_id,
        "candid": alert.candid,
        "candidate": latest,
        "prv_candidates": track.history(before) or None,
        "fp_hists": None if late else track.forced(before, rng) or None,
        **cutouts(alert, drawn(track, seen, rng), latest["isdiffpos"] == "t"),
    }


def past(track: Track, visit: int) -> tuple[int, int, float]:
    """Detections and exposures up to this visit, and jd of the first detection."""
    detections, covered = int(track.sent[: visit + 1].sum()), visit + 1 - track.first
    if track.source.known:
        earlier, since = track.source.known
        return detections + earlier, covered + 4 * earlier, since
    return detections, covered, float(track.visits.jd[int(np.argmax(track.sent))])


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
