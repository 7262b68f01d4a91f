"""Alerts of the typed API: lists and one alert; its bytes are in cutouts.py."""

from typing import Final

from fastapi import APIRouter, Depends, Request, Response

from app import queries
from app.answers import next_link, send_json
from app.dependencies import (
    ArchiveDependency,
    FragmentsDependency,
    SearchDependency,
    SettingsDependency,
    candid_of,
    no_parameters,
)
from app.formats import alert_items
from app.lightcurve import light_curve
from app.models import AlertList, AlertWithHistory
from app.openapi import PROBLEMS, CandidPath, search_parameters
from app.paging import page_of

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"], responses=PROBLEMS)
ALONE: Final = [Depends(no_parameters)]


@router.get("", response_model=AlertList, openapi_extra={"parameters": search_parameters()})
async def list_alerts(
    request: Request,
    search: SearchDependency,
    archive: ArchiveDependency,
    fragments: FragmentsDependency,
    settings: SettingsDependency,
) -> Response:
    """Alerts that match every filter, newest first unless `sort` says otherwise.

    Without a filter it is the whole archive. `next` is the cursor of the next page; with `as_of` an
    answer can be had again as it was.
    """
    newest, rows = await queries.alerts(archive, search)
    page = page_of(search, newest, rows)
    body = {
        "items": fragments.of(page.rows),
        "next": page.next,
        "truncated": page.next is not None,
        "as_of": page.as_of,
    }
    return send_json(request, body, next_link(request, settings.public_url, page.next))


@router.get("/{candid}", response_model=AlertWithHistory, dependencies=ALONE)
async def get_alert(
    request: Request, candid: CandidPath, archive: ArchiveDependency, settings: SettingsDependency
) -> Response:
    """One alert and `history`, the light curve of its object up to now."""
    row = await queries.one_alert(archive, candid_of(candid))
    (item,) = alert_items([row], f"{settings.public_url}/api/v1")
    histories = await queries.histories(archive, row["object_id"], row["newest"])
    return send_json(request, item | {"history": light_curve(histories)})
