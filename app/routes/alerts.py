"""Alerts of the typed API: lists and one alert; its bytes are in cutouts.py."""

from typing import Final

from fastapi import APIRouter, Depends, Request, Response

from app import queries
from app.answers import VARY, next_link, send_json
from app.dependencies import (
    ArchiveDependency,
    FragmentsDependency,
    SearchDependency,
    SettingsDependency,
    candid_of,
    no_parameters,
)
from app.exports import send_alerts
from app.formats import alert_items, some_of_alerts
from app.lightcurve import light_curve
from app.media import JSON
from app.models import AlertList, AlertWithHistory
from app.openapi import PROBLEMS, CandidPath, list_responses, search_parameters
from app.paging import behind, page_of

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
    fragments: FragmentsDependency,
    settings: SettingsDependency,
) -> Response:
    """Alerts that match every filter, newest first unless `sort` says otherwise.

    Without a filter it is the whole archive. `next` is the cursor of the next page; with `as_of` an
    answer can be had again as it was. In other formats than JSON up to 1,000,000 alerts come as a
    stream; headers say what JSON has in its body, and where they cannot, the end of the body does.
    """
    search = await behind(archive, search)
    if search.format != JSON:
        return await send_alerts(request, archive, search)
    newest, rows = await queries.alerts(archive, search)
    page = page_of(search, newest, rows)
    api = f"{settings.public_url}/api/v1"
    body = {
        "items": some_of_alerts(search.fields, page.rows, api)
        if search.fields
        else fragments.of(page.rows),
        "next": page.next,
        "truncated": page.next is not None,
        "as_of": page.as_of,
    }
    link = next_link(request, settings.public_url, page.next)
    return send_json(request, body, link | {"Vary": VARY})


@router.get("/{candid}", response_model=AlertWithHistory, dependencies=ALONE)
async def get_alert(
    request: Request, candid: CandidPath, archive: ArchiveDependency, settings: SettingsDependency
) -> Response:
    """One alert and `history`, the light curve of its object up to now."""
    row = await queries.one_alert(archive, candid_of(candid))
    (item,) = alert_items([row], f"{settings.public_url}/api/v1")
    histories = await queries.histories(archive, row["object_id"], row["newest"])
    return send_json(request, item | {"history": light_curve(histories)})
