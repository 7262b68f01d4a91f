"""The page of an object."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from app.alerts.asking import queries, searching
from app.alerts.output.items import alert_items
from app.errors import BadForm
from app.mars.form import read_form
from app.objects import finding
from app.objects.lightcurve import light_curve
from app.pages import links
from app.pages.details import elsewhere
from app.pages.details.alertpage import API, search_here
from app.pages.html import PLOTTED, SAMP, render
from app.pages.plots.curvepart import draw_curve
from app.pages.plots.curveview import CurveView
from app.routes.dependencies import ArchiveDependency, ClientDependency, PeriodsDependency
from app.routes.resources import resources_of
from app.search.sphere import separation_arcsec, sexagesimal

router = APIRouter(include_in_schema=False)

SHOWN: Final = 500
"""Rows of the page's table: thousands of rows would be useless."""
Alert = dict[str, Any]


@router.get("/objects/{object_id:object}/")
async def get_object_page(
    request: Request,
    object_id: str,
    archive: ArchiveDependency,
    client: ClientDependency,
    periods: PeriodsDependency,
) -> Response:
    """The page of an object; 404 if it has no alert."""
    shown = CurveView.read(request)
    name = finding.read_object_id(object_id)
    rows = await queries.read_object(archive, name)
    alerts, newest = alert_items(rows, API), rows[0]["newest"]
    summary = await finding.read_summary(archive, name, newest)
    mean = summary["ra"], summary["dec"]
    for alert in alerts:
        alert["apart"] = separation_arcsec(mean, (alert["ra"], alert["dec"]))
    _, here = await searching.find_alerts(archive, search_here(*mean, newest, 1000))
    points = light_curve(await queries.read_histories(archive, name, newest))
    return render(
        request,
        "object.html",
        policy={**PLOTTED, **SAMP},
        object_id=name,
        alerts=alerts,
        rows=alerts[:SHOWN],
        count=len(alerts),
        place={"ra": mean[0], "dec": mean[1], "sexagesimal": sexagesimal(*mean)},
        summary=summary,
        near=_others(alert_items(here, API), name, mean),
        links=elsewhere.links(name, *mean),
        search=_search_address(name),
        can_watch=resources_of(request).watches is not None,
        **await draw_curve(periods, client, name, points, shown),
    )


def _search_address(name: str) -> str | None:
    """The main page with the object's alerts; None for a name that its form cannot take."""
    asked = {"objectId": name}
    try:
        clauses = read_form(asked.items()).search.clauses
    except BadForm:
        return None
    return links.address(asked) if [clause.value for clause in clauses] == [name] else None


def _others(
    alerts: Sequence[Alert], object_id: str, mean: tuple[float, float]
) -> list[dict[str, Any]]:
    """Other objects among alerts, nearest first, by the nearest alert of each."""
    counts = Counter(a["object_id"] for a in alerts if a["object_id"] != object_id)
    found = [
        {
            "object_id": name,
            "count": count,
            "apart": min(
                separation_arcsec(mean, (a["ra"], a["dec"]))
                for a in alerts
                if a["object_id"] == name
            ),
        }
        for name, count in counts.items()
    ]
    return sorted(found, key=lambda other: other["apart"])
