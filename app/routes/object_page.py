"""The page of an object."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from app import elsewhere, plot, queries
from app.dependencies import ArchiveDependency
from app.errors import NotFound
from app.filters import plain_text
from app.formats import alert_items
from app.lightcurve import light_curve
from app.pages import PLOTTED, render
from app.routes.alert_page import API, location
from app.sky import mean_position, separation_arcsec, sexagesimal
from archive.tables import FILTER_OF_FID

router = APIRouter(include_in_schema=False)

SHOWN: Final = 500
"""Rows of the page's table: a page of thousands would help nobody."""
Alert = dict[str, Any]


@router.get("/objects/{object_id}/")
async def get_object_page(request: Request, object_id: str, archive: ArchiveDependency) -> Response:
    """What is known of an object; 404 for one without an alert."""
    try:
        name = plain_text(object_id)
    except ValueError as error:
        raise NotFound(f"there is no such object: its name {error}") from None
    rows = await queries.one_object(archive, name)
    alerts, newest = alert_items(rows, API), rows[0]["newest"]
    mean = mean_position([(a["ra"], a["dec"]) for a in alerts])
    for alert in alerts:
        alert["apart"] = separation_arcsec(mean, (alert["ra"], alert["dec"]))
    _, here = await queries.alerts(archive, location(*mean, newest, 1000))
    points = light_curve(await queries.histories(archive, name, newest))
    return render(
        request,
        "object.html",
        policy=PLOTTED,
        object_id=name,
        alerts=alerts,
        shown=alerts[:SHOWN],
        total=len(alerts),
        place={"ra": mean[0], "dec": mean[1], "sexagesimal": sexagesimal(*mean)},
        scatter=math.sqrt(sum(a["apart"] ** 2 for a in alerts) / len(alerts)),
        bands_seen=_by_band(alerts),
        near=_others(alert_items(here, API), name, mean),
        links=elsewhere.links(object_id, *mean),
        **plot.drawn(points),
    )


def _by_band(alerts: Sequence[Alert]) -> list[dict[str, Any]]:
    """Count, first, last and brightest alert of each filter; `alerts` are newest first."""
    found = []
    for band in (*FILTER_OF_FID.values(), None):
        own = [alert for alert in alerts if alert["filter"] == band]
        if own:
            brighter = [a for a in own if a["isdiffpos"] and a["magpsf"] is not None]
            brightest = min(brighter, key=lambda a: a["magpsf"], default=None)
            ends = {"first": own[-1]["time"], "last": own[0]["time"]}
            found.append({"filter": band, "count": len(own), "brightest": brightest, **ends})
    return found


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
