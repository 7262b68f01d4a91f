"""Rows and bars of statistics: spans of days, heights, and what an odd archive shows."""

from datetime import date, timedelta
from itertools import pairwise

import pytest

from app.pages.plots.nightplot import BOTTOM, HEIGHT, TOP
from app.pages.plots.statisticsplot import (
    ALL,
    MOST_BARS,
    Row,
    draw_growth,
    draw_nights,
    draw_rows,
    shorten,
    spans,
)
from app.search.models import Band
from app.statistics.models import Growth, NightBand

FIRST = date(2018, 6, 1)


@pytest.mark.parametrize("days", [1, 2, 160, 161, 3000, 100_000])
def test_spans_hold_each_day_once(days: int) -> None:
    last = FIRST + timedelta(days - 1)
    shown = spans([last, FIRST])
    assert len(shown) <= MOST_BARS
    held = [b + timedelta(n) for b, e in shown for n in range((e - b).days + 1)]
    assert held == [FIRST + timedelta(n) for n in range(days)]


def test_spans_to_the_ends_of_the_calendar() -> None:
    assert spans([]) == []
    shown = spans([date.min, date.max])
    assert (shown[0][0], shown[-1][1]) == (date.min, date.max)
    picture = draw_nights(
        [NightBand(night=str(day), filter=None, alerts=1) for day in (date.min, date.max)]
    )
    assert [row.total for row in picture.rows if row.total] == [1, 1]
    assert picture.rows[-1].search is None


def test_nights_lead_to_a_night_or_to_a_search() -> None:
    few = [NightBand(night="2026-01-31", filter=Band.G, alerts=3)]
    assert [row.search for row in draw_nights(few).rows] == ["/nights/20260131/"]
    many = [*few, NightBand(night="2018-06-01", filter=None, alerts=2)]
    picture = draw_nights(many)
    first, last = picture.rows[0], picture.rows[-1]
    assert first.label == "2018-06-01 to 2018-06-20"
    assert first.search is not None
    assert first.search.endswith("time__lt=2018-06-21T00:00")
    assert last.counts == {"g": 3, "r": 0, "i": 0, None: 0}
    assert sum(row.total for row in picture.rows) == 5


def test_growth_goes_on_over_days_without_ingest() -> None:
    days = [("2026-01-01", 5), ("2026-01-02", 1), ("2026-01-05", 4)]
    growth = [Growth(day=day, alerts=count, total=0) for day, count in days]
    steps, chart = draw_growth(growth)
    assert [(step.alerts, step.total) for step in steps] == [
        (5, 5),
        (1, 6),
        (0, 6),
        (0, 6),
        (4, 10),
    ]
    assert chart is not None
    assert [bar.height for bar in chart.marks] == sorted(bar.height for bar in chart.marks)
    assert draw_growth([]) == ([], None)


def test_bars_fill_the_drawing_and_stand_on_each_other() -> None:
    rows = [Row("a", {"g": 30, "r": 70}), Row("b", {"g": 0, "r": 50})]
    chart = draw_rows(rows, [(0.5, "a")]).chart
    assert chart is not None
    low, high, half = chart.marks
    assert low.y + low.height == half.y + half.height == HEIGHT - BOTTOM
    assert high.y == pytest.approx(TOP)
    assert high.y + high.height == pytest.approx(low.y)
    assert half.height == pytest.approx((HEIGHT - BOTTOM - TOP) / 2)
    assert low.said == "a: 30 in g"


def test_heights_by_powers_of_ten() -> None:
    rows = [Row(str(n), {ALL: n}) for n in (1, 10, 100, 1000)]
    chart = draw_rows(rows, [], powers=True).chart
    assert chart is not None
    heights = [bar.height for bar in chart.marks]
    steps = [b - a for a, b in pairwise(heights)]
    assert heights[0] > 10
    assert steps == pytest.approx([steps[0]] * 3)
    assert [label for _, label in chart.ticks_y] == ["1", "10", "100", "1k"]
    assert [bar.said for bar in chart.marks][:2] == ["1: 1", "10: 10"]


def test_short_numbers() -> None:
    shown = {0: "0", 950: "950", 1500: "1.5k", 2 * 10**7: "20M", 3 * 10**9: "3G"}
    assert {number: shorten(number) for number in shown} == shown
