"""Which alerts there will be: sources are drawn until they give as many alerts as are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.random import Generator

from dev.simulator.conditions import microjansky
from dev.simulator.encoding import Entry
from dev.simulator.forced import Exposed, forced
from dev.simulator.lights import ConstantStar
from dev.simulator.photometry import candid_of, detection, limit
from dev.simulator.sources import Sky, Source
from dev.simulator.survey import HISTORY_NIGHTS, Run, Schedule, Visits

Record = dict[str, Any]

NUMBERS_IN_IMAGE: Final = 1000
DETECTION_SIGMA: Final = 5.0
# How often the subtraction of a constant star leaves a trace that passes for a detection.
ARTEFACTS: Final = 0.01


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
    artefact: np.ndarray
    """Those of the detections that show nothing real."""
    tail: int
    """The last two digits of every pid."""
    _entries: dict[int, Entry] = field(default_factory=dict)
    _exposed: dict[int, Exposed] = field(default_factory=dict)

    @cached_property
    def first(self) -> int:
        """The first exposure that is known of: for a newcomer that of its first alert."""
        return int(np.argmax(self.sent)) if self.source.newcomer else 0

    def before(self, visit: int) -> range:
        """The exposures of the 30 days before a visit."""
        jd = self.visits.jd
        earliest = int(np.searchsorted(jd, jd[visit] - HISTORY_NIGHTS))
        return range(max(earliest, self.first), visit)

    def pid(self, visit: int) -> int:
        """The processing id of the source's quadrant in a visit."""
        return self.visits.exposures[visit].pid(self.source.place.rcid, self.tail)

    def send(self, visit: int, record: Record) -> None:
        """Remember a visit's alert for the histories of later ones, and forget what is past."""
        self._entries[visit] = detection(record)
        past = self.before(visit).start if self.sent[visit + 1 :].any() else visit + 1
        for kept in (self._entries, self._exposed):
            for old in [one for one in kept if one < past]:
                del kept[old]

    def history(self, before: range) -> list[Entry]:
        """Detections sent before and upper limits, in order of time."""
        found = []
        for visit in before:
            entry = self._entries.get(visit)
            if entry is None and not self.detected[visit]:
                exposure = self.visits.exposures[visit]
                entry = limit(exposure, self.source.place, self.pid(visit))
                self._entries[visit] = entry
            if entry is not None:
                found.append(entry)
        return found

    def forced(self, before: range, rng: Generator) -> list[Entry]:
        """Forced photometry at one alert's position, the latest first."""
        for visit in before:
            if visit not in self._exposed:
                exposure = self.visits.exposures[visit]
                self._exposed[visit] = Exposed(self.source, exposure, self.pid(visit))
        exposed = [self._exposed[visit] for visit in reversed(before)]
        part = slice(before.start, before.stop)
        return forced(exposed, self.flux[part][::-1], self.error[part][::-1], rng)


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
            pids.append(one.pid(visit))
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
    sky = Sky(run, schedule)
    found: list[Track] = []
    number, left = 0, count
    while left > 0:
        rng = run.rng(number, 11)
        for one in sky.sources(number):
            seen = track(one, schedule.visits(one.place.field), rng, run, left)
            if seen.sent.any():
                left -= int(seen.sent.sum())
                found.append(seen)
        number += 1
    return found


def track(one: Source, visits: Visits, rng: Generator, run: Run, wanted: int) -> Track:
    """One source through every visit of its field: measured, and detected above 5 sigma."""
    error = microjansky(visits.limit) / DETECTION_SIGMA
    flux = one.light.flux(visits.jd, visits.fid) + error * rng.standard_normal(len(error))
    artefact = np.zeros(len(error), bool)
    if isinstance(one.light, ConstantStar):
        artefact = rng.random(len(error)) < ARTEFACTS
        traces = error * rng.uniform(5.2, 9, len(error)) * rng.choice((-1, 1), len(error))
        flux = np.where(artefact, traces, flux)
    detected = np.abs(flux) > DETECTION_SIGMA * error
    sent = detected & (visits.jd >= run.start)
    surplus = max(int(sent.sum()) - wanted, 0)
    sent[np.flatnonzero(sent)[:surplus]] = False
    return Track(one, visits, flux, error, detected, sent, artefact, run.tail)
