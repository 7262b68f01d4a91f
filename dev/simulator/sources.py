"""What is in the sky: variable stars, supernovae and moving bodies, each by seed and number."""

from __future__ import annotations

from dataclasses import dataclass
from math import asin, degrees, radians, sin
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.random import Generator

from dev.simulator.survey import Place, Run, microjansky, night_of, place

SOUTHERNMOST: Final = -31.0
NO_VALUE: Final = -999.0
# The first sources of every seed lie, in turn, by the pole, across RA 0, and anywhere.
AT_THE_EDGES: Final = 30
LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


class Light(Protocol):
    """A light curve of a difference image: flux above the reference's."""

    def flux(self, jd: np.ndarray, fid: np.ndarray) -> np.ndarray:
        """Signed flux in microjansky at these exposures of one field, in order of time."""


@dataclass(frozen=True, slots=True)
class VariableStar:
    """A sinusoid in magnitude about the reference's magnitude; weaker to the red."""

    period: float
    phase: float
    amplitude: float
    magnitudes: tuple[float, float, float]

    def flux(self, jd: np.ndarray, fid: np.ndarray) -> np.ndarray:
        """Reference flux times (10^(-0.4 change of magnitude) - 1)."""
        swing = self.amplitude * np.array([1, 0.75, 0.6])[fid - 1]
        change = swing * np.sin(2 * np.pi * (jd / self.period + self.phase))
        steady: np.ndarray = microjansky(np.array(self.magnitudes)[fid - 1])
        difference: np.ndarray = steady * (10 ** (-0.4 * change) - 1)
        return difference


@dataclass(frozen=True, slots=True)
class Supernova:
    """Rise and decline as in Bazin et al. 2009 (A&A 499, 653), equation 1; slower in the red."""

    epoch: float
    rise: float
    decline: float
    magnitude: float

    def flux(self, jd: np.ndarray, fid: np.ndarray) -> np.ndarray:
        """exp(-t / decline) / (1 + exp(-t / rise)), about 1.4 times smaller at its peak."""
        days = np.clip(jd - self.epoch, -300, 300)
        decline = self.decline * np.array([1, 1.3, 1.6])[fid - 1]
        shape = np.exp(-days / decline) / (1 + np.exp(-days / self.rise))
        return np.asarray(1.4 * microjansky(self.magnitude) * shape)


@dataclass(frozen=True, slots=True)
class MovingBody:
    """A body of the solar system: here in the one exposure nearest to its passage."""

    passage: float
    magnitude: float
    name: str

    def flux(self, jd: np.ndarray, fid: np.ndarray) -> np.ndarray:
        """Its flux in that exposure, else none."""
        there = np.arange(len(jd)) == np.argmin(np.abs(jd - self.passage))
        return np.where(there, microjansky(self.magnitude), 0.0)


class Reference(NamedTuple):
    """The source in the reference image nearest to a position, in one filter."""

    magnr: float
    sigmagnr: float
    chinr: float
    sharpnr: float


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
    references: tuple[Reference, Reference, Reference] | None
    ranr: float
    decnr: float
    neighbours: dict[str, Any]
    """The candidate's fields about catalogues: Pan-STARRS, Gaia, bodies of the solar system."""


def name_of(run: Run, number: int, year: int) -> str:
    """An object name like ZTF's, two digits of the year and seven letters.

    Runs and sources are counted in one row of numbers; multiplying by a prime that does not
    divide 26^7 only permutes the names.
    """
    place_in_row = run.seed * 20_000_003 + run.last_nid * 1_300_021 + run.nights * 100_003 + number
    left = place_in_row * 1_000_000_007 % 26**7
    letters = ""
    for _ in range(7):
        left, letter = divmod(left, 26)
        letters += LETTERS[letter]
    return f"ZTF{year % 100:02d}{letters}"


def position(number: int, rng: Generator) -> tuple[float, float]:
    """Where source `number` lies: uniform over the sky, but for the first ones. Degrees."""
    ra, height = rng.uniform(0, 360), rng.uniform(sin(radians(SOUTHERNMOST)), 1)
    if number < AT_THE_EDGES and number % 3 == 0:
        return ra, 90 - 0.5 * rng.random()
    if number < AT_THE_EDGES and number % 3 == 1:
        return rng.uniform(-0.3, 0.3) % 360, degrees(asin(height))
    return ra, degrees(asin(height))


def offset(ra: float, dec: float, east: float, north: float) -> tuple[float, float]:
    """A position moved by so many arcseconds east and north, also at the poles. Degrees.

    The offset is laid in the plane tangent to the sphere, in Cartesian coordinates.
    """
    a, d = np.radians(ra), np.radians(dec)
    e, n = np.radians(east / 3600), np.radians(north / 3600)
    x = np.cos(d) * np.cos(a) - e * np.sin(a) - n * np.sin(d) * np.cos(a)
    y = np.cos(d) * np.sin(a) + e * np.cos(a) - n * np.sin(d) * np.sin(a)
    z = np.sin(d) + n * np.cos(d)
    moved_ra = float(np.degrees(np.arctan2(y, x))) % 360
    return round(moved_ra, 7) % 360, round(float(np.degrees(np.arctan2(z, np.hypot(x, y)))), 7)


def source(run: Run, number: int) -> Source:
    """Source `number` of a run. Outbursts and passages lie within its nights, or just before."""
    rng = run.rng(number, 7)
    ra, dec = position(number, rng)
    light, magnitude = light_of(number, rng, (run.start - 10, run.end))
    lonely = not isinstance(light, VariableStar) and rng.random() < 0.5
    references = None if lonely else references_of(magnitude, rng)
    apart = 0.15 if isinstance(light, VariableStar) else 3.0
    ranr, decnr = offset(ra, dec, rng.normal(0, apart), rng.normal(0, apart))
    return Source(
        object_id=name_of(run, number, night_of(run.first_nid).year),
        ra=ra,
        dec=dec,
        place=place(ra, dec),
        light=light,
        newcomer=number >= AT_THE_EDGES and rng.random() < 0.05,
        references=references,
        ranr=NO_VALUE if lonely else ranr,
        decnr=NO_VALUE if lonely else decnr,
        neighbours=pan_starrs(magnitude, rng) | gaia(magnitude, rng) | solar_system(light, rng),
    )


def light_of(number: int, rng: Generator, jd_range: tuple[float, float]) -> tuple[Light, float]:
    """A light curve, and the magnitude of what the reference image shows there."""
    draw, when = rng.random(), rng.uniform(*jd_range)
    if number < AT_THE_EDGES or draw < 0.6:
        magnitude = rng.uniform(14.5, 19.5)
        colour = rng.uniform(0.1, 0.9)
        magnitudes = (magnitude + colour, magnitude, magnitude - 0.4 * colour)
        period, amplitude = 10 ** rng.uniform(-0.5, 1.8), 10 ** rng.uniform(-1.5, -0.3)
        return VariableStar(period, rng.random(), amplitude, magnitudes), magnitude
    if draw < 0.85:
        peak = rng.uniform(16.5, 19.0)
        return Supernova(when, rng.uniform(2, 5), rng.uniform(15, 30), peak), peak + 1.5
    name = str(rng.integers(1_000, 600_000))
    return MovingBody(when, rng.uniform(16.0, 19.5), name), rng.uniform(18, 21)


def references_of(magnitude: float, rng: Generator) -> tuple[Reference, Reference, Reference]:
    """The nearest source of the reference image in g, r and i."""
    return tuple(
        Reference(
            round(magnitude + redder, 3),
            round(0.012 + 0.01 * rng.random(), 3),
            round(rng.lognormal(0, 0.2), 3),
            round(rng.normal(0, 0.03), 3),
        )
        for redder in (0.5, 0.0, -0.2)
    )  # type: ignore[return-value]  # three of them


def pan_starrs(magnitude: float, rng: Generator) -> dict[str, Any]:
    """The three nearest sources of Pan-STARRS; some bands, or all of one, are missing."""
    found: dict[str, Any] = {"nmtchps": int(rng.integers(1, 24))}
    distance = 0.0
    for n in (1, 2, 3):
        missing = n > 1 and rng.random() < 0.2
        distance += rng.exponential(0.2 if n == 1 else 4.0)
        for band, redder in (("g", 0.5), ("r", 0.0), ("i", -0.2), ("z", -0.3)):
            value = magnitude + redder + (0 if n == 1 else rng.uniform(0, 4))
            gone = missing or rng.random() < 0.1
            found[f"s{band}mag{n}"] = NO_VALUE if gone else round(value, 4)
        found[f"sgscore{n}"] = NO_VALUE if missing else round(rng.random(), 6)
        found[f"distpsnr{n}"] = NO_VALUE if missing else distance
        found[f"objectidps{n}"] = -999 if missing else int(rng.integers(7 * 10**16, 2 * 10**17))
    return found


def gaia(magnitude: float, rng: Generator) -> dict[str, Any]:
    """The nearest source of Gaia, and the nearest bright one, which is often too far away."""
    near, bright = rng.random() < 0.9, rng.random() < 0.5
    return {
        "neargaia": rng.exponential(3.0) if near else NO_VALUE,
        "neargaiabright": rng.uniform(5, 90) if bright else NO_VALUE,
        "maggaia": magnitude if near else NO_VALUE,
        "maggaiabright": rng.uniform(9, 14) if bright else NO_VALUE,
    }


def solar_system(light: Light, rng: Generator) -> dict[str, Any]:
    """The nearest known body of the solar system; without one the name is the string "null"."""
    if isinstance(light, MovingBody):
        magnitude = round(light.magnitude + rng.normal(0, 0.2), 2)
        return {
            "ssdistnr": rng.uniform(0, 4),
            "ssmagnr": magnitude,
            "ssnamenr": light.name,
        }
    return {"ssdistnr": NO_VALUE, "ssmagnr": NO_VALUE, "ssnamenr": "null"}
