"""The plot of a light curve: series for the browser's plot, and an SVG for pages without it.

Both show the points of lightcurve.py and no other numbers. How bands, signs and limits look is
written here alone.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from app.addresses import alert_address
from app.objects.lightcurve import Point

Series = dict[str, Any]


MOST_MAG: Final = 100.0
"""A greater value, or one below its negative, is not a magnitude and would squeeze the others."""


class Value(NamedTuple):
    """The key of a kind's magnitude in one view, and whether it is a limit."""

    field: str
    error: str | None = None
    limit: bool = False


_DIFFERENCE: Final = (Value("magpsf", "sigmapsf"),)
_TOTAL: Final = (Value("total_mag", "total_mag_err"),)
VIEWS: Final[dict[str, dict[str, tuple[Value, ...]]]] = {
    "difference": {
        "forced": (Value("mag", "mag_err"), Value("limit_mag", limit=True)),
        "upper_limit": (Value("diffmaglim", limit=True),),
        "earlier_detection": _DIFFERENCE,
        "detection": _DIFFERENCE,
    },
    "total": {"earlier_detection": _TOTAL, "detection": _TOTAL},
}
"""View -> kind -> values; the first existing one counts. Kinds in the order of drawing."""

NAMES: Final = {
    "detection": "detection",
    "earlier_detection": "earlier detection",
    "upper_limit": "upper limit",
    "forced": "forced photometry",
}
SIZES: Final = {"detection": 10, "earlier_detection": 7, "upper_limit": 10, "forced": 6}

BANDS: Final = {"g": "circle", "r": "square", "i": "diamond", None: "cross"}
_LIMITS: Final = {
    "g": "triangle-down-open",
    "r": "triangle-down-open-dot",
    "i": "star-triangle-down-open",
    None: "triangle-down-open",
}
GLYPHS: Final = {
    "circle": "M-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0z",
    "square": "M-.9-.9H.9V.9H-.9z",
    "diamond": "M0-1.3L1.1 0 0 1.3-1.1 0z",
    "cross": "M-1-.3H-.3V-1H.3V-.3H1V.3H.3V1H-.3V.3H-1z",
    "triangle-down": "M-1.1-.8H1.1L0 1.1z",
    "triangle-down-dot": "M-1.1-.8H1.1L0 1.1zM0-.25V-.2",
    "star-triangle-down": "M-1.1-.8Q0-.3 1.1-.8Q.3 0 0 1.1Q-.3 0-1.1-.8z",
}
"""Outlines about the origin, of radius 1, by Plotly's names of its symbols."""


def series_of(points: Iterable[Point]) -> list[Series]:
    """Points drawn together: one series for each view, kind, band, sign and limit."""
    points = list(points)
    found: dict[tuple[Any, ...], Series] = {}
    for view, kinds in VIEWS.items():
        for kind, values in kinds.items():
            for point in (p for p in points if p["kind"] == kind):
                value = next((v for v in values if _is_drawn(point[v.field])), None)
                if value is not None:
                    negative = not value.limit and _is_negative(point)
                    key = (view, kind, point["filter"], negative, value.limit)
                    _add(found.setdefault(key, _series(*key)), point, value)
    return list(found.values())


def _is_drawn(magnitude: float | None) -> bool:
    return magnitude is not None and abs(magnitude) < MOST_MAG


def _is_negative(point: Point) -> bool:
    if point["kind"] == "forced":
        return bool(point["flux_ujy"] < 0)
    return point["isdiffpos"] is False


def _series(view: str, kind: str, band: str | None, negative: bool, limit: bool) -> Series:
    symbol = _LIMITS[band] if limit else BANDS[band] + ("-open" if negative else "")
    return {
        "view": view,
        "kind": kind,
        "filter": band,
        "negative": negative,
        "limit": limit,
        "symbol": symbol,
        "size": SIZES[kind],
        **{name: [] for name in ("x", "y", "error", "text", "candid", "page")},
    }


def _add(series: Series, point: Point, value: Value) -> None:
    magnitude = point[value.field]
    error = None if value.error is None else point[value.error]
    if error is not None and not 0 <= error < MOST_MAG:
        error = None
    series["x"].append(point["mjd"])
    series["y"].append(magnitude)
    series["error"].append(error)
    series["candid"].append(point.get("candid"))
    # Histories tell of detections that never came as alerts: those have no page.
    series["page"].append(alert_address(point["candid"]) if point["kind"] == "detection" else None)
    said = f"> {magnitude:.2f}" if value.limit else f"{magnitude:.3f}"
    if error is not None:
        said += f" ± {error:.3f}"
    sign = ", fainter than the reference" if series["negative"] else ""
    series["text"].append(
        f"{point['filter'] or 'unknown band'} {NAMES[point['kind']]}{sign}<br>{said} mag"
        f"<br>MJD {point['mjd']:.5f}<br>{point['time'][:19].replace('T', ' ')} UTC"
    )


WIDTH, HEIGHT = 900, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 12, 12, 40


class Mark(NamedTuple):
    """A point in the SVG's own pixels, y and its error bar's ends; an alert's has its candid."""

    x: float
    y: float
    ends: tuple[float, float] | None
    glyph: str
    radius: float
    style: str
    title: str
    candid: str | None


class Chart(NamedTuple):
    """The content of the SVG."""

    marks: list[Mark]
    ticks_x: list[tuple[float, str]]
    ticks_y: list[tuple[float, str]]


def chart(series: Sequence[Series], view: str = "difference") -> Chart | None:
    """The SVG of one view; None if there is nothing to draw. Magnitudes grow downwards."""
    shown = [one for one in series if one["view"] == view]
    if not shown:
        return None
    low_x, high_x = _range([x for one in shown for x in one["x"]], 1.0)
    low_y, high_y = _range([y for one in shown for y in one["y"]], 0.2)
    across = (WIDTH - _LEFT - _RIGHT) / (high_x - low_x)
    down = (HEIGHT - _TOP - _BOTTOM) / (high_y - low_y)

    def at(x: float, y: float) -> tuple[float, float]:
        return round(_LEFT + (x - low_x) * across, 1), round(_TOP + (y - low_y) * down, 1)

    marks = [
        Mark(
            *at(x, y),
            None if not error else (at(x, y - error)[1], at(x, y + error)[1]),
            one["symbol"].replace("-open", ""),
            one["size"] / 2,
            f"band-{one['filter'] or 'none'} {one['kind']}"
            + (" open" if one["negative"] or one["limit"] else ""),
            text.replace("<br>", ", "),
            candid,
        )
        for one in shown
        for x, y, error, text, candid in zip(
            *(one[name] for name in ("x", "y", "error", "text", "candid")), strict=True
        )
    ]
    ticks_x = [(at(x, low_y)[0], f"{x:g}") for x in ticks(low_x, high_x)]
    ticks_y = [(at(low_x, y)[1], f"{y:g}") for y in ticks(low_y, high_y)]
    return Chart(marks, ticks_x, ticks_y)


def _range(values: Sequence[float], least: float) -> tuple[float, float]:
    """From below the lowest to above the highest, and no narrower than `least`."""
    low, high = min(values), max(values)
    margin = max((high - low) * 0.06, (least - (high - low)) / 2)
    return low - margin, high + margin


def ticks(low: float, high: float) -> list[float]:
    """About five round numbers within the range."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= rough)
    return [round(n * step, 6) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def draw_curve(points: Sequence[Point]) -> dict[str, Any]:
    """The variables of the template of a light curve."""
    series = series_of(points)
    return {
        "points": points,
        "series": series,
        "chart": chart(series),
        "bands": BANDS,
        "kinds": NAMES,
        "glyphs": GLYPHS,
        "chart_size": (WIDTH, HEIGHT),
    }
