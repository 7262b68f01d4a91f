"""MARS's own addresses, for its unmodified clients: `/`, `/<id>/` and what lies below."""

from typing import Final

from fastapi import APIRouter, Request, Response

from app.addresses import CANDID_DIGITS
from app.alerts.access.archive import Archive
from app.alerts.asking import queries, searching
from app.alerts.sql.search_sql import LEGACY
from app.answers.bodies import send_json
from app.answers.negotiation import wants_json
from app.answers.stored import send_file
from app.answers.streams import run_for_rows
from app.errors import NotFound, no_alert
from app.mars import bulk, items
from app.mars.form import read_form
from app.mars.placing import place_form
from app.pages.details.alertpage import alert_page
from app.pages.html import render
from app.pages.lists.front import front_page, latest_time
from app.problems import allowed_methods
from app.routes.dependencies import (
    ArchiveDependency,
    ClientDependency,
    LegacyFragmentsDependency,
    NamesDependency,
    PeriodsDependency,
    SettingsDependency,
    StoreDependency,
    WalksDependency,
)
from app.search.regions import Cone
from app.search.search import Search
from app.search.values import read_integer
from app.stamps.sending import piece_of
from app.surveys.ztf.wording import SAME_OBJECT_ARCSEC

MAX_NEARBY: Final = 10_000
KINDS: Final = {"Science": "science", "Template": "template", "Difference": "difference"}
NEGOTIATED: Final = {"Vary": "Accept, Accept-Encoding"}


router = APIRouter(include_in_schema=False)


@router.get("/")
async def list_legacy_alerts(
    request: Request,
    *,
    archive: ArchiveDependency,
    fragments: LegacyFragmentsDependency,
    names: NamesDependency,
    walks: WalksDependency,
    client: ClientDependency,
) -> Response:
    """A page of the alerts that match the form."""
    if not wants_json(request):
        return await front_page(request, archive, names, walks, client)
    form = read_form(request.query_params.multi_items())
    listed = await walks.page(archive, client, form, await place_form(form, names))
    body = {
        "has_next": listed.has_next,
        "has_prev": form.page > 1,
        "results": fragments.of(listed.rows),
    }
    return send_json(request, body, NEGOTIATED)


@router.get("/latest/")
async def get_latest(request: Request, archive: ArchiveDependency) -> Response:
    """The time of the newest alert: the part of the main page that updates itself."""
    return render(request, "latest.html", latest=await latest_time(archive))


@router.post("/")
async def search_in_bulk(
    request: Request,
    archive: ArchiveDependency,
    fragments: LegacyFragmentsDependency,
    names: NamesDependency,
) -> Response:
    """Every alert that each of many queries finds."""
    asked = await bulk.read_queries(request)
    body = await bulk.answer_queries(archive, fragments, names, asked)
    return await run_for_rows(
        body["total"], send_json, request, body, {"Cache-Control": "no-store"}
    )


@router.options("/")
@router.options("/{number:digits}/")
@router.options("/{number:digits}/photometry/")
@router.options("/{number:digits}/cutout/{kind}/")
async def tell_methods(request: Request) -> Response:
    """The allowed methods."""
    return Response(headers={"Allow": allowed_methods(request)})


@router.get("/{number:digits}/")
async def get_legacy_alert(
    *,
    request: Request,
    number: str,
    archive: ArchiveDependency,
    settings: SettingsDependency,
    client: ClientDependency,
    periods: PeriodsDependency,
) -> Response:
    """One alert with other data on its position."""
    if not wants_json(request):
        given, key = _key(number)
        return await alert_page(request, archive, periods, client, number=given, key=key)
    return send_json(request, await _alert(archive, settings.public_url, number), NEGOTIATED)


@router.get("/{number:digits}/photometry/")
async def get_photometry(
    request: Request, number: str, archive: ArchiveDependency, settings: SettingsDependency
) -> Response:
    """The light curve of one alert; always JSON."""
    alert = await _alert(archive, settings.public_url, number)
    return send_json(request, items.photometry(alert))


@router.get("/{number:digits}/cutout/{kind}/")
async def get_cutout(
    request: Request, number: str, kind: str, archive: ArchiveDependency, store: StoreDependency
) -> Response:
    """A cutout as the packet holds it: gzipped FITS."""
    if kind not in KINDS:
        raise NotFound(f"there is no such cutout; there are {', '.join(KINDS)}")
    row = await queries.read_places(archive, *_key(number))
    name = items.cutout_names(row)[KINDS[kind]]
    return await send_file(request, store, piece_of(row, KINDS[kind]), name, "image/fits")


def _key(number: str) -> tuple[int, str]:
    """The number and the column that it is one of. Raises NotFound for one beyond 64 bits."""
    try:
        return read_integer(number), "candid" if len(
            number.lstrip("-")
        ) >= CANDID_DIGITS else "lco_id"
    except ValueError:
        raise no_alert(number) from None


async def _alert(archive: Archive, public_url: str, number: str) -> items.Alert:
    """The alert with its history."""
    row = await queries.read_legacy_alert(archive, *_key(number))
    around = Search(Cone(row["ra"], row["dec"], SAME_OBJECT_ARCSEC / 3600), limit=MAX_NEARBY)
    _, near = await searching.find_alerts(archive, around, LEGACY)
    limits = await queries.read_limits(archive, row["object_id"])
    alert, *nearby = items.legacy_items([row, *near], f"{public_url}/api/v1")
    return items.add_history(alert, nearby, items.non_detections(limits))
