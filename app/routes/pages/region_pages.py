"""The pages of regions."""

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Row

from app.alerts.access.archive import Archive
from app.alerts.asking.paging import page_of
from app.alerts.asking.searching import find_alerts
from app.alerts.output.items import alert_items
from app.errors import BadParameter, BadParameters, QueryTooCostly, RequestError, reason_of
from app.incoming import read_in_turn
from app.openapi.described import RegionPath
from app.pages.details.regionpage import SHOWN, WINDOW, form_page, region_page
from app.pages.html import redirect
from app.regions.kept import Regions, find_region
from app.regions.models import describe_region
from app.regions.reading import read_region
from app.routes.api.region_forms import Sent, read_sent
from app.routes.dependencies import (
    ArchiveDependency,
    ClientDependency,
    PairsDependency,
    RegionsDependency,
    allow_only,
    no_parameters,
    no_repeats,
)
from app.search.search import parse_search
from app.settings import settings_of

if TYPE_CHECKING:
    from mocpy import MOC

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
    """Keep a region, and show it with its secret; the form again if it cannot be read."""
    try:
        read = await read_in_turn(partial(read_region, level=sent.level), sent.data)
    except RequestError as error:
        return form_page(request, str(error), error.status)
    row, secret = await regions.add(archive, client, read)
    return await _show(request, archive, regions, Shown(row, read.moc, sent.more, secret))


@router.get("/{region}/", dependencies=_OWN)
async def get_region_page(
    request: Request, region: RegionPath, archive: ArchiveDependency, regions: RegionsDependency
) -> Response:
    """A region on the sky, with its newest alerts."""
    row, moc = await regions.read(region)
    window = {n: v.strip() for n, v in request.query_params.items() if v.strip()}
    return await _show(request, archive, regions, Shown(row, moc, window))


@router.post("/{region}/")
async def delete_by_form(
    request: Request, region: RegionPath, given: PairsDependency, regions: RegionsDependency
) -> Response:
    """Delete a region, and show the form that sends one."""
    secret = dict(given).get("secret", "").strip()
    if not secret:
        raise BadParameters([BadParameter("secret", "give the secret of the region")])
    await regions.remove(region, secret)
    return redirect(request, "/regions/", HTTPStatus.SEE_OTHER)


class Shown(NamedTuple):
    """A region to be shown."""

    row: Row[Any]
    moc: "MOC"
    window: Mapping[str, str]
    """Fields that limit the alerts, by name."""
    secret: str = ""
    """Of one that has just been sent."""


async def _show(request: Request, archive: Archive, regions: Regions, shown: Shown) -> Response:
    """The page of a region, with its newest alerts, or the reason why there are none."""
    url = settings_of(request).public_url
    refused, items, more = "", [], False
    try:
        asked = [("region", shown.row.id), ("limit", str(SHOWN)), *shown.window.items()]
        search = await find_region(parse_search(asked), regions)
        page = page_of(search, *await find_alerts(archive, search))
        items, more = alert_items(page.rows, f"{url}/api/v1"), page.next is not None
    except BadParameters as error:
        refused = str(error)
    except QueryTooCostly as error:
        refused = reason_of(error)
    return region_page(
        request,
        describe_region(shown.row, shown.moc, url),
        shown.moc,
        items=items,
        more=more,
        window=shown.window,
        refused=refused,
        secret=shown.secret,
    )
