"""The page of an alert: its data, those beside it, its light curve."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from fastapi import Request, Response

from app.alerts.access.archive import Archive
from app.alerts.asking import queries, searching
from app.alerts.output.items import alert_items
from app.objects.lightcurve import Point, light_curve
from app.objects.periods import PeriodSearches
from app.pages.details import elsewhere, fieldgroups
from app.pages.html import PLOTTED, render
from app.pages.plots.curvepart import draw_curve
from app.pages.plots.curveview import CurveView
from app.search.search import parse_search
from app.search.sphere import separation_arcsec, sexagesimal
from app.surveys.ztf.wording import SAME_OBJECT_ARCSEC

API: Final = "/api/v1"
OTHERS: Final = 100


def search_here(ra: float, dec: float, as_of: int, limit: int) -> Any:
    """The search for alerts within 1.5 arcsec of a position, newest first."""
    cone = f'{ra!r},{dec!r},{SAME_OBJECT_ARCSEC}"'
    return parse_search([("cone", cone), ("limit", str(limit)), ("as_of", str(as_of))])


async def alert_page(
    request: Request,
    archive: Archive,
    searches: PeriodSearches,
    client: str,
    *,
    number: int,
    key: str,
) -> Response:
    """The page of an alert, by candid or lco_id: the data of the typed API.

    Raises NotFound, TooMany, and what CurveView.read raises.
    """
    shown = CurveView.read(request, "format")
    row = await queries.read_alert(archive, number, key)
    (alert,) = alert_items([row], API)
    ra, dec = alert["ra"], alert["dec"]
    (_, rows), histories = await asyncio.gather(
        searching.find_alerts(archive, search_here(ra, dec, row["newest"], OTHERS + 1)),
        queries.read_histories(archive, row["object_id"], row["newest"]),
    )
    others = [other for other in alert_items(rows, API) if other["candid"] != alert["candid"]]
    points = light_curve(histories)
    return render(
        request,
        "alert.html",
        policy=PLOTTED,
        alert=alert,
        lco_id=row["lco_id"],
        place={**alert, "sexagesimal": sexagesimal(ra, dec)},
        others=[
            {**other, "apart": separation_arcsec((ra, dec), (other["ra"], other["dec"]))}
            for other in others[:OTHERS]
        ],
        more_others=len(others) > OTHERS,
        links=elsewhere.links(alert["object_id"], ra, dec),
        groups=fieldgroups.GROUPS,
        **_neighbours(points, alert["candid"]),
        **await draw_curve(searches, client, alert["object_id"], points, shown),
    )


def _neighbours(points: Sequence[Point], candid: str) -> dict[str, Any]:
    """The alerts of the object before and after this one, and its place among them."""
    candids = [point["candid"] for point in points if point["kind"] == "detection"]
    if candid not in candids:
        # Its jd is not the time of an exposure.
        return {"earlier": None, "later": None, "number": None, "of": len(candids)}
    n = candids.index(candid)
    return {
        "earlier": candids[n - 1] if n else None,
        "later": candids[n + 1] if n + 1 < len(candids) else None,
        "number": n + 1,
        "of": len(candids),
    }
