"""The plot of a light curve: series for the browser's plot and for the SVG of curvechart.py.

Both show the points of lightcurve.py and no other numbers. How bands, signs and limits look is
written here alone.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from app.addresses import alert_address
from app.objects.lightcurve import Point
from app.pages.plots.curveview import View

Series = dict[str, Any]


MOST: Final = {View.DIFFERENCE: 100.0, View.TOTAL: 100.0, View.FLUX: 1e9}
"""A greater value, or one below its negative, is none of a star and would squeeze the others."""
UNITS: Final = {View.DIFFERENCE: "mag", View.TOTAL: "mag", View.FLUX: "µJy"}
AXES: Final = {
    View.DIFFERENCE: "difference magnitude",
    View.TOTAL: "total magnitude",
    View.FLUX: "difference flux [µJy]",
}


class Value(NamedTuple):
    """The key of a kind's value in one view, of its error, and whether it is a limit."""

    field: str
    error: str | None = None
    limit: bool = False


_DIFFERENCE: Final = (Value("magpsf", "sigmapsf"),)
_TOTAL: Final = (Value("total_mag", "total_mag_err"),)
_FLUX: Final = (Value("flux_ujy", "flux_ujy_err"),)
VIEWS: Final[dict[View, dict[str, tuple[Value, ...]]]] = {
    View.DIFFERENCE: {
        "forced": (Value("mag", "mag_err"), Value("limit_mag", limit=True)),
        "upper_limit": (Value("diffmaglim", limit=True),),
        "earlier_detection": _DIFFERENCE,
        "detection": _DIFFERENCE,
    },
    View.TOTAL: {"earlier_detection": _TOTAL, "detection": _TOTAL},
    View.FLUX: {"forced": _FLUX, "earlier_detection": _FLUX, "detection": _FLUX},
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


class Fold(NamedTuple):
    """A period [days] that times are folded by, and the MJD of phase 0."""

    period: float
    epoch: float

    def phase(self, mjd: float) -> float:
        """The part of the period that has passed, from 0 to below 1."""
        return ((mjd - self.epoch) / self.period) % 1.0 % 1.0


def series_of(
    points: Iterable[Point], view: View = View.DIFFERENCE, fold: Fold | None = None
) -> list[Series]:
    """Points drawn together: one series for each kind, band, sign and limit.

    Against MJD, or twice against the phase, which then goes on to 2.
    """
    points = list(points)
    found: dict[tuple[Any, ...], Series] = {}
    for kind, values in VIEWS[view].items():
        for point in (p for p in points if p["kind"] == kind):
            value = next((v for v in values if _is_drawn(point[v.field], MOST[view])), None)
            if value is not None:
                negative = not value.limit and _is_negative(point)
                key = (kind, point["filter"], negative, value.limit)
                series = found.setdefault(key, _series(*key))
                _add(series, point, _drawn(point, value, view, fold))
    return list(found.values())


def _is_drawn(value: float | None, most: float) -> bool:
    return value is not None and abs(value) < most


def _is_negative(point: Point) -> bool:
    if point["kind"] == "forced":
        return bool(point["flux_ujy"] < 0)
    return point["isdiffpos"] is False


def _series(kind: str, band: str | None, negative: bool, limit: bool) -> Series:
    symbol = _LIMITS[band] if limit else BANDS[band] + ("-open" if negative else "")
    return {
        "kind": kind,
        "filter": band,
        "negative": negative,
        "limit": limit,
        "symbol": symbol,
        "size": SIZES[kind],
        **{name: [] for name in ("x", "y", "error", "text", "candid", "page")},
    }


class Drawn(NamedTuple):
    """Where a point is drawn, its error, and what is said of it."""

    x: list[float]
    y: float
    error: float | None
    text: str


def _drawn(point: Point, value: Value, view: View, fold: Fold | None) -> Drawn:
    y = point[value.field]
    error = None if value.error is None else point[value.error]
    if error is not None and not 0 <= error < MOST[view]:
        error = None
    digits = 2 if value.limit or view is View.FLUX else 3
    said = f"{'> ' if value.limit else ''}{y:.{digits}f}"
    if error is not None:
        said += f" ± {error:.{digits}f}"
    fainter = value.field != "flux_ujy" and not value.limit and _is_negative(point)
    sign = ", fainter than the reference" if fainter else ""
    text = (
        f"{point['filter'] or 'unknown band'} {NAMES[point['kind']]}{sign}<br>{said} {UNITS[view]}"
        f"<br>MJD {point['mjd']:.5f}<br>{point['time'][:19].replace('T', ' ')} UTC"
    )
    if fold is None:
        return Drawn([point["mjd"]], y, error, text)
    phase = fold.phase(point["mjd"])
    return Drawn([phase, phase + 1], y, error, f"{text}<br>phase {phase:.4f}")


def _add(series: Series, point: Point, drawn: Drawn) -> None:
    # Histories tell of detections that never came as alerts: those have no page.
    page = alert_address(point["candid"]) if point["kind"] == "detection" else None
    own = {"y": drawn.y, "error": drawn.error, "text": drawn.text, "page": page}
    for x in drawn.x:
        for name, value in {**own, "x": x, "candid": point.get("candid")}.items():
            series[name].append(value)
