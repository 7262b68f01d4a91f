"""Alerts of the typed API: lists and one alert; its bytes are in cutouts.py."""

from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Depends, Request, Response

from app.alerts import queries, searching
from app.alerts.counting import tally_page
from app.alerts.exports import send_alerts
from app.alerts.items import alert_items, chosen_items
from app.alerts.models import AlertList
from app.alerts.paging import begin_after, page_of
from app.answers.bodies import VARY, page_links, send_json
from app.answers.formats import JSON
from app.answers.streams import run_for_rows
from app.names.places import locate, place_header
from app.objects.lightcurve import light_curve
from app.objects.point_models import AlertWithHistory
from app.openapi.described import PROBLEMS, CandidPath, list_responses
from app.openapi.search import search_parameters
from app.routes.dependencies import (
    ArchiveDependency,
    FragmentsDependency,
    NamesDependency,
    SearchDependency,
    SettingsDependency,
    candid_of,
    no_parameters,
)
from app.settings import settings_of

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
    public_url: str = settings_of(request).public_url
    search, place = await locate(search, names)
    search = await begin_after(archive, search)
    if search.format != JSON:
        return await send_alerts(request, archive, search, place_header(search, place))
    newest, rows = await searching.find_alerts(archive, search)
    page = page_of(search, newest, rows)
    api = f"{public_url}/api/v1"
    make = partial(chosen_items, search.fields, api=api) if search.fields else fragments.of
    body: dict[str, Any] = {
        "items": await run_for_rows(len(rows), make, page.rows),
        "next": page.next,
        "prev": page.prev,
        "truncated": page.next is not None,
        "as_of": page.as_of,
    }
    if search.count:
        tally = await tally_page(archive, search, page)
        body |= {"count": tally.number, "count_kind": tally.kind}
    if place is not None:
        body["place"] = place._asdict()
    told = page_links(request, public_url, page.next, page.prev) | place_header(search, place)
    return await run_for_rows(len(rows), send_json, request, body, told | {"Vary": VARY})


@router.get("/{candid}", response_model=AlertWithHistory, dependencies=ALONE)
async def get_alert(
    request: Request, candid: CandidPath, archive: ArchiveDependency, settings: SettingsDependency
) -> Response:
    """One alert and `history`, the light curve of its object up to now."""
    row = await queries.read_alert(archive, candid_of(candid))
    (item,) = alert_items([row], f"{settings.public_url}/api/v1")
    histories = await queries.read_histories(archive, row["object_id"], row["newest"])
    return send_json(request, item | {"history": light_curve(histories)})
