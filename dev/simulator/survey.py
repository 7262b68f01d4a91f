"""Where the telescope points: fields, nights, exposures, and the numbers made from them.

A grid like ZTF's: fields 7.2 degrees high in bands of declination, each read out as 64
quadrants. A field is visited every second night, twice: g, then r (now and then i).
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cached_property
from math import ceil, cos, radians
from typing import Any, Final, NamedTuple

import numpy as np

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
# Typical 5-sigma limit, what full moon takes of it, and zero point; by filter [mag].
LIMIT: Final = np.array([np.nan, 20.9, 20.7, 20.1])
MOON: Final = np.array([np.nan, 1.2, 0.7, 0.4])
ZERO_POINT: Final = np.array([np.nan, 26.2, 26.25, 25.6])
FULL_WIDTH_OF_SIGMA: Final = 2.3548
# The AB magnitude of one microjansky: 0 mag is 3631 Jy.
MICROJANSKY: Final = 23.9
SYNODIC_MONTH: Final = 29.530588
JD_OF_A_NEW_MOON: Final = 2451550.1


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


def place(ra: float, dec: float) -> Place:
    """The field, quadrant and pixel of a position in degrees (the grid has no gaps)."""
    band, v = divmod((dec - SOUTHERN_LIMIT) / FIELD_SIZE, 1)
    first, count = BANDS[int(band)]
    column, u = divmod(ra / 360 * count, 1)
    (i, x), (j, y) = divmod(u * 8, 1), divmod(v * 8, 1)
    ccd = int(j) // 2 * 4 + int(i) // 2
    quadrant = int(j) % 2 * 2 + int(i) % 2
    return Place(
        first + int(column),
        ccd * 4 + quadrant,
        x * QUADRANT_PIXELS,
        y * QUADRANT_PIXELS,
    )


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
        pointings = rng.permutation(FIELDS[(FIELDS + nid) % 2 == 0])
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
        sky = conditions(jd, np.array(filters), rng)
        return [Exposure(*row) for row in zip(*when, *sky, strict=True)]


def conditions(jd: np.ndarray, fid: np.ndarray, rng: np.random.Generator) -> list[list[float]]:
    """What the sky made of each exposure: from `limit` on, the columns of `Exposure`.

    A Gaussian source is weighed over 4 pi sigma^2 pixels (King 1983, PASP 95, 163), which leads
    from the limit, 5 sigma of a point source, to the noise of one pixel.
    """
    count = len(jd)
    seeing = np.clip(rng.normal(2.1, 0.1) * rng.lognormal(0, 0.12, count), 1.2, 5)
    limit = LIMIT[fid] - MOON[fid] * moonlight(jd) - 2.5 * np.log10(seeing / 2)
    zero_point = ZERO_POINT[fid] + rng.normal(0, 0.05, count)
    colour = np.where(fid == 1, -0.05, 0.09) + rng.normal(0, 0.01, count)
    counts = 10 ** (0.4 * (zero_point - MICROJANSKY))
    noise = microjansky(limit) * counts / 5 / np.sqrt(4 * np.pi) / (seeing / FULL_WIDTH_OF_SIGMA)
    columns = (
        (limit, 4), (seeing, 4), (zero_point, 4), (3e-6 * seeing**2, 11), (0.012 * seeing, 4),
        (colour, 4), (4e-6 * seeing**2, 11), (counts, 6), (noise, 4),
    )  # fmt: skip
    return [column.round(decimals).tolist() for column, decimals in columns]


def microjansky(magnitude: Any) -> Any:
    """AB magnitude to flux density."""
    return 10 ** (0.4 * (MICROJANSKY - magnitude))


def moonlight(jd: np.ndarray) -> np.ndarray:
    """The illuminated part of the moon, 0 to 1, from its mean phase."""
    return (1 - np.cos(2 * np.pi * (jd - JD_OF_A_NEW_MOON) / SYNODIC_MONTH)) / 2
