"""Where the telescope points: fields, nights, exposures, and the numbers made from them.

A grid like ZTF's: fields 7.2 degrees high in bands of declination, each read out as 64
quadrants. A field is visited every second night, twice: g, then r (now and then i); but not while
it is less than 50 degrees from the Sun.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cached_property
from math import ceil, cos, radians
from typing import Final, NamedTuple

import numpy as np

from dev.simulator.conditions import conditions
from dev.simulator.ephemeris import direction, separation, sun

FIRST_NIGHT: Final = date(2017, 1, 1)
JD_OF_FIRST_NIGHT: Final = 2457754.5
HISTORY_NIGHTS: Final = 30
SOUTHERN_LIMIT: Final = -31.6
FIELD_SIZE: Final = 7.2
FIRST_FIELD: Final = 245
QUADRANT_PIXELS: Final = 3072
EXPOSURES_TOGETHER: Final = 40
SECONDS_BETWEEN_EXPOSURES: Final = 45
FIRST_SECOND: Final = 10_800
FILTERS: Final = {1: "zg", 2: "zr", 3: "zi"}
NEAREST_TO_THE_SUN: Final = 50


class Run(NamedTuple):
    """What a run is made from. Everything drawn in it follows from these three numbers."""

    seed: int
    last_nid: int
    nights: int

    @property
    def first_nid(self) -> int:
        """The first night with alerts."""
        return self.last_nid - self.nights + 1

    @property
    def start(self) -> float:
        """The Julian date at which the first night's day begins."""
        return JD_OF_FIRST_NIGHT + self.first_nid

    @property
    def end(self) -> float:
        """The Julian date at which the last night's day ends."""
        return JD_OF_FIRST_NIGHT + self.last_nid + 1

    @property
    def tail(self) -> int:
        """The last two digits of every pid: seeds 0 to 99 share none, hence no candid either."""
        return (15 + self.seed) % 100

    def rng(self, *purpose: int) -> np.random.Generator:
        """A generator of its own for each purpose."""
        return np.random.default_rng([*self, *purpose])


class Exposure(NamedTuple):
    """One exposure of one field. Times in UTC, seeing in pixels of 1.01 arcsec, the rest in mag."""

    field: int
    nid: int
    seconds: int
    fid: int
    jd: float
    clock: str
    """Day and millionth of the day, as in file names."""
    limit: float
    seeing: float
    zero_point: float
    zero_point_error: float
    zero_point_scatter: float
    colour_term: float
    colour_error: float
    counts: float
    """DN of one microjansky."""
    pixel_noise: float
    """Standard deviation of a pixel, in DN."""

    def pid(self, rcid: int, tail: int) -> int:
        """Night, hundred-thousandth of the day, quadrant and two digits more, side by side."""
        return (self.nid * 100_000 + self.part_of_day) * 10_000 + rcid * 100 + tail

    @property
    def part_of_day(self) -> int:
        """Start of the exposure in units of a day / 100,000."""
        return self.seconds * 100_000 // 86_400

    @property
    def night(self) -> date:
        """The day, in UTC, on which the exposure began."""
        return night_of(self.nid)

    def stem(self, rcid: int) -> str:
        """What the names of this exposure's files begin with."""
        quadrant = f"c{rcid // 4 + 1:02d}_o_q{rcid % 4 + 1}"
        return f"ztf_{self.clock}_{self.field:06d}_{FILTERS[self.fid]}_{quadrant}"


class Place(NamedTuple):
    """Where a position falls: field, quadrant and pixel."""

    field: int
    rcid: int
    xpos: float
    ypos: float


class Visits(NamedTuple):
    """The exposures of one field in order of time, and their columns as arrays."""

    exposures: list[Exposure]
    jd: np.ndarray
    fid: np.ndarray
    limit: np.ndarray


def nid_of(night: date) -> int:
    """Nights since 2017-01-01."""
    return (night - FIRST_NIGHT).days


def night_of(nid: int) -> date:
    """The inverse of `nid_of`."""
    return FIRST_NIGHT + timedelta(days=nid)


def _bands() -> list[tuple[int, int]]:
    """First field and number of fields of each band of declination, south to north."""
    bands, first, south = [], FIRST_FIELD, SOUTHERN_LIMIT
    while south < 90:
        nearest_equator = min(abs(south), abs(south + FIELD_SIZE))
        count = ceil(360 * cos(radians(nearest_equator)) / FIELD_SIZE)
        bands.append((first, count))
        first, south = first + count, south + FIELD_SIZE
    return bands


BANDS: Final = _bands()
FIELDS: Final = np.arange(FIRST_FIELD, sum(BANDS[-1]))


def _centres() -> tuple[np.ndarray, np.ndarray]:
    """Right ascension and declination of the centres of all fields, in the order of `FIELDS`."""
    ra = [(np.arange(count) + 0.5) * 360 / count for _, count in BANDS]
    dec = [np.full(count, SOUTHERN_LIMIT + (n + 0.5) * FIELD_SIZE)
           for n, (_, count) in enumerate(BANDS)]  # fmt: skip
    return np.concatenate(ra), np.concatenate(dec)


CENTRES: Final = _centres()
_TOWARDS: Final = direction(*CENTRES)
_FIRST_OF_BAND: Final = np.array([first for first, _ in BANDS])
_FIELDS_IN_BAND: Final = np.array([count for _, count in BANDS])


def observed(nid: int) -> np.ndarray:
    """Which of `FIELDS` are visited in a night."""
    away = separation(_TOWARDS, sun(JD_OF_FIRST_NIGHT + nid + 0.4))
    chosen: np.ndarray = ((FIELDS + nid) % 2 == 0) & (away > NEAREST_TO_THE_SUN)
    return chosen


def places(ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, ...]:
    """The columns of `Place` for positions in degrees (the grid has no gaps)."""
    band, v = np.divmod((dec - SOUTHERN_LIMIT) / FIELD_SIZE, 1)
    band = band.astype(int)
    column, u = np.divmod(ra / 360 * _FIELDS_IN_BAND[band], 1)
    (i, x), (j, y) = np.divmod(u * 8, 1), np.divmod(v * 8, 1)
    ccd = j.astype(int) // 2 * 4 + i.astype(int) // 2
    quadrant = j.astype(int) % 2 * 2 + i.astype(int) % 2
    field = _FIRST_OF_BAND[band] + column.astype(int)
    return field, ccd * 4 + quadrant, x * QUADRANT_PIXELS, y * QUADRANT_PIXELS


def place(ra: float, dec: float) -> Place:
    """Where one position falls."""
    return Place(*(column.item() for column in places(np.array(ra), np.array(dec))))


class Schedule:
    """Every exposure of a run, and of the nights before it that its histories tell of."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.nids = range(run.first_nid - HISTORY_NIGHTS, run.last_nid + 1)
        self._of_field: dict[int, Visits] = {}

    def visits(self, field: int) -> Visits:
        """The exposures of a field."""
        if field not in self._of_field:
            found = sorted(self._exposures.get(field, []), key=lambda exposure: exposure.jd)
            columns = np.array([(e.jd, e.fid, e.limit) for e in found]).reshape(-1, 3)
            self._of_field[field] = Visits(
                found, columns[:, 0], columns[:, 1].astype(int), columns[:, 2]
            )
        return self._of_field[field]

    @cached_property
    def _exposures(self) -> dict[int, list[Exposure]]:
        by_field: dict[int, list[Exposure]] = {}
        for nid in self.nids:
            for exposure in self._night(nid):
                by_field.setdefault(exposure.field, []).append(exposure)
        return by_field

    def _night(self, nid: int) -> list[Exposure]:
        """One night: groups of fields, each group in g and then once more in r or i."""
        rng = self.run.rng(nid, 5)
        pointings = rng.permutation(FIELDS[observed(nid)])
        fields: list[int] = []
        filters: list[int] = []
        for start in range(0, len(pointings), EXPOSURES_TOGETHER):
            group = pointings[start : start + EXPOSURES_TOGETHER].tolist()
            fields += group + group
            filters += [1] * len(group) + [3 if rng.random() < 0.15 else 2] * len(group)
        count = len(fields)
        seconds = FIRST_SECOND + np.arange(count) * SECONDS_BETWEEN_EXPOSURES
        seconds += rng.integers(0, SECONDS_BETWEEN_EXPOSURES - 33, count)
        jd = np.round(JD_OF_FIRST_NIGHT + nid + seconds / 86_400, 7)
        day = f"{night_of(nid):%Y%m%d}"
        clocks = [f"{day}{part:06d}" for part in (seconds * 1_000_000 // 86_400).tolist()]
        when = (fields, [nid] * count, seconds.tolist(), filters, jd.tolist(), clocks)
        ra, dec = (centre[np.array(fields) - FIRST_FIELD] for centre in CENTRES)
        sky = conditions(jd, np.array(filters), ra, dec, rng)
        return [Exposure(*row) for row in zip(*when, *sky, strict=True)]
