"""The alerts of a search grouped by object."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from app.answers.bodies import VARY, page_links
from app.answers.lists import send_list
from app.names.places import locate, place_header
from app.objects.groups import TABLE, check_grouped, group_item, read_groups
from app.objects.models import GroupList
from app.openapi.described import PROBLEMS, list_responses
from app.openapi.search import group_parameters
from app.regions.kept import find_region
from app.routes.dependencies import (
    ArchiveDependency,
    NamesDependency,
    SettingsDependency,
    read_search,
)
from app.routes.resources import resources_of
from app.search.search import Search

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"], responses=PROBLEMS)
HEADERS: Final = ("Link", "X-As-Of", "X-Truncated", "X-Next-Cursor", "X-Cone")


async def _read_grouped(request: Request) -> Search:
    """The search in the query string, whose matches are to be grouped. Raises BadParameters."""
    search = await read_search(request)
    check_grouped(search, [name for name, value in request.query_params.items() if value.strip()])
    return search


@router.get(
    "/objects",
    response_model=GroupList,
    responses=list_responses("The objects", HEADERS),
    openapi_extra={"parameters": group_parameters()},
)
async def list_alert_objects(
    *,
    request: Request,
    search: Annotated[Search, Depends(_read_grouped)],
    archive: ArchiveDependency,
    names: NamesDependency,
    settings: SettingsDependency,
) -> Response:
    """Alerts that match every filter, one row for each object, by the newest match.

    Numbers are those of the alerts that match; `/api/v1/objects/{object_id}` sums up all of an
    object's. A page may hold fewer than `limit` objects, or none, and lead on: it looks at 10,000
    alerts at most.
    """
    search, place = await locate(search, names)
    search = await find_region(search, resources_of(request).regions)
    page = await read_groups(archive, search)
    items = [group_item(group, settings.public_url) for group in page.rows]
    body: dict[str, Any] = {
        "items": items,
        "next": page.next,
        "truncated": page.next is not None,
        "as_of": page.as_of,
    }
    told = page_links(request, settings.public_url, page.next, None) | place_header(search, place)
    return send_list(request, search.format, TABLE, body, headers=told | {"Vary": VARY})
