"""Alerts of the typed API: lists, one alert, its bytes."""

from typing import Final

from fastapi import APIRouter, Depends, Request, Response

from app import queries
from app.answers import VARY, next_link, send_json
from app.dependencies import (
    ArchiveDependency,
    FragmentsDependency,
    SearchDependency,
    SettingsDependency,
    StoreDependency,
    no_parameters,
)
from app.downloads import FITS, Piece, piece_of, send_file, send_fits, send_picture
from app.errors import NotFound
from app.exports import send_alerts
from app.filters import integer
from app.formats import alert_items, some_of_alerts
from app.lightcurve import light_curve
from app.media import JSON
from app.models import AlertList, AlertWithHistory
from app.openapi import (
    PROBLEMS,
    CandidPath,
    StampPath,
    bytes_of,
    list_responses,
    search_parameters,
)
from app.paging import page_of

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"], responses=PROBLEMS)
ALONE: Final = [Depends(no_parameters)]


def _candid(text: str) -> int:
    """A path's candid. Raises NotFound: what is no candid names no alert."""
    try:
        return integer(text)
    except ValueError:
        raise NotFound(f"there is no alert {text[:64]!r}") from None


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
    if search.after is not None:
        search = await queries.alert_after(archive, search, search.after)
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
    row = await queries.one_alert(archive, _candid(candid))
    (item,) = alert_items([row], f"{settings.public_url}/api/v1")
    histories = await queries.histories(archive, row["object_id"], row["newest"])
    return send_json(request, item | {"history": light_curve(histories)})


@router.get(
    "/{candid}/avro",
    response_class=Response,
    responses=bytes_of("application/avro"),
    dependencies=ALONE,
)
async def get_avro(
    request: Request, candid: CandidPath, archive: ArchiveDependency, store: StoreDependency
) -> Response:
    """The original packet, byte for byte."""
    number = _candid(candid)
    piece = await _piece(archive, number, "packet")
    return await send_file(request, store, piece, f"{number}.avro", "application/avro")


@router.get(
    "/{candid}/cutouts/{kind}.fits",
    response_class=Response,
    responses=bytes_of(FITS),
    dependencies=ALONE,
)
async def get_cutout_fits(
    request: Request,
    candid: CandidPath,
    kind: StampPath,
    archive: ArchiveDependency,
    store: StoreDependency,
) -> Response:
    """A cutout as FITS image; sent with gzip as content encoding where the client accepts it."""
    number = _candid(candid)
    piece = await _piece(archive, number, kind)
    return await send_fits(request, store, piece, f"{number}_{kind}.fits")


@router.get(
    "/{candid}/cutouts/{kind}.fits.gz",
    response_class=Response,
    responses=bytes_of("application/gzip"),
    dependencies=ALONE,
)
async def get_cutout_fits_gz(
    request: Request,
    candid: CandidPath,
    kind: StampPath,
    archive: ArchiveDependency,
    store: StoreDependency,
) -> Response:
    """A cutout as the gzipped FITS file that the packet holds."""
    number = _candid(candid)
    piece = await _piece(archive, number, kind)
    name = f"{number}_{kind}.fits.gz"
    return await send_file(request, store, piece, name, "application/gzip")


@router.get(
    "/{candid}/cutouts/{kind}.png",
    response_class=Response,
    responses=bytes_of("image/png"),
    dependencies=ALONE,
)
async def get_cutout_png(
    request: Request,
    candid: CandidPath,
    kind: StampPath,
    archive: ArchiveDependency,
    store: StoreDependency,
) -> Response:
    """A cutout as picture: zscale limits, asinh stretch, each pixel three wide."""
    number = _candid(candid)
    piece = await _piece(archive, number, kind)
    return await send_picture(request, store, piece, f"{number}_{kind}.png")


async def _piece(archive: queries.Archive, candid: int, part: str) -> Piece:
    """Where a part of an alert's packet lies."""
    return piece_of(await queries.places(archive, candid), part)
