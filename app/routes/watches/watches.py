"""Watches: made, read and deleted; their alerts as lists and as streams."""

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Depends, Request, Response

from app.alerts.access.archive import Archive
from app.alerts.asking.numbers import MAX_NUMBER, numbered, read_newest, read_numbered
from app.alerts.models import AlertList
from app.answers.bodies import send_json
from app.live.asking import LAST_EVENT, parse_stream
from app.live.events import bear_outage, begin_at, write_events, writer_of
from app.openapi.described import PROBLEMS, WatchPath, list_responses, problem_responses
from app.openapi.match import REFUSED_BODIES
from app.openapi.streams import stream_responses
from app.openapi.watches import (
    change_parameters,
    hit_parameters,
    hit_stream_parameters,
    positions_body,
    watch_parameters,
)
from app.pages.details.watchpage import FEED, TOLD, Found, send_feed
from app.routes.api.alert_lists import send_search
from app.routes.api.streams import (
    LastingDependency,
    TailDependency,
    checked,
    count_stream,
    send_events,
)
from app.routes.dependencies import (
    ArchiveDependency,
    FragmentsDependency,
    NamesDependency,
    SettingsDependency,
    allow_only,
    no_parameters,
    secret_of,
)
from app.routes.watches.watch_making import (
    MakingDependency,
    OwnerDependency,
    WatchesDependency,
    allow_positions,
    reader_of,
    watches_of,
)
from app.search.search import MAX_LIMIT
from app.watches.asking import parse_hits
from app.watches.described import describe_watch, watch_address
from app.watches.models import NewWatch, Watch
from app.watches.streaming import hits_reader
from app.watches.watches import Watches

router = APIRouter(prefix="/api/v1/watches", tags=["watches"], responses=PROBLEMS)
ALONE: Final = [Depends(no_parameters)]
FRESH: Final = {"Cache-Control": "no-store"}


async def read_found(watches: Watches, archive: Archive, watch: str, most: int) -> Found:
    """The newest alerts of a watch, as pages show them."""
    moments = await watches.hits(watch, MAX_NUMBER, most)
    newest = await read_newest(archive)
    return Found((await read_numbered(archive, (), list(moments), newest))[::-1], moments)


@router.post(
    "",
    response_model=NewWatch,
    status_code=HTTPStatus.CREATED,
    responses=REFUSED_BODIES | problem_responses(401),
    openapi_extra={"parameters": watch_parameters(), "requestBody": positions_body()},
)
async def make_watch(
    request: Request,
    owner: OwnerDependency,
    making: MakingDependency,
    settings: SettingsDependency,
) -> Response:
    """Watch a search, a list of positions, or a search near positions, from now on.

    The filters are those of a list, the positions those of `/api/v1/match`: up to 10,000, within 1
    degree each; up to 1,000,000 with an operator's token in `Authorization: Bearer`. `since` or
    `as_of` begin in the past. The answer holds, this once, the secret with which the watch is
    changed and deleted; its `id` is all that is needed to read it.
    """
    given = request.query_params.multi_items()
    row, secret = await making.make(owner, given, reader_of(request))
    told = describe_watch(row, settings.public_url) | {"secret": secret}
    answer = send_json(request, told, FRESH)
    answer.status_code = HTTPStatus.CREATED
    answer.headers["Location"] = watch_address(settings.public_url, row.id)
    return answer


@router.get("/{watch}", response_model=Watch, dependencies=ALONE)
async def get_watch(
    request: Request, watch: WatchPath, watches: WatchesDependency, settings: SettingsDependency
) -> Response:
    """A watch: what it looks for, how far it has looked, how much it has found."""
    row = await watches.get(watch)
    return send_json(request, describe_watch(row, settings.public_url), FRESH)


@router.get(
    "/{watch}/alerts",
    response_model=AlertList,
    responses=list_responses(),
    openapi_extra={"parameters": hit_parameters()},
)
async def list_watch_alerts(
    *,
    request: Request,
    watch: WatchPath,
    watches: WatchesDependency,
    archive: ArchiveDependency,
    names: NamesDependency,
    fragments: FragmentsDependency,
) -> Response:
    """The newest alerts of a watch, up to 1,000, in any format of a list and by further filters.

    Older ones are those `before` a number (`lco_id`, which `fields` can name).
    """
    accept = request.headers.get("accept", "")
    before, make = parse_hits(request.query_params.multi_items(), accept)
    await watches.get(watch)
    numbers = await watches.hits(watch, before or MAX_NUMBER, MAX_LIMIT)
    search = make(numbered(list(numbers)))
    return await send_search(request, search, archive, names, fragments)


@router.get(
    "/{watch}/stream",
    response_class=Response,
    responses=stream_responses(),
    dependencies=[Depends(count_stream), Depends(allow_only("since", "as_of", "fields"))],
    openapi_extra={"parameters": hit_stream_parameters()},
)
async def stream_watch_alerts(
    *,
    request: Request,
    watch: WatchPath,
    archive: LastingDependency,
    tail: TailDependency,
    fragments: FragmentsDependency,
    settings: SettingsDependency,
) -> Response:
    """The alerts of a watch as server-sent events, as `/api/v1/alerts/stream` has them."""
    watches = watches_of(request)
    last_event = request.headers.get(LAST_EVENT, "")
    asked = parse_stream(request.query_params.multi_items(), last_event)
    with bear_outage():
        await watches.get(watch)
    since = await begin_at(archive, tail, asked)
    read = checked(request, hits_reader(watches, watch, archive, asked.search.fields))
    write = writer_of(asked.search, fragments, f"{settings.public_url}/api/v1")
    return send_events(request, write_events(tail, read, since, write), {})


@router.get(
    "/{watch}/atom",
    response_class=Response,
    responses={200: {"description": "The feed", "content": {FEED: {"schema": {"type": "string"}}}}},
    dependencies=ALONE,
)
async def get_watch_feed(
    request: Request,
    watch: WatchPath,
    watches: WatchesDependency,
    archive: ArchiveDependency,
    settings: SettingsDependency,
) -> Response:
    """The newest 50 alerts of a watch as an Atom feed, which news readers follow."""
    row = await watches.get(watch)
    told = describe_watch(row, settings.public_url)
    return send_feed(request, told, row, await read_found(watches, archive, watch, TOLD))


@router.patch(
    "/{watch}",
    response_model=Watch,
    responses=REFUSED_BODIES | problem_responses(403),
    openapi_extra={"parameters": change_parameters(), "requestBody": positions_body()},
)
async def change_watch(
    request: Request,
    watch: WatchPath,
    watches: WatchesDependency,
    making: MakingDependency,
    settings: SettingsDependency,
) -> Response:
    """Watch something else from now on; its secret stands in `Authorization: Bearer`.

    Filters replace all filters, and a body of positions replaces all positions, or is added to them
    with `extend=true`; `drop` leaves out all filters or all positions. What is not given stays.
    What was found stays too, and the watch goes on where it was.
    """
    row = await watches.check_secret(watch, secret_of(request))
    allow_positions(request, row)
    given = request.query_params.multi_items()
    changed = await making.change(row, given, reader_of(request))
    return send_json(request, describe_watch(changed, settings.public_url), FRESH)


@router.delete(
    "/{watch}",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=ALONE,
    responses=problem_responses(403),
)
async def delete_watch(request: Request, watch: WatchPath, watches: WatchesDependency) -> Response:
    """Delete a watch and what it has found; its secret stands in `Authorization: Bearer`."""
    await watches.remove(watch, secret_of(request))
    return Response(status_code=HTTPStatus.NO_CONTENT)
