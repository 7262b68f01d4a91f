"""The pictures of statistics: rows of numbers, each drawn as a bar and told in a table.

Each number leads to a search that finds those alerts, where there is such a search.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import numpy as np

from app.nights.days import compact_date, midnight_of
from app.nights.fieldcounts import BANDS
from app.pages.links import address
from app.pages.plots import skymap
from app.pages.plots.curvechart import ticks
from app.pages.plots.nightplot import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Bar, Chart, search
from app.statistics.models import Growth, Histogram, NightBand, ObjectsByAlerts, Statistics

ALL: Final = "all"
"""In place of a band where bands are not told apart."""
MOST_BARS: Final = 160
_TABLE_ORDER: Final = 1
"""HEALPix order of the table beside the map: 48 pixels of 29°."""
_SHORT: Final = ((10**9, "G"), (10**6, "M"), (10**3, "k"))


class Row(NamedTuple):
    """Numbers of one place on an axis, by band, and the searches that find these alerts."""

    label: str
    counts: dict[str | None, int]
    search: str | None = None
    searches: Mapping[str | None, str] = MappingProxyType({})

    @property
    def total(self) -> int:
        """The numbers of all bands."""
        return sum(self.counts.values())


class Picture(NamedTuple):
    """Rows, and how they are drawn."""

    rows: list[Row]
    chart: Chart | None
    """None if there is nothing to draw."""


def shorten(number: float) -> str:
    """A number for an axis: 1.5M."""
    for size, letter in _SHORT:
        if number >= size:
            return f"{number / size:g}{letter}"
    return f"{number:g}"


def draw_rows(
    rows: Sequence[Row], labels: Sequence[tuple[float, str]], *, powers: bool = False
) -> Picture:
    """Bars side by side, bands one upon the other; `labels` lie at numbers of bars.

    With `powers` a height is the logarithm of the number, and 1 has a height too.
    """
    most = max((row.total for row in rows), default=0)
    if not most:
        return Picture(list(rows), None)
    bottom, width = HEIGHT - BOTTOM, (WIDTH - LEFT - RIGHT) / len(rows)

    def height_of(number: float) -> float:
        share = math.log10(2 * number) / math.log10(2 * most) if powers else number / most
        return (bottom - TOP) * share

    marks = []
    for n, row in enumerate(rows):
        below = 0.0
        for band, count in row.counts.items():
            if count:
                own = height_of(count)
                said = f"{row.label}: {count:,}" + ("" if band == ALL else f" in {band or 'other'}")
                place = LEFT + n * width
                marks.append(Bar(place, bottom - below - own, width * 0.92, own, band, said))
                below += own
    numbers = [10.0**n for n in range(int(math.log10(most)) + 1)] if powers else ticks(0, most)
    return Picture(
        list(rows),
        Chart(
            marks,
            [(round(LEFT + place * width, 1), label) for place, label in labels],
            [(round(bottom - height_of(y), 1), shorten(y)) for y in numbers if y == int(y) and y]
            + [(bottom, "0")] * (not powers),
        ),
    )


# -------------------------------------------------------------------------------------------------
# Over time
# -------------------------------------------------------------------------------------------------


def spans(days: Sequence[date]) -> list[tuple[date, date]]:
    """Equal spans of 1, 2, 5, 10, … days from the first day to the last: the first day of each, and
    its last."""
    if not days:
        return []
    first, last = min(days), max(days)
    whole = (last - first).days + 1
    sizes = (digit * 10**power for power in range(7) for digit in (1, 2, 5))
    step = next(size for size in sizes if whole <= size * MOST_BARS)
    begins = [first + timedelta(n) for n in range(0, whole, step)]
    return [(begin, min(last, _later(begin, step - 1))) for begin in begins]


def _later(day: date, days: int) -> date:
    return day + timedelta(min(days, (date.max - day).days))


def _name(begin: date, end: date) -> str:
    return begin.isoformat() if begin == end else f"{begin} to {end}"


def _days_beside(shown: Sequence[tuple[date, date]]) -> list[tuple[float, str]]:
    """Some days as labels."""
    places = sorted({int(len(shown) * (n + 0.5) / 4) for n in range(4)}) if shown else []
    return [(n + 0.5, shown[n][0].isoformat()) for n in places]


def draw_nights(nights: Sequence[NightBand]) -> Picture:
    """The alerts of each night, or of several where there are many."""
    shown = spans([date.fromisoformat(item.night) for item in nights])
    counts = [dict.fromkeys(BANDS, 0) for _ in shown]
    step = (shown[0][1] - shown[0][0]).days + 1 if shown else 1
    for item in nights:
        place = (date.fromisoformat(item.night) - shown[0][0]).days // step
        counts[place][item.filter] += item.alerts
    rows = [
        Row(_name(*span), own, _search_nights(*span))
        for span, own in zip(shown, counts, strict=True)
    ]
    return draw_rows(rows, _days_beside(shown))


def _search_nights(begin: date, end: date) -> str | None:
    """The page of a night, or the search of several; None at the end of the calendar."""
    if end == date.max:
        return None
    if begin == end:
        return f"/nights/{compact_date(begin)}/"
    return search(midnight_of(begin), midnight_of(end + timedelta(1)))


class Step(NamedTuple):
    """Some days of the archive's growth: what came, and what there was at their end."""

    label: str
    alerts: int
    total: int


def draw_growth(growth: Sequence[Growth]) -> tuple[list[Step], Chart | None]:
    """The alerts that there were, day by day, or every few days."""
    shown = spans([date.fromisoformat(item.day) for item in growth])
    steps, left, total = [], list(growth), 0
    for begin, end in shown:
        own = [item for item in left if item.day <= end.isoformat()]
        left = left[len(own) :]
        came = sum(item.alerts for item in own)
        total += came
        steps.append(Step(_name(begin, end), came, total))
    rows = [Row(step.label, {ALL: step.total}) for step in steps]
    return steps, draw_rows(rows, _days_beside(shown)).chart


# -------------------------------------------------------------------------------------------------
# By value
# -------------------------------------------------------------------------------------------------


def _filled(histograms: Sequence[Histogram]) -> range:
    """The bins from the first with an alert to the last."""
    found = [n for one in histograms for n, count in enumerate(one.counts) if count]
    return range(min(found), max(found) + 1) if found else range(0)


def draw_magnitudes(statistics: Statistics) -> Picture:
    """The magnitudes by filter. The form's bounds are inclusive, so the upper one is the last
    single-precision number before the edge."""
    own = statistics.magpsf
    rows = []
    for n in _filled(own):
        low = own[0].begin + n * own[0].width
        high = low + own[0].width
        last = float(np.nextafter(np.float32(high), np.float32(0)))
        closed = n == len(own[0].counts) - 1
        bounds = {"magpsf__gte": f"{low:g}", "magpsf__lte": repr(high if closed else last)}
        rows.append(
            Row(
                f"{low:.2f} to {high:.2f}",
                {one.filter: one.counts[n] for one in own},
                address({}, **bounds),
                {one.filter: address({}, filter=one.filter, **bounds) for one in own if one.filter},
            )
        )
    labels = [
        (float(n), row.label.partition(".")[0])
        for n, row in enumerate(rows)
        if row.label.partition(" ")[0].endswith(".00")
    ]
    return draw_rows(rows, labels[:: max(1, round(len(labels) / 9))])


def draw_scores(field: str, scores: Histogram, as_of: int) -> Picture:
    """The scores of one field. Only the typed API has upper bounds of them."""
    rows = []
    for n in _filled([scores]):
        low, high = (f"{scores.begin + edge * scores.width:.2f}" for edge in (n, n + 1))
        upper = "lte" if n == len(scores.counts) - 1 else "lt"
        query = {f"{field}__gte": low, f"{field}__{upper}": high, "as_of": as_of, "count": "exact"}
        found = f"/api/v1/alerts?{urlencode(query)}"
        rows.append(Row(f"{low} to {high}", {ALL: scores.counts[n]}, found))
    every = max(1, round(len(rows) / 6))
    labels = [(float(n), row.label[:4]) for n, row in enumerate(rows) if n % every == 0]
    return draw_rows(rows, labels)


def draw_objects(objects: Sequence[ObjectsByAlerts]) -> Picture:
    """The objects by their number of alerts."""
    rows = [Row(_range(item), {ALL: item.objects}) for item in objects]
    labels = [(n + 0.5, f"{item.least:,}") for n, item in enumerate(objects)]
    return draw_rows(rows, labels, powers=True)


def _range(item: ObjectsByAlerts) -> str:
    return f"{item.least:,}" if item.least == item.most else f"{item.least:,} to {item.most:,}"


class Area(NamedTuple):
    """A large pixel of the sky: its middle [deg], and its alerts."""

    ra: float
    dec: float
    alerts: int


def sum_areas(statistics: Statistics) -> list[Area]:
    """The map in large pixels, for its table; from north to south."""
    finer = 4 ** (statistics.sky.order - _TABLE_ORDER)
    sums = np.asarray(statistics.sky.counts).reshape(-1, finer).sum(axis=1)
    face, x, y = skymap.split_pixels(_TABLE_ORDER)
    side = 2.0**_TABLE_ORDER
    ra, sine = skymap.find_places(face, (x + 0.5) / side, (y + 0.5) / side)
    dec = np.degrees(np.arcsin(sine))
    areas = map(Area, (ra % 360).tolist(), dec.tolist(), sums.tolist())
    return sorted(areas, key=lambda area: (-round(area.dec, 6), area.ra))


def draw_statistics(
    statistics: Statistics | None, growth: Sequence[Growth], missing: str | None
) -> dict[str, Any]:
    """The variables of the template; without statistics, and then why, of the growth alone."""
    steps, chart = draw_growth(growth)
    return {
        "statistics": statistics,
        "missing": missing,
        "stored": growth[-1].total if growth else 0,
        "growth_days": len(growth),
        "steps": steps,
        "growth_chart": chart,
        "chart_size": (WIDTH, HEIGHT),
        **({} if statistics is None else _draw_copy(statistics)),
    }


def _draw_copy(statistics: Statistics) -> dict[str, Any]:
    return {
        "nights": draw_nights(statistics.nights),
        "magnitudes": draw_magnitudes(statistics),
        "scores": [
            (name, draw_scores(name, own, statistics.as_of), own)
            for name, own in (("rb", statistics.rb), ("drb", statistics.drb))
        ],
        "sky": skymap.draw_sky(statistics.sky.order, statistics.sky.counts),
        "sky_size": (skymap.WIDTH, skymap.HEIGHT),
        "areas": sum_areas(statistics),
        "objects": draw_objects(statistics.objects),
        "bodies": [(item, address({}, ssnamenr=item.ssnamenr)) for item in statistics.bodies],
        "bands": [b for b in BANDS if any(item.filter == b for item in statistics.nights)],
    }
