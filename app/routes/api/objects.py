"""Objects of the typed API: in a cone or by a body's name, one, its alerts, its light curve."""

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from app.alerts.asking import queries
from app.alerts.asking.as_of import settle_as_of
from app.alerts.models import AlertList
from app.answers.bodies import VARY, page_links, send_json
from app.answers.formats import JSON
from app.answers.lists import send_list
from app.errors import BadParameter, BadParameters, no_object
from app.objects import finding
from app.objects.lightcurve import choose_fields, light_curve
from app.objects.lists import parse_objects, read_page, send_objects
from app.objects.models import ObjectList, ObjectWithFilters, Periodogram
from app.objects.options import CurveOptions, PeriodOptions
from app.objects.point_models import LightCurve
from app.objects.points import table_of
from app.objects.summaries import list_item
from app.openapi.described import PROBLEMS, ObjectPath, list_responses
from app.openapi.search import object_parameters, search_parameters
from app.routes.api.alert_lists import send_search
from app.routes.dependencies import (
    ArchiveDependency,
    ClientDependency,
    FragmentsDependency,
    NamesDependency,
    PeriodsDependency,
    SettingsDependency,
    allow_only,
    allow_repeats,
    no_repeats,
)
from app.search.filters import Clause
from app.search.options import AsOf
from app.search.search import Search, parse_search
from app.search.vocabulary import FILTERS

router = APIRouter(prefix="/api/v1/objects", tags=["objects"], responses=PROBLEMS)
PARAMETERS: Final = object_parameters()
KNOWN: Final = allow_only(*(parameter["name"] for parameter in PARAMETERS))
HEADERS: Final = ("Link", "X-As-Of", "X-Truncated", "X-Next-Cursor")
OF_OBJECT: Final = [p for p in search_parameters() if p["name"] != "object_id"]


async def _read_objects(request: Request) -> Search:
    """The requested objects. Raises BadParameters."""
    accept = request.headers.get("accept", "")
    return parse_objects(request.query_params.multi_items(), accept)


@router.get(
    "",
    response_model=ObjectList,
    responses=list_responses("The objects", HEADERS),
    openapi_extra={"parameters": PARAMETERS},
    dependencies=[Depends(KNOWN)],
)
async def list_objects(
    request: Request,
    search: Annotated[Search, Depends(_read_objects)],
    archive: ArchiveDependency,
    settings: SettingsDependency,
) -> Response:
    """Objects with an alert in a cone, or those of a solar-system body, in order of their names.

    Counts and means are over all their alerts in the archive, not only those in the cone. ZTF names
    an object by its position, so a moving body is many objects. Formats other than JSON can hold up
    to 100,000 objects, sent as a stream.
    """
    if search.format != JSON:
        return await send_objects(request, archive, search)
    page = await read_page(archive, search)
    objects_of = [list_item(item, settings.public_url) for item in page.rows]
    body = {
        "items": [{key: one[key] for key in search.fields} for one in objects_of],
        "next": page.next,
        "prev": page.prev,
        "truncated": page.next is not None,
        "as_of": page.as_of,
    }
    told = page_links(request, settings.public_url, page.next, page.prev)
    return send_json(request, body, told | {"Vary": VARY})


async def _read_own_search(request: Request, object_id: ObjectPath) -> Search:
    """The search in the query string among one object's alerts."""
    name, given = finding.read_object_id(object_id), request.query_params.multi_items()
    if any(parameter == "object_id" for parameter, _ in given):
        raise BadParameters(
            [BadParameter("object_id", "not allowed here: the address already names the object")]
        )
    # Not as a parameter: there a comma would make it a list of objects.
    own = Clause(FILTERS["object_id__in"], [name])
    return parse_search(given, request.headers.get("accept", ""), own)


@router.get(
    "/{object_id:object}/alerts",
    response_model=AlertList,
    responses=list_responses(),
    openapi_extra={"parameters": OF_OBJECT},
)
async def list_object_alerts(
    *,
    request: Request,
    object_id: ObjectPath,
    search: Annotated[Search, Depends(_read_own_search)],
    archive: ArchiveDependency,
    names: NamesDependency,
    fragments: FragmentsDependency,
) -> Response:
    """The alerts of an object, as a search finds them.

    The answer is 404 if the object has no alert up to `as_of`, and an empty list if the filters
    match none of its alerts.
    """
    as_of = await settle_as_of(archive, search.as_of)
    await finding.check_object(archive, finding.read_object_id(object_id), as_of)
    return await send_search(request, search, archive, names, fragments)


@router.get(
    "/{object_id:object}/lightcurve",
    response_model=LightCurve,
    responses=list_responses("The points", ("X-As-Of", "X-Truncated")),
    dependencies=[Depends(allow_repeats("kind", "filter"))],
)
async def get_light_curve(
    request: Request,
    object_id: ObjectPath,
    options: Annotated[CurveOptions, Query()],
    archive: ArchiveDependency,
) -> Response:
    """Detections, detections known only from histories, upper limits and forced photometry.

    `merged=true` joins all objects whose mean positions are within 1.5 arcsec of this one's, and
    each point then names its object; forced photometry stays separate for each object, as it is
    measured at that object's position. CSV, VOTable and Parquet hold one table with the columns of
    all kinds, empty if a point's kind does not have them; JSON Lines hold the points as JSON does.
    """
    name = finding.read_object_id(object_id)
    as_of = await settle_as_of(archive, options.as_of)
    names = await finding.join_nearby(archive, name, as_of) if options.merged else [name]
    histories = await asyncio.gather(*(queries.read_histories(archive, n, as_of) for n in names))
    rows = sorted((row for own in histories for row in own), key=lambda row: row["candid"])
    if not rows:
        raise no_object(name)
    fields = options.chosen
    named = options.merged or "object_id" in fields
    curve = light_curve(rows, named=named)
    points = choose_fields(options.choose(curve), fields)
    body: dict[str, Any] = {
        "object_id": name,
        "points": points,
        "object_ids": names,
        "as_of": as_of,
    }
    table = table_of(names, fields, named=named)
    return send_list(request, options.format, table, body, items=points)


@router.get(
    "/{object_id:object}/periodogram",
    response_model=Periodogram,
    dependencies=[Depends(allow_repeats("kind", "filter"))],
)
async def get_periodogram(
    *,
    request: Request,
    object_id: ObjectPath,
    options: Annotated[PeriodOptions, Query()],
    archive: ArchiveDependency,
    client: ClientDependency,
    periods: PeriodsDependency,
) -> Response:
    """The periods of an object: the highest peaks of a Lomb-Scargle periodogram.

    It is that of the signed fluxes of the light curve, detections and forced photometry, one for
    each exposure, each filter about its own mean. Times are those on Earth, not corrected for its
    way round the Sun. Fewer than 10 fluxes have no peaks.
    """
    name = finding.read_object_id(object_id)
    as_of = await settle_as_of(archive, options.as_of)
    rows = await queries.read_histories(archive, name, as_of)
    if not rows:
        raise no_object(name)
    found = await periods.search(
        client, options.choose(light_curve(rows)), options.min_period, options.max_period
    )
    body = {
        "object_id": name,
        "fluxes": found.fluxes,
        "left_out": found.left_out,
        "range": None if found.range is None else found.range._asdict(),
        "peaks": [peak._asdict() for peak in found.peaks],
        "as_of": as_of,
    }
    return send_json(request, body)


@router.get(
    "/{object_id:object}", response_model=ObjectWithFilters, dependencies=[Depends(no_repeats)]
)
async def get_object(
    request: Request,
    object_id: ObjectPath,
    options: Annotated[AsOf, Query()],
    archive: ArchiveDependency,
    settings: SettingsDependency,
) -> Response:
    """A summary of an object's alerts: counts, first, last, brightest, mean position.

    The mean is the direction of the sum of unit vectors. The brightest is the alert of the lowest
    `magpsf` among those brighter than the reference image; null if there is none.
    """
    name = finding.read_object_id(object_id)
    as_of = await settle_as_of(archive, options.as_of)
    item = await finding.read_summary(archive, name, as_of)
    more = {"filters": item["filters"], "as_of": as_of}
    return send_json(request, list_item(item, settings.public_url) | more)
