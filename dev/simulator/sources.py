"""What is in the sky, each by seed and number: stars, nuclei, supernovae, bodies that move."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import asin, cos, degrees, hypot, radians, sin
from typing import Any, Final

import numpy as np
from numpy.random import Generator

from dev.simulator.catalogues import NO_VALUE, Reference, neighbours, references_of
from dev.simulator.ephemeris import Orbit, orbits
from dev.simulator.landmarks import (
    BODY,
    LANDMARKS,
    YEAR,
    designation,
    light_of_landmark,
    orbit,
    rng_of,
)
from dev.simulator.lights import (
    SHAPES,
    ActiveNucleus,
    ConstantStar,
    IrregularStar,
    Light,
    Magnitudes,
    Passage,
    PeriodicStar,
    Supernova,
)
from dev.simulator.survey import (
    JD_OF_FIRST_NIGHT,
    SOUTHERN_LIMIT,
    Place,
    Run,
    Schedule,
    night_of,
    place,
    places,
)

SOUTHERNMOST: Final = -31.0
# The first sources of every seed: in turn a star by the pole, one across RA 0, and one of these,
# far in the north (three are landmarks). The Sun hides none of them, and all are bright: also a
# small run shows them.
SHOWN: Final = ("supernova", "body", "nucleus", "irregular", "supernova", "body")
AT_THE_EDGES: Final = 3 * len(SHOWN)
LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
# Of a hundred sources: bodies, supernovae, nuclei, constant and irregular stars; the rest have a
# period.
KINDS: Final = ("body",) * 12 + ("supernova",) * 25 + ("nucleus",) * 13 + (
    "constant",) * 12 + ("irregular",) * 8 + ("periodic",) * 30  # fmt: skip
# Julian date of the survey's first public alerts.
FIRST_ALERTS: Final = 2458270.5


@dataclass(frozen=True, slots=True)
class Source:
    """One object of the survey: where it is, how it shines, and what is near it."""

    object_id: str
    ra: float
    dec: float
    place: Place
    light: Light
    newcomer: bool
    """Nothing is known of its position before its first alert: that alert has no history."""
    known: tuple[int, float] | None
    """Detections before this run, and the first one's Julian date."""
    references: tuple[Reference, Reference, Reference] | None
    ranr: float
    decnr: float
    neighbours: dict[str, Any]
    """The candidate's fields about catalogues: Pan-STARRS, Gaia, bodies of the solar system."""


def row_of(run: Run) -> int:
    """Where the names of a run begin in the row of all names."""
    return run.seed * 20_000_003 + run.last_nid * 1_300_021 + run.nights * 100_003


def name_of(place_in_row: int, year: int) -> str:
    """An object name like ZTF's, two digits of the year and seven letters.

    Multiplying by a prime that does not divide 26^7 only permutes the names.
    """
    left = place_in_row * 1_000_000_007 % 26**7
    letters = ""
    for _ in range(7):
        left, letter = divmod(left, 26)
        letters += LETTERS[letter]
    return f"ZTF{year % 100:02d}{letters}"


def landmark_name(seed: int, number: int) -> str:
    """The name of a landmark; those of runs begin millions behind, with the nights since 2017."""
    return name_of(seed * 20_000_003 + number, YEAR)


def somewhere(number: int, rng: Generator) -> tuple[float, float]:
    """Where source `number` lies: uniform over the sky, but for the first ones. Degrees."""
    ra, height = rng.uniform(0, 360), rng.uniform(sin(radians(SOUTHERNMOST)), 1)
    if number < AT_THE_EDGES and number % 3 == 0:
        return ra, 90 - 0.5 * rng.random()
    if number < AT_THE_EDGES:
        return rng.uniform(-0.3, 0.3) % 360 if number % 3 == 1 else ra, rng.uniform(56, 84)
    return ra, degrees(asin(height))


def offset(ra: float, dec: float, east: float, north: float) -> tuple[float, float]:
    """A position moved by so many arcseconds east and north, also at the poles. Degrees.

    The offset is laid in the plane tangent to the sphere, in Cartesian coordinates.
    """
    a, d = radians(ra), radians(dec)
    e, n = radians(east / 3600), radians(north / 3600)
    x = cos(d) * cos(a) - e * sin(a) - n * sin(d) * cos(a)
    y = cos(d) * sin(a) + e * cos(a) - n * sin(d) * sin(a)
    z = sin(d) + n * cos(d)
    moved_ra = degrees(np.arctan2(y, x)) % 360
    return round(moved_ra, 7) % 360, round(degrees(np.arctan2(z, hypot(x, y))), 7)


def arcseconds(ra: float, dec: float, other_ra: float, other_dec: float) -> float:
    """The distance of two positions given in degrees; they are close (haversine formula)."""
    a, d = radians(other_ra - ra) / 2, radians(other_dec - dec) / 2
    chord = hypot(sin(d), sin(a) * (cos(radians(dec)) * cos(radians(other_dec))) ** 0.5)
    return degrees(2 * asin(chord)) * 3600


class Sky:
    """The sources of a run, one number after the other; a body is a source wherever it is seen."""

    def __init__(self, run: Run, schedule: Schedule) -> None:
        self.run = run
        self.schedule = schedule
        self.names = 0

    def sources(self, number: int) -> list[Source]:
        """Those with this number. Outbursts lie within the run's nights, or just before."""
        if number in LANDMARKS:
            return self._landmark(number)
        rng = self.run.rng(number, 7)
        first = number < AT_THE_EDGES
        kind = KINDS[int(rng.integers(len(KINDS)))]
        if first:
            kind = SHOWN[number // 3] if number % 3 == 2 else "periodic"
        if kind == "body":
            middle = (self.run.start + self.run.end) / 2
            return self._body(number, orbits(rng, middle), str(rng.integers(1_000, 600_000)), rng)
        start, end = self.run.start, self.run.end
        outbursts = ((2 * start + end) / 3, (start + end) / 2) if first else (start - 15, end)
        light = light_of(kind, rng, outbursts, surely=first)
        return [self._source(number, somewhere(number, rng), light, rng)]

    def _landmark(self, number: int) -> list[Source]:
        rng = rng_of(self.run.seed, number)
        if number == BODY:
            seed = self.run.seed
            return self._body(number, orbit(seed), designation(seed), self.run.rng(number, 7))
        source = self._source(number, somewhere(number, rng), light_of_landmark(number), rng)
        return [replace(source, object_id=landmark_name(self.run.seed, number))]

    def _body(self, number: int, orbit: Orbit, name: str, rng: Generator) -> list[Source]:
        """One source for each exposure in which a body is seen."""
        return [
            self._source(number, (ra, dec), passage, rng)
            for ra, dec, passage in self._passages(orbit, name, rng)
        ]

    def _source(
        self, number: int, where: tuple[float, float], light: Light, rng: Generator
    ) -> Source:
        steady, known = light.steady, None
        lonely = steady is None and rng.random() < 0.5
        magnitudes = steady or galaxy(rng)
        apart = 0.12 if steady else 1.5
        ranr, decnr = offset(*where, rng.normal(0, apart), rng.normal(0, apart))
        year = night_of(self.run.first_nid).year
        if steady and not isinstance(light, ConstantStar):
            since = min(FIRST_ALERTS, self.run.start - 400) + 300 * rng.random()
            known = int(rng.integers(3, 400)), round(since, 7)
            year = night_of(int(since - JD_OF_FIRST_NIGHT)).year
        self.names += 1
        return Source(
            object_id=name_of(row_of(self.run) + self.names, year),
            ra=where[0],
            dec=where[1],
            place=place(*where),
            light=light,
            newcomer=number >= AT_THE_EDGES and rng.random() < 0.05,
            known=known,
            references=None if lonely else references_of(magnitudes, rng),
            ranr=NO_VALUE if lonely else ranr,
            decnr=NO_VALUE if lonely else decnr,
            neighbours=neighbours(light, magnitudes[1], rng),
        )

    def _passages(
        self, orbit: Orbit, name: str, rng: Generator
    ) -> Iterator[tuple[float, float, Passage]]:
        """Where, and in which exposures, a body is seen."""
        run = self.run
        nids = np.arange(run.first_nid, run.last_nid + 1)
        ra, dec, _ = orbit.seen(JD_OF_FIRST_NIGHT + nids + 0.3)
        seen = dec > SOUTHERN_LIMIT
        fields = places(ra[seen], dec[seen])[0]
        for nid, field in zip(nids[seen].tolist(), fields.tolist(), strict=True):
            jd = self.schedule.visits(field).jd
            start = JD_OF_FIRST_NIGHT + nid
            tonight = jd[np.searchsorted(jd, start) : np.searchsorted(jd, start + 1)]
            for when, *there in zip(tonight.tolist(), *map(np.ndarray.tolist, orbit.seen(tonight)),
                                    strict=True):  # fmt: skip
                at, magnitude = (round(there[0], 7) % 360, round(there[1], 7)), there[2]
                if at[1] > SOUTHERN_LIMIT and place(*at).field == field:
                    shown = magnitude + rng.normal(0, 0.1)
                    apart = round(rng.rayleigh(0.4), 3)
                    yield *at, Passage(when, shown, name, apart, round(magnitude, 1))


def galaxy(rng: Generator) -> Magnitudes:
    """The nearest source of the reference image, where the object itself is in none."""
    r = rng.uniform(16.5, 21)
    return r + rng.uniform(0.3, 1.2), r, r - rng.uniform(0.1, 0.5)


def light_of(
    kind: str, rng: Generator, jd_range: tuple[float, float], surely: bool = False
) -> Light:
    """A light curve of this kind; `surely`: so bright or changing that it is detected."""
    if kind == "supernova":
        peak, when = rng.uniform(15.8, 17.0 if surely else 19.0), rng.uniform(*jd_range)
        return Supernova(when, rng.uniform(2, 5), rng.uniform(15, 30), peak)
    r = rng.uniform(14.5, 17.5 if surely else 19.5)
    colour = rng.uniform(0.1, 0.9)
    steady = (r + colour, r, r - 0.4 * colour)
    if kind == "constant":
        return ConstantStar(steady)
    if kind == "nucleus":
        return ActiveNucleus(steady, 10 ** rng.uniform(1.7, 2.6), rng.uniform(0.1, 0.4),
                             int(rng.integers(2**62)))  # fmt: skip
    amplitude = 10 ** rng.uniform(-0.8 if surely else -1.5, -0.3)
    if kind == "irregular":
        periods = tuple(rng.uniform(25, 250, 4).tolist())
        return IrregularStar(steady, 2 * amplitude, periods, tuple(rng.random(4).tolist()))
    shape = "sinusoid" if surely else list(SHAPES)[int(rng.integers(len(SHAPES)))]
    longest = 1.8 if shape == "sinusoid" else 0.0
    return PeriodicStar(steady, 10 ** rng.uniform(-0.5, longest), rng.random(), amplitude, shape)
