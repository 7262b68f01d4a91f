"""Periods in a light curve: astropy's Lomb-Scargle periodogram of its fluxes.

Magnitudes of differences have a sign of their own and no value where nothing was found; fluxes have
neither trouble, so periods are looked for in fluxes, whatever a page shows. Each band is taken
about its own mean. A search takes the processor for up to two seconds, so it runs in a thread, one
at a time.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app import late
from app.errors import BadParameter, BadParameters, TooMany
from app.objects.lightcurve import Point

LEAST_FLUXES: Final = 10
"""With fewer there is always some period that fits."""
LEAST_OF_BAND: Final = 3
"""A band of fewer says nothing once its mean is taken away."""
MOST_FLUXES: Final = 5000
MOST_FREQUENCIES: Final = 200_000
"""With MOST_FLUXES two seconds of one processor."""
PER_PEAK: Final = 5
"""Frequencies tried within a peak's width, which is one over the time covered."""
SHORTEST_D: Final = 0.1
"""Unless something else is asked for. Times are not corrected for the Earth's way round the Sun,
8 minutes each way, which blurs shorter periods."""
LEAST_D: Final = 0.01
MOST_D: Final = 100_000.0
PEAKS: Final = 5
MAX_OF_CLIENT: Final = 2

Floats = NDArray[np.float64]


class Fluxes(NamedTuple):
    """What a period is looked for in: times [MJD], fluxes and errors, each band about its mean."""

    time: Floats
    flux: Floats
    error: Floats
    bands: int
    left_out: int
    """Fluxes before these, beyond MOST_FLUXES."""


class Range(NamedTuple):
    """Periods to be tried [days]."""

    shortest: float
    longest: float
    frequencies: int


class Peak(NamedTuple):
    """A period [days], its power, 0 to 1, and the chance of as high a peak in noise alone."""

    period: float
    power: float
    false_alarm_probability: float


class Found(NamedTuple):
    """What a search found: the highest peaks, the highest first; none without enough fluxes."""

    fluxes: int
    left_out: int
    range: Range | None
    peaks: list[Peak]


def fluxes_of(points: Sequence[Point]) -> Fluxes:
    """The newest measured fluxes among points, one for each exposure: an alert's before forced."""
    seen: dict[Any, tuple[str | None, float, float, float]] = {}
    for point in sorted(points, key=lambda p: p["kind"] != "forced"):
        flux, error = point.get("flux_ujy"), point.get("flux_ujy_err")
        if flux is not None and error is not None and error > 0:
            at = point["mjd"] if point["mjd_mid"] is None else point["mjd_mid"]
            key = point["jd"] if point["pid"] is None else point["pid"]
            seen[key] = point["filter"], at, flux, error
    counts = Counter(band for band, *_ in seen.values())
    known = [one for one in seen.values() if counts[one[0]] >= LEAST_OF_BAND]
    known.sort(key=lambda one: one[1])
    newest = known[-MOST_FLUXES:]
    time, flux, error = np.array([one[1:] for one in newest], float).reshape(-1, 3).T
    # In units of the largest: squares of what rows may hold are beyond a double.
    unit = np.abs(flux).max(initial=0) or 1.0
    flux, error = flux / unit, np.maximum(error / unit, 1e-6)
    bands = [band for band, *_ in newest]
    for band in set(bands):
        own = np.array([other == band for other in bands])
        weights = (error[own].min() / error[own]) ** 2
        flux[own] -= np.average(flux[own], weights=weights)
    return Fluxes(time, flux, error, len(set(bands)), len(known) - len(newest))


def range_of(fluxes: Fluxes, shortest: float | None, longest: float | None) -> Range | None:
    """The periods to try; None if the fluxes are too few or of one time. Raises BadParameters.

    Without bounds they are SHORTEST_D, or as much longer as MOST_FREQUENCIES allow, and the time
    that the fluxes cover.
    """
    if len(fluxes.time) < LEAST_FLUXES or not (covered := float(np.ptp(fluxes.time))) > LEAST_D:
        return None
    end = longest or max(covered, 2 * LEAST_D)
    steps_d = PER_PEAK * covered
    """Frequencies are so many for each 1/day."""
    least = 1 / (MOST_FREQUENCIES / steps_d + 1 / end)
    start = shortest or min(max(SHORTEST_D, least), end / 2)
    if start >= end:
        reason = f"must be shorter than the longest period, {end:g} days"
        raise BadParameters([BadParameter("min_period", reason)])
    frequencies = math.ceil(steps_d * (1 / start - 1 / end)) + 1
    if frequencies > MOST_FREQUENCIES + 2:
        reason = f"would take {frequencies:,} trial periods, at most {MOST_FREQUENCIES:,} are "
        reason += f"allowed: here {least * 1.01:.3g} days or more"
        raise BadParameters([BadParameter("min_period", reason)])
    return Range(start, end, frequencies)


def find_periods(fluxes: Fluxes, tried: Range) -> list[Peak]:
    """The highest peaks of the periodogram, the highest first; none if all fluxes are equal."""
    first, last = 1 / tried.longest, 1 / tried.shortest
    frequency = np.linspace(first, last, max(tried.frequencies, 3))
    with np.errstate(all="ignore"):
        search = late.timeseries.LombScargle(fluxes.time, fluxes.flux, fluxes.error)
        power = search.power(frequency, method="fast", assume_regular_frequency=True)
    power = np.nan_to_num(power, nan=0.0, posinf=0.0, neginf=0.0)
    inner = np.pad(power, 1)
    tops = np.flatnonzero((power > 0) & (power >= inner[:-2]) & (power >= inner[2:]))
    tops = tops[np.argsort(-power[tops], kind="stable")][: 10 * PEAKS]
    apart, step = 1 / np.ptp(fluxes.time), frequency[1] - frequency[0]
    peaks: list[Peak] = []
    for top in frequency[tops]:
        if len(peaks) < PEAKS and all(abs(1 / peak.period - top) > apart for peak in peaks):
            near = np.clip(np.linspace(top - step, top + step, 201), first, last)
            refined = np.nan_to_num(search.power(near, method="cython"))
            height = min(float(refined.max()), 1.0)
            chance = chance_of(height, fluxes, last)
            peaks.append(Peak(float(1 / near[refined.argmax()]), height, chance))
    return sorted(peaks, key=lambda peak: -peak.power)


def chance_of(power: float, fluxes: Fluxes, last: float) -> float:
    """The chance of a peak as high in noise alone, searched up to a frequency [1/day].

    By Baluev (2008, MNRAS 385, 1279), equations 5 and 6, an upper bound. Each further band's mean
    is one parameter more.
    """
    count = len(fluxes.time) - fluxes.bands + 1
    if power >= 1 or count < 5:
        return 0.0 if power >= 1 else 1.0
    weights = (fluxes.error.min() / fluxes.error) ** 2
    mean = np.average(fluxes.time, weights=weights)
    spread = math.sqrt(np.average((fluxes.time - mean) ** 2, weights=weights))
    free = count - 1
    gamma = math.sqrt(2 / free) * math.exp(math.lgamma(free / 2) - math.lgamma((free - 1) / 2))
    single = (1 - power) ** ((count - 3) / 2)
    width = last * math.sqrt(4 * math.pi) * spread
    tau = gamma * width * (1 - power) ** ((count - 4) / 2) * math.sqrt(free * power / 2)
    return 1.0 if single >= 1 else -math.expm1(math.log1p(-single) - tau)


class PeriodSearches:
    """The thread of the searches, and how many each client has waiting or running."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="periods")
        self._clients: Counter[str] = Counter()

    async def search(
        self,
        client: str,
        points: Sequence[Point],
        shortest: float | None = None,
        longest: float | None = None,
    ) -> Found:
        """Look for periods [days] in the fluxes of points. Raises BadParameters, TooMany."""
        if self._clients[client] >= MAX_OF_CLIENT:
            raise TooMany(f"you already have {MAX_OF_CLIENT} searches for a period running")
        self._clients[client] += 1
        try:
            run = asyncio.get_running_loop().run_in_executor
            return await run(self._thread, _search, points, shortest, longest)
        finally:
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]


def _search(points: Sequence[Point], shortest: float | None, longest: float | None) -> Found:
    fluxes = fluxes_of(points)
    tried = range_of(fluxes, shortest, longest)
    peaks = [] if tried is None else find_periods(fluxes, tried)
    return Found(len(fluxes.time), fluxes.left_out, tried, peaks)
