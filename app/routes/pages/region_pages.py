"""The pages of regions."""

from functools import partial
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response

from app.alerts.asking.paging import page_of
from app.alerts.asking.searching import find_alerts
from app.alerts.output.items import alert_items
from app.errors import BadParameters, QueryTooCostly, RequestError, reason_of
from app.incoming import read_in_turn
from app.openapi.described import RegionPath
from app.pages.details.regionpage import SHOWN, WINDOW, form_page, region_page
from app.pages.html import redirect
from app.regions.kept import find_region
from app.regions.models import describe_region
from app.regions.reading import read_region
from app.routes.api.region_forms import Sent, read_sent
from app.routes.dependencies import (
    ArchiveDependency,
    ClientDependency,
    RegionsDependency,
    SettingsDependency,
    allow_only,
    no_parameters,
    no_repeats,
)
from app.search.search import parse_search

router = APIRouter(prefix="/regions", include_in_schema=False)
_OWN: Final = [Depends(allow_only(*WINDOW)), Depends(no_repeats)]


@router.get("/", dependencies=[Depends(no_parameters)])
async def get_regions_page(request: Request) -> Response:
    """The form that sends a region."""
    return form_page(request)


@router.post("/")
async def create_by_form(
    *,
    request: Request,
    sent: Annotated[Sent, Depends(read_sent(*WINDOW))],
    client: ClientDependency,
    archive: ArchiveDependency,
    regions: RegionsDependency,
) -> Response:
    """Keep a region, and show it; the form again, with the reason, if it cannot be read."""
    try:
        read = await read_in_turn(partial(read_region, level=sent.level), sent.data)
    except RequestError as error:
        return form_page(request, str(error), error.status)
    row, _ = await regions.add(archive, client, read)
    query = f"?{urlencode(sent.more, safe=':')}" if sent.more else ""
    return redirect(request, f"/regions/{row.id}/{query}", HTTPStatus.SEE_OTHER)


@router.get("/{region}/", dependencies=_OWN)
async def get_region_page(
    *,
    request: Request,
    region: RegionPath,
    archive: ArchiveDependency,
    regions: RegionsDependency,
    settings: SettingsDependency,
) -> Response:
    """A region on the sky, with its newest alerts."""
    row, moc = await regions.read(region)
    window = {n: v.strip() for n, v in request.query_params.items() if v.strip()}
    refused, items, more = "", [], False
    try:
        search = parse_search([("region", region), ("limit", str(SHOWN)), *window.items()])
        search = await find_region(search, regions)
        page = page_of(search, *await find_alerts(archive, search))
        items, more = alert_items(page.rows, f"{settings.public_url}/api/v1"), page.next is not None
    except BadParameters as error:
        refused = str(error)
    except QueryTooCostly as error:
        refused = reason_of(error)
    told = describe_region(row, moc, settings.public_url)
    return region_page(request, told, moc, items=items, more=more, window=window, refused=refused)
