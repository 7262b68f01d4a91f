"""Alerts of the typed API: lists and one alert; its bytes are in cutouts.py."""

from typing import Final

from fastapi import APIRouter, Depends, Request, Response

from app.alerts.asking import queries
from app.alerts.models import AlertList
from app.alerts.output.items import alert_items
from app.answers.bodies import send_json
from app.objects.lightcurve import light_curve
from app.objects.point_models import AlertWithHistory
from app.openapi.described import PROBLEMS, CandidPath, list_responses
from app.openapi.search import search_parameters
from app.routes.api.alert_lists import send_search
from app.routes.dependencies import (
    ArchiveDependency,
    FragmentsDependency,
    NamesDependency,
    SearchDependency,
    SettingsDependency,
    candid_of,
    no_parameters,
)

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"], responses=PROBLEMS)
ALONE: Final = [Depends(no_parameters)]


@router.get(
    "",
    response_model=AlertList,
    responses=list_responses(),
    openapi_extra={"parameters": search_parameters()},
)
async def list_alerts(
    request: Request,
    search: SearchDependency,
    archive: ArchiveDependency,
    names: NamesDependency,
    fragments: FragmentsDependency,
) -> Response:
    """Alerts that match every filter, newest first unless `sort` says otherwise.

    Without a filter it lists the whole archive. `next` and `prev` are the cursors of the next and
    the previous page; `as_of` repeats an earlier answer. Two limits on `ra` or on `l` are an arc
    eastwards from the lower limit; if it is the greater one the arc crosses 0:
    `ra__gt=350&ra__lt=10`.

    Formats other than JSON can hold up to 1,000,000 alerts, sent as a stream. What JSON has in its
    body stands in headers, or at the end of the body if it is known only then.
    """
    return await send_search(request, search, archive, names, fragments)


@router.get("/{candid}", response_model=AlertWithHistory, dependencies=ALONE)
async def get_alert(
    request: Request, candid: CandidPath, archive: ArchiveDependency, settings: SettingsDependency
) -> Response:
    """One alert and `history`, the light curve of its object up to now."""
    row = await queries.read_alert(archive, candid_of(candid))
    (item,) = alert_items([row], f"{settings.public_url}/api/v1")
    histories = await queries.read_histories(archive, row["object_id"], row["newest"])
    return send_json(request, item | {"history": light_curve(histories)})
