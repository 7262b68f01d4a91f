"""The part of a page that is a light curve: drawn, folded, as a table, with its downloads."""

from collections.abc import Sequence
from typing import Any, Final

from app.addresses import quote_object_id
from app.objects.lightcurve import Point
from app.objects.periods import Found, PeriodSearches
from app.pages.plots import curvechart
from app.pages.plots.curveplot import AXES, BANDS, GLYPHS, NAMES, Fold, series_of
from app.pages.plots.curveview import CurveView, Folding, View

FORMATS: Final = {"json": "JSON", "csv": "CSV", "votable": "VOTable"}


async def draw_curve(
    searches: PeriodSearches, client: str, object_id: str, points: Sequence[Point], shown: CurveView
) -> dict[str, Any]:
    """The variables of the template of a light curve. Raises TooMany."""
    chosen = shown.choose(points)
    found = await searches.search(client, chosen) if shown.fold is Folding.BEST else None
    fold = _fold_by(_period_of(shown, found), points)
    series = series_of(chosen, shown.view, fold)
    return {
        "points": chosen,
        "total": len(points),
        "shown": shown,
        "choices": {
            "view": list(View),
            "kind": [kind for kind in NAMES if any(p["kind"] == kind for p in points)],
            "filter": [b for b in BANDS if b and any(p["filter"] == b for p in points)],
        },
        "found": found,
        "fold": fold,
        "axes": (AXES[shown.view], "MJD (UTC)" if fold is None else "phase"),
        "series": series,
        "chart": curvechart.chart(series, shown.view, folded=fold is not None),
        "downloads": _downloads(object_id, shown),
        "bands": BANDS,
        "kinds": NAMES,
        "glyphs": GLYPHS,
        "chart_size": (curvechart.WIDTH, curvechart.HEIGHT),
    }


def _period_of(shown: CurveView, found: Found | None) -> float | None:
    if found is not None and found.peaks:
        return found.peaks[0].period
    return shown.period if shown.fold is Folding.PERIOD else None


def _fold_by(period: float | None, points: Sequence[Point]) -> Fold | None:
    """Phase 0 is the curve's first point, whatever is shown of it."""
    return None if period is None or not points else Fold(period, points[0]["mjd"])


def _downloads(object_id: str, shown: CurveView) -> list[tuple[str, str]]:
    """Name and address of what is shown, in each format of the API."""
    address = f"/api/v1/objects/{quote_object_id(object_id)}/lightcurve"
    chosen = f"&{shown.selection}" if shown.selection else ""
    return [(words, f"{address}?format={name}{chosen}") for name, words in FORMATS.items()]
