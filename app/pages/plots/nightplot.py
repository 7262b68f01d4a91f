"""The plots of a night: alerts over time, and fields on the sky; with Plotly, or as SVG without it.

Both show the counts of fieldcounts.py and no other numbers. Bands look as in curveplot.py.
"""

import math
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

import numpy as np

from app.alerts.output.items import utc_text
from app.nights.days import Item, midnight_of
from app.nights.fieldcounts import BANDS, Counted, Exposures
from app.pages.html import format_longitude
from app.pages.links import address
from app.pages.plots.curvechart import ticks
from app.pages.plots.curveplot import BANDS as SYMBOLS
from app.pages.plots.curveplot import GLYPHS
from archive import times

BIN: Final = timedelta(minutes=10)
_BINS: Final = timedelta(days=1) // BIN
WIDTH, HEIGHT = 600, 320
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 40
_SOUTH, _NORTH = -35.0, 90.0
"""Southern limit of ZTF; the map grows if a field is farther south."""
_RADII: Final = (2.0, 9.0)
"""Radii of a field with hardly any alerts and of that with the most, in the SVG's pixels."""


class Bin(NamedTuple):
    """Some minutes of the night: how many alerts in each band, and the search that finds them."""

    begin: datetime
    end: datetime
    alerts: dict[str | None, int]
    search: str

    @property
    def total(self) -> int:
        """The alerts of all bands."""
        return sum(self.alerts.values())


def search(begin: datetime, end: datetime) -> str:
    """The main page with the alerts from `begin` on and before `end`.

    The form's lower limit is exclusive, so it is the last moment before `begin` that a Julian date
    can tell.
    """
    last = math.nextafter(times.jd_of(begin), 0)
    return address({}, time__gt=utc_text(last), time__lt=f"{end:%Y-%m-%dT%H:%M}")


def _own(night: str, item: Item) -> str | None:
    """The night's search for one field and filter; None for alerts that lack one."""
    if item["field"] is None or item["filter"] is None:
        return None
    return f"{night}&field={item['field']}&filter={item['filter']}"


def bins(night: date, exposures: Exposures) -> list[Bin]:
    """The night from its first alert to its last."""
    midnight = midnight_of(night)
    edges = [midnight + n * BIN for n in range(_BINS + 1)]
    at = np.searchsorted([times.jd_of(edge) for edge in edges], exposures["jd"], "right") - 1
    counts = np.zeros((_BINS, len(BANDS)), np.int64)
    np.add.at(counts, (at, exposures["band"]), exposures["alerts"])
    filled = np.flatnonzero(counts.sum(axis=1))
    return [
        Bin(*span, dict(zip(BANDS, row, strict=True)), search(*span))
        for n, row in enumerate(counts.tolist())
        if len(filled) and filled[0] <= n <= filled[-1]
        for span in [(edges[n], edges[n + 1])]
    ]


# -------------------------------------------------------------------------------------------------
# For the browser's plot
# -------------------------------------------------------------------------------------------------


def bars(shown: Sequence[Bin]) -> list[dict[str, Any]]:
    """The alerts over time, a series for each band that has some."""
    return [
        {
            "filter": band,
            "x": [f"{one.begin + BIN / 2:%Y-%m-%d %H:%M}" for one in shown],
            "y": [one.alerts[band] for one in shown],
            "text": [_said(one, band) for one in shown],
            "search": [one.search for one in shown],
        }
        for band in BANDS
        if any(one.alerts[band] for one in shown)
    ]


def _said(one: Bin, band: str | None) -> str:
    return (
        f"{one.begin:%H:%M} to {one.end:%H:%M} UTC<br>"
        f"{band or 'other band'}: {one.alerts[band]:,} alerts"
    )


def spots(items: Sequence[Item]) -> list[dict[str, Any]]:
    """The fields on the sky, a series for each band; large ones first, so that they lie beneath."""
    ordered = sorted(items, key=lambda item: -item["alerts"])
    most = max((item["alerts"] for item in items), default=1)
    return [
        {
            "filter": band,
            "symbol": SYMBOLS[band],
            "x": [item["ra"] for item in own],
            "y": [item["dec"] for item in own],
            "size": [round(2 * _radius(item["alerts"], most), 1) for item in own],
            "text": [_named(item) for item in own],
            "search": [item["search"] for item in own],
        }
        for band in BANDS
        if (own := [item for item in ordered if item["filter"] == band])
    ]


def _radius(alerts: int, most: int) -> float:
    """The radius: the area above the smallest is proportional to the number of alerts."""
    least, largest = _RADII
    return least + (largest - least) * math.sqrt(alerts / most)


def _named(item: Item) -> str:
    name = "no field" if item["field"] is None else f"field {item['field']}"
    exposures = f"{item['exposures']} exposure{'' if item['exposures'] == 1 else 's'}"
    return (
        f"{name}, {item['filter'] or 'other band'}<br>{item['alerts']:,} alerts, {exposures}"
        f"<br>RA {format_longitude(item['ra'], 2)}°, Dec {item['dec']:+.2f}°"
    )


# -------------------------------------------------------------------------------------------------
# As SVG
# -------------------------------------------------------------------------------------------------


class Bar(NamedTuple):
    """Alerts of one band in one bin, in the SVG's own pixels."""

    x: float
    y: float
    width: float
    height: float
    band: str | None
    said: str


class Spot(NamedTuple):
    """A field in one band, in the SVG's own pixels."""

    x: float
    y: float
    radius: float
    band: str | None
    glyph: str
    said: str


class Chart(NamedTuple):
    """The content of an SVG."""

    marks: list[Any]
    ticks_x: list[tuple[float, str]]
    ticks_y: list[tuple[float, str]]


def bar_chart(shown: Sequence[Bin]) -> Chart:
    """The alerts over time, bands one upon the other."""
    most = max(one.total for one in shown)
    bottom = HEIGHT - BOTTOM
    width = (WIDTH - LEFT - RIGHT) / len(shown)
    up = (bottom - TOP) / most
    marks = []
    for n, one in enumerate(shown):
        height = 0.0
        for band, alerts in one.alerts.items():
            if alerts:
                top = bottom - height - alerts * up
                title = _said(one, band).replace("<br>", ", ")
                marks.append(Bar(LEFT + n * width, top, width * 0.92, alerts * up, band, title))
                height += alerts * up
    every = next(step for step in (1, 3, 6, 12, 18, 36) if len(shown) <= 8 * step)
    hours = [
        (round(LEFT + n * width, 1), f"{one.begin:%H:%M}")
        for n, one in enumerate(shown)
        if (one.begin.hour * 60 + one.begin.minute) // 10 % every == 0
    ]
    counts = [(round(bottom - y * up, 1), f"{y:,.0f}") for y in ticks(0, most) if y == int(y)]
    return Chart(marks, hours, counts)


def sky_chart(items: Sequence[Item]) -> Chart:
    """The fields on the sky; right ascension grows to the left."""
    south = min(_SOUTH, *(item["dec"] for item in items))
    across = (WIDTH - LEFT - RIGHT) / 360
    down = (HEIGHT - TOP - BOTTOM) / (_NORTH - south)

    def at(ra: float, dec: float) -> tuple[float, float]:
        return round(LEFT + (360 - ra) * across, 1), round(TOP + (_NORTH - dec) * down, 1)

    marks = [
        Spot(*at(x, y), size / 2, one["filter"], one["symbol"], text.replace("<br>", ", "))
        for one in spots(items)
        for x, y, size, text in zip(
            *(one[name] for name in ("x", "y", "size", "text")), strict=True
        )
    ]
    ras = [(at(ra, 0)[0], f"{ra}°") for ra in range(0, 361, 60)]
    decs = [
        (at(0, dec)[1], f"{dec:+.0f}°" if dec else "0°")
        for dec in range(-90, 91, 30)
        if dec >= south
    ]
    return Chart(marks, ras, decs)


def draw_night(night: date, counted: Counted) -> dict[str, Any]:
    """The variables of the template of a night."""
    midnight = midnight_of(night)
    night_search = search(midnight, midnight + timedelta(days=1))
    items = [{**item, "search": _own(night_search, item)} for item in counted.items]
    shown = bins(night, counted.exposures)
    return {
        "items": items,
        "bins": shown,
        "all": night_search,
        "bands": [b for b in BANDS if any(item["filter"] == b for item in items)],
        "symbols": SYMBOLS,
        "glyphs": GLYPHS,
        "time_chart": bar_chart(shown) if shown else None,
        "sky_chart": sky_chart(items) if items else None,
        "series": {"time": bars(shown), "sky": spots(items)},
        "chart_size": (WIDTH, HEIGHT),
    }
