"""Periods: a simulated variable's is found, noise has none, and no row breaks the search."""

import asyncio
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import BadParameters, TooMany
from app.objects.periods import (
    MAX_OF_CLIENT,
    MOST_FLUXES,
    MOST_FREQUENCIES,
    Found,
    Peak,
    PeriodSearches,
    find_periods,
    fluxes_of,
    range_of,
)
from app.pages.plots.curveplot import Fold

PERIOD = 0.567_812
RANDOM = np.random.default_rng(20)


def measured(mjd: float, flux: float | None, **values: Any) -> dict[str, Any]:
    """A point with a flux; what a search does not read is left out."""
    head = {"kind": "forced", "filter": "g", "pid": round(mjd * 1e6), "jd": mjd + 2400000.5}
    return head | {"mjd": mjd, "mjd_mid": None, "flux_ujy": flux, "flux_ujy_err": 5.0} | values


def variable(count: int = 120, days: float = 400.0) -> list[dict[str, Any]]:
    """Fluxes of a variable in two bands, whose means and amplitudes differ."""
    times = 59_000 + np.sort(RANDOM.uniform(0, days, count))
    points = []
    for n, time in enumerate(times):
        band, mean, height = ("g", 300.0, 100.0) if n % 2 else ("r", -50.0, 60.0)
        flux = mean + height * math.sin(2 * math.pi * time / PERIOD) + RANDOM.normal(0, 5.0)
        points.append(measured(float(time), flux, filter=band))
    return points


def noise(count: int = 60) -> list[dict[str, Any]]:
    times = 59_000 + RANDOM.uniform(0, 100.0, count)
    return [measured(float(time), RANDOM.normal(0, 5.0)) for time in times]


def peaks_of(points: list[dict[str, Any]], *bounds: float | None) -> list[Peak]:
    fluxes = fluxes_of(points)
    tried = range_of(fluxes, *(bounds or (None, None)))
    return [] if tried is None else find_periods(fluxes, tried)


def test_the_period_of_a_simulated_variable() -> None:
    points = variable()
    best, *others = peaks_of(points)
    # Its phase is right within a tenth over the whole time.
    assert abs(400 / best.period - 400 / PERIOD) < 0.1
    assert 0.8 < best.power <= 1
    assert best.false_alarm_probability < 1e-20
    assert all(other.power <= best.power for other in others)
    assert len({round(peak.period, 4) for peak in (best, *others)}) == len(others) + 1


def test_folded_by_its_period_a_variable_is_a_sine() -> None:
    points = [point for point in variable() if point["filter"] == "g"]
    fold = Fold(peaks_of(points)[0].period, points[0]["mjd"])
    phases = np.array([fold.phase(point["mjd"]) for point in points])
    fluxes = np.array([point["flux_ujy"] for point in points])
    terms = [np.ones_like(phases), np.sin(2 * np.pi * phases), np.cos(2 * np.pi * phases)]
    fitted, *_ = np.linalg.lstsq(np.stack(terms, 1), fluxes)
    assert math.hypot(*fitted[1:]) == pytest.approx(100, rel=0.1)
    assert (fluxes - np.stack(terms, 1) @ fitted).std() < 10


def test_noise_is_called_noise_as_often_as_it_is_said() -> None:
    """Baluev's bound is one: no more trials fall below a chance than it says."""
    chances = [peaks_of(noise(), 2.0, None)[0].false_alarm_probability for _ in range(200)]
    assert all(0 <= chance <= 1 for chance in chances)
    for said in (0.1, 0.3, 0.5):
        # 200 draws: three standard deviations more are chance.
        spread = 3 * math.sqrt(said * (1 - said) / 200)
        assert sum(chance < said for chance in chances) / 200 <= said + spread
    assert sum(chance < 0.5 for chance in chances) > 30


def test_an_exposure_counts_once_and_its_alert_first() -> None:
    forced = [measured(59_000.0 + n, float(n)) for n in range(12)]
    alert = forced[3] | {"kind": "detection", "flux_ujy": 1000.0}
    fluxes = fluxes_of([*forced, alert])
    assert len(fluxes.time) == 12
    assert fluxes.flux.argmax() == 3
    assert np.average(fluxes.flux) == pytest.approx(0, abs=1e-12)


def test_what_has_no_flux_is_no_flux() -> None:
    useless = [
        measured(1.0, None),
        measured(2.0, 1.0, flux_ujy_err=None),
        {"kind": "upper_limit", "pid": 4, "jd": 3.0, "mjd": 3.0, "mjd_mid": None, "filter": "g"},
        # A band of two says nothing.
        *(measured(60_000.0 + n, 1.0, filter="i") for n in range(2)),
    ]
    assert len(fluxes_of(useless).time) == 0
    assert peaks_of([*useless, *variable(9)]) == []
    assert peaks_of([measured(59_000.0 + n, 7.0) for n in range(20)]) == []


def test_only_so_many_fluxes_and_frequencies() -> None:
    many = [measured(50_000.0 + n, float(n % 7)) for n in range(MOST_FLUXES + 10)]
    fluxes = fluxes_of(many)
    assert (len(fluxes.time), fluxes.left_out) == (MOST_FLUXES, 10)
    assert fluxes.time[-1] == 50_000.0 + MOST_FLUXES + 9
    tried = range_of(fluxes, None, None)
    assert tried is not None
    assert tried.frequencies <= MOST_FREQUENCIES + 2
    with pytest.raises(BadParameters, match=r"min_period: would take [\d,]+ trial periods"):
        range_of(fluxes, 0.02, None)
    with pytest.raises(BadParameters, match="must be shorter than the longest period, 3 days"):
        range_of(fluxes, 5.0, 3.0)
    # What the error says would do, does.
    assert range_of(fluxes, 0.126, None)


ANY: st.SearchStrategy[float] = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=60, derandomize=True, database=None, deadline=None)
@given(
    st.lists(st.tuples(st.floats(15_000, 88_000), ANY, ANY, st.sampled_from("gri")), max_size=30)
)
def test_any_fluxes_can_be_searched(values: list[tuple[float, float, float, str]]) -> None:
    points = [
        measured(mjd, flux, flux_ujy_err=error, filter=band, pid=n)
        for n, (mjd, flux, error, band) in enumerate(values)
    ]
    for peak in peaks_of(points, 10_000.0, 90_000.0):
        assert 10_000 * (1 - 1e-9) <= peak.period <= 90_000 * (1 + 1e-9)
        assert 0 < peak.power <= 1
        assert 0 <= peak.false_alarm_probability <= 1


async def test_a_client_has_only_so_many_searches() -> None:
    searches, points = PeriodSearches(), variable(40)
    running = [asyncio.create_task(searches.search("1", points, 1.0)) for _ in range(MAX_OF_CLIENT)]
    await asyncio.sleep(0)
    with pytest.raises(TooMany):
        await searches.search("1", points, 1.0)
    found = [await searches.search("2", points, 1.0), *await asyncio.gather(*running)]
    assert all(isinstance(one, Found) and one.peaks for one in found)
    assert (await searches.search("1", points, 1.0)).peaks == found[0].peaks
