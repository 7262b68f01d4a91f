"""Which alerts there will be: sources are drawn until they give as many alerts as are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.random import Generator

from dev.simulator.photometry import candid_of
from dev.simulator.sources import Source, source
from dev.simulator.survey import HISTORY_NIGHTS, Run, Schedule, Visits, microjansky

NUMBERS_IN_IMAGE: Final = 1000
DETECTION_SIGMA: Final = 5.0


@dataclass(frozen=True)
class Track:
    """A source and what every exposure of its field measured of it."""

    source: Source
    visits: Visits
    flux: np.ndarray
    """Signed, in microjansky, with noise."""
    error: np.ndarray
    detected: np.ndarray
    sent: np.ndarray
    """Those of the detections that are alerts; the others were made before the first night."""

    @cached_property
    def first(self) -> int:
        """The first exposure that is known of: for a newcomer that of its first alert."""
        return int(np.argmax(self.sent)) if self.source.newcomer else 0

    def before(self, visit: int) -> range:
        """The exposures of the 30 days before a visit."""
        jd = self.visits.jd
        earliest = int(np.searchsorted(jd, jd[visit] - HISTORY_NIGHTS))
        return range(max(earliest, self.first), visit)


class Alert(NamedTuple):
    """An alert to be made: its candid, and which visit of which track it is."""

    candid: int
    pid: int
    track: Track
    visit: int


def alerts(count: int, run: Run) -> Iterator[Alert]:
    """`count` alerts in order of candid. Within an image they are numbered from a drawn number."""
    pids, signs, owners = [], [], []
    found = tracks(count, run)
    for number, one in enumerate(found):
        for visit in np.flatnonzero(one.sent).tolist():
            pids.append(one.visits.exposures[visit].pid(one.source.place.rcid, run.tail))
            signs.append(bool(one.flux[visit] > 0))
            owners.append((number, visit))
    first = in_image = int(run.rng(3).integers(NUMBERS_IN_IMAGE))
    previous = (0, False)
    for k in np.lexsort((np.array(signs, bool), np.array(pids, np.int64))).tolist():
        image = (pids[k], signs[k])
        in_image = in_image + 1 if image == previous else first
        previous = image
        number, visit = owners[k]
        yield Alert(candid_of(*image, in_image), pids[k], found[number], visit)


def tracks(count: int, run: Run) -> list[Track]:
    """Tracks that give `count` alerts; of the last track, the latest detections are taken."""
    schedule = Schedule(run)
    found: list[Track] = []
    number, left = 0, count
    while left > 0:
        one = source(run, number)
        rng = run.rng(number, 11)
        seen = track(one, schedule.visits(one.place.field), rng, run.start, left)
        if seen.sent.any():
            left -= int(seen.sent.sum())
            found.append(seen)
        number += 1
    return found


def track(one: Source, visits: Visits, rng: Generator, start: float, wanted: int) -> Track:
    """One source through every visit of its field: measured, and detected above 5 sigma."""
    error = microjansky(visits.limit) / DETECTION_SIGMA
    flux = one.light.flux(visits.jd, visits.fid) + error * rng.standard_normal(len(error))
    detected = np.abs(flux) > DETECTION_SIGMA * error
    sent = detected & (visits.jd >= start)
    surplus = max(int(sent.sum()) - wanted, 0)
    sent[np.flatnonzero(sent)[:surplus]] = False
    return Track(one, visits, flux, error, detected, sent)
