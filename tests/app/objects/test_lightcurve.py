"""The rules of a light curve on hand-made rows, each number against its formula."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.objects.lightcurve import light_curve
from app.objects.point_models import LightCurvePoint
from app.pages.html import ENVIRONMENT
from app.pages.plots import curvechart
from app.pages.plots.curveplot import Fold, series_of
from app.pages.plots.curveview import View
from app.surveys.ztf.photometry import total_magnitude
from archive import times
from archive.surveys.ztf.tables import HISTORIES
from archive.surveys.ztf.tables import alert as alert_table
from tests.app.nights.visits import strict
from tests.app.stored import VALUES

Entry = dict[str, Any]

DETECTION: Entry = {
    "object_id": "ZTF26one",
    "candid": 1_000_000,
    "jd": 2460000.5,
    "pid": 1,
    "fid": 1,
    "magpsf": 18.0,
    "sigmapsf": 0.1,
    "isdiffpos": True,
    "magnr": None,
    "sigmagnr": None,
    "distnr": None,
    "rb": 0.5,
    "drb": 0.25,
    "exptime": 30.0,
    "diffmaglim": 20.0,
}
FORCED: Entry = dict.fromkeys(HISTORIES["forced"]) | {
    "jd": 2459999.5,
    "pid": 7,
    "fid": 2,
    "forcediffimflux": 100.0,
    "forcediffimfluxunc": 10.0,
    "magzpsci": 26.0,
    "procstatus": "0",
    "exptime": 30.0,
}
LIMIT: Entry = {"jd": 2459998.5, "pid": 5, "fid": 2, "diffmaglim": 20.5}


def alert(candid: int, *, own: Entry | None = None, **lists: list[Entry]) -> Entry:
    """A row of queries.histories: an alert and the lists that its packet carried."""
    row = DETECTION | {"candid": candid, "pid": candid // 10**6} | (own or {})
    for kind, fields in HISTORIES.items():
        entries = lists.get(kind)
        for field in fields:
            row[f"{kind}_{field}"] = None if entries is None else [e.get(field) for e in entries]
    return row


def points(*rows: Entry, kind: str) -> list[Entry]:
    return [p for p in light_curve(rows) if p["kind"] == kind]


def test_an_alert_beats_what_histories_say_of_it() -> None:
    rounded = DETECTION | {"candid": 1_000_000, "magpsf": 18.0001}
    rows = [alert(1_000_000), alert(2_000_000, detection=[rounded])]
    assert points(*rows, kind="earlier_detection") == []
    assert [p["magpsf"] for p in points(*rows, kind="detection")] == [18.0, 18.0]


def test_of_repeats_the_highest_candid_counts() -> None:
    def rows() -> list[Entry]:
        return [
            alert(
                n * 10**6,
                detection=[DETECTION | {"candid": 900_000, "pid": 0, "magpsf": 17.0 + n}],
                forced=[FORCED | {"forcediffimflux": 100.0 * n}],
            )
            for n in (1, 2)
        ]

    (earlier,) = points(*rows(), kind="earlier_detection")
    assert earlier["magpsf"] == 19.0
    (forced,) = points(*rows(), kind="forced")
    assert forced["from_candid"] == "2000000"
    assert forced["snr"] == 20.0


def test_detections_of_one_exposure_are_all_kept() -> None:
    shared = [DETECTION | {"candid": 900_000 + n, "pid": 0} for n in range(3)]
    assert len(points(alert(1_000_000, detection=shared), kind="earlier_detection")) == 3


@pytest.mark.parametrize(
    ("limit", "kept"),
    [
        ({}, 1),
        ({"pid": 1}, 0),
        ({"diffmaglim": -1006.9}, 0),
        ({"diffmaglim": 0.0}, 0),
        ({"diffmaglim": None}, 0),
    ],
)
def test_upper_limits(limit: Entry, kept: int) -> None:
    row = alert(1_000_000, limit=[LIMIT | limit, LIMIT | limit])
    found = points(row, kind="upper_limit")
    assert len(found) == kept
    assert [p["diffmaglim"] for p in found] == [20.5] * kept


def test_a_limit_is_hidden_by_an_earlier_detection() -> None:
    earlier = DETECTION | {"candid": 5_000_000, "pid": 5}
    row = alert(9_000_000, limit=[LIMIT], detection=[earlier])
    assert points(row, kind="upper_limit") == []


def test_order_and_head() -> None:
    curve = light_curve([alert(1_000_000, limit=[LIMIT], forced=[FORCED])])
    assert [p["kind"] for p in curve] == ["upper_limit", "forced", "detection"]
    (point,) = points(alert(1_000_000), kind="detection")
    assert (point["mjd"], point["filter"], point["pid"]) == (60000.0, "g", 1)
    assert point["mjd_mid"] == 60000.0 + 15 / 86400
    assert point["time"] == "2023-02-25T00:00:00.000000Z"
    assert curve[0]["mjd_mid"] is None


@pytest.mark.parametrize("positive", [True, False])
def test_signed_flux(positive: bool) -> None:
    own = {"isdiffpos": positive, "magpsf": 18.0, "sigmapsf": 0.1}
    (point,) = points(alert(1_000_000, own=own), kind="detection")
    flux = 10 ** (0.4 * (23.9 - 18.0))
    assert point["flux_ujy"] == pytest.approx(flux if positive else -flux, rel=1e-12)
    assert point["flux_ujy_err"] == pytest.approx(flux * 0.1 * math.log(10) / 2.5, rel=1e-12)


def test_no_sign_no_flux() -> None:
    (point,) = points(alert(1_000_000, own={"isdiffpos": None}), kind="detection")
    assert (point["flux_ujy"], point["flux_ujy_err"], point["total_mag"]) == (None, None, None)


@pytest.mark.parametrize(
    ("changes", "valid"),
    [
        ({}, True),
        ({"distnr": 1.39}, True),
        ({"distnr": 1.4}, False),
        ({"distnr": -0.1}, False),
        ({"distnr": None}, False),
        ({"magnr": 0.0}, False),
        ({"magnr": None}, False),
        ({"sigmagnr": -0.1}, False),
        ({"sigmagnr": 0.0}, True),
    ],
)
def test_total_magnitude(changes: Entry, valid: bool) -> None:
    entry = DETECTION | {"magnr": 17.0, "sigmagnr": 0.02, "distnr": 0.5} | changes
    for positive, sign in ((True, 1), (False, -1)):
        magnitude, error, vanished = total_magnitude(entry | {"isdiffpos": positive})
        assert (magnitude is not None) is valid
        assert not vanished
        if valid:
            reference, difference = 10 ** (-0.4 * 17.0), 10 ** (-0.4 * 18.0)
            flux = reference + sign * difference
            assert magnitude == pytest.approx(-2.5 * math.log10(flux), rel=1e-12)
            spread = math.sqrt((reference * entry["sigmagnr"]) ** 2 + (difference * 0.1) ** 2)
            assert error == pytest.approx(spread / flux, rel=1e-12)


def test_no_flux_left_is_dubious() -> None:
    own = {"magnr": 19.0, "sigmagnr": 0.02, "distnr": 0.5, "isdiffpos": False}
    (point,) = points(alert(1_000_000, own=own), kind="detection")
    assert (point["total_mag"], point["corrected"], point["dubious"]) == (None, True, True)


def test_dubious() -> None:
    near, far = {"distnr": 0.5}, {"distnr": 3.0}
    faded = far | {"isdiffpos": False}
    curve = light_curve([alert(1_000_000, own=near), alert(2_000_000, own=far | {"fid": 2})])
    assert [p["dubious"] for p in curve] == [False, False]
    late = {"jd": 2460001.5}
    curve = light_curve([alert(1_000_000, own=near), alert(2_000_000, own=far | late)])
    assert [p["dubious"] for p in curve] == [False, True]
    (point,) = light_curve([alert(1_000_000, own=faded)])
    assert (point["corrected"], point["dubious"]) == (False, True)
    first = DETECTION | {"candid": 1, "pid": 0, "jd": 2459999.5, **far}
    curve = light_curve([alert(1_000_000, own=near, detection=[first])])
    assert [(p["kind"], p["dubious"]) for p in curve] == [
        ("earlier_detection", False),
        ("detection", True),
    ]


@pytest.mark.parametrize("flux", [100.0, -100.0, 30.0, 29.0, 0.0])
def test_forced_photometry(flux: float) -> None:
    row = alert(1_000_000, forced=[FORCED | {"forcediffimflux": flux}])
    (point,) = points(row, kind="forced")
    scale = 10 ** (0.4 * (23.9 - 26.0))
    assert point["flux_ujy"] == pytest.approx(flux * scale, rel=1e-12)
    assert point["flux_ujy_err"] == pytest.approx(10 * scale, rel=1e-12)
    assert point["snr"] == flux / 10
    if abs(flux) > 30:
        assert point["mag"] == pytest.approx(26.0 - 2.5 * math.log10(abs(flux)), rel=1e-12)
        assert point["mag_err"] == pytest.approx(1.0857 * 10 / abs(flux), rel=1e-12)
        assert point["limit_mag"] is None
    else:
        assert (point["mag"], point["mag_err"]) == (None, None)
        assert point["limit_mag"] == pytest.approx(26.0 - 2.5 * math.log10(50.0), rel=1e-12)


@pytest.mark.parametrize(
    "missing",
    [
        {"forcediffimflux": None},
        {"magzpsci": None},
        {"magzpsci": math.inf},
        {"magzpsci": math.nan},
        {"forcediffimfluxunc": None},
        {"forcediffimflux": 0.0, "forcediffimfluxunc": math.inf},
    ],
)
def test_forced_photometry_without_a_value(missing: Entry) -> None:
    row = alert(1_000_000, forced=[FORCED | missing | {"procstatus": "61"}])
    (point,) = points(row, kind="forced")
    assert (point["mag"], point["limit_mag"], point["snr"]) == (None, None, None)
    assert point["procstatus"] == "61"


def test_single_precision_is_printed_short() -> None:
    widened = 18.100000381469727
    (point,) = points(alert(1_000_000, own={"magpsf": widened}), kind="detection")
    assert point["magpsf"] == 18.1


ANY_OWN = st.fixed_dictionaries(
    {
        name: st.none() | VALUES[type(alert_table.c[name].type)]
        for name in DETECTION
        if name not in {"object_id", "candid", "jd", "pid", "fid"}
    }
    | {"jd": st.floats(), "pid": st.integers(), "fid": st.integers()}
)
ANY_LISTS = st.fixed_dictionaries(
    {
        kind: st.none()
        | st.lists(
            st.fixed_dictionaries(
                {field: st.none() | VALUES[sql_type] for field, sql_type in fields.items()}
                | {"jd": st.floats(times.FIRST_JD, times.LAST_JD) | st.none() | st.floats()}
            ),
            max_size=3,
        )
        for kind, fields in HISTORIES.items()
    }
)


@settings(max_examples=100, derandomize=True, database=None, deadline=None)
@given(own=ANY_OWN, lists=ANY_LISTS)
def test_any_history_is_a_curve(own: Entry, lists: Any) -> None:
    """Whatever it holds, its points are as they are described, in order, and can be drawn."""
    curve = light_curve([alert(1, own=own, **{k: v for k, v in lists.items() if v is not None})])
    for point in curve:
        LightCurvePoint.model_validate(point)
        assert all(math.isfinite(v) for v in point.values() if isinstance(v, float)), point
    assert [point["jd"] for point in curve] == sorted(point["jd"] for point in curve)
    for view in View:
        for fold in (None, Fold(0.1, curve[0]["mjd"] if curve else 0.0)):
            series = series_of(curve, view, fold)
            strict(str(ENVIRONMENT.filters["json"](series)))
            chart = curvechart.chart(series, view, folded=fold is not None)
            for mark in chart.marks if chart else ():
                assert 0 <= mark.x <= curvechart.WIDTH
                assert all(0 <= y <= curvechart.HEIGHT for y in (mark.y, *(mark.ends or ())))
