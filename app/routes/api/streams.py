"""Streams of alerts as they come."""

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Depends, Request, Response

from app.alerts.access.archive import Archive
from app.alerts.asking.numbers import Newest, Stretch
from app.answers.bodies import VARY
from app.answers.encoding import coding_of
from app.answers.stored import without_body
from app.answers.streams import Breakable
from app.live.asking import LAST_EVENT, parse_stream
from app.live.events import (
    MEDIA_TYPE,
    Read,
    bear_outage,
    begin_at,
    compress_at_once,
    reader_of,
    write_events,
    writer_of,
)
from app.live.tail import Tail
from app.names.places import locate, place_header
from app.openapi.described import PROBLEMS
from app.openapi.streams import stream_parameters, stream_responses
from app.regions.kept import find_region
from app.routes.dependencies import (
    ClientDependency,
    FragmentsDependency,
    NamesDependency,
    get_archive,
)
from app.routes.resources import resources_of
from app.search.search import Search
from app.settings import settings_of

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"], responses=PROBLEMS)


async def get_tail(request: Request) -> Tail:
    """The end of the archive, as this process follows it."""
    return resources_of(request).tail


TailDependency = Annotated[Tail, Depends(get_tail)]


async def get_lasting_archive(request: Request) -> Archive:
    """The database, also while it does not answer. Raises SchemaOutdated.

    Whoever reads from it asks `checked` first.
    """
    with bear_outage():
        return await get_archive(request)
    return resources_of(request).archive


LastingDependency = Annotated[Archive, Depends(get_lasting_archive)]


def checked(request: Request, read: Read) -> Read:
    """What reads once the database has been asked for its schema. Raises as get_archive does."""

    async def read_checked(since: int, newest: Newest) -> Stretch:
        await get_archive(request)
        return await read(since, newest)

    return read_checked


async def count_stream(client: ClientDependency, tail: TailDependency) -> AsyncIterator[None]:
    """Count the stream until it has ended. Raises TooMany."""
    with tail.followed_by(client):
        yield


class Begun(NamedTuple):
    """A stream that can be written: its alerts, the number after which it begins, and headers."""

    search: Search
    since: int
    told: dict[str, str]


async def begin_stream(
    request: Request, archive: LastingDependency, names: NamesDependency, tail: TailDependency
) -> Begun:
    """The stream that the query string and Last-Event-ID ask for."""
    last_event = request.headers.get(LAST_EVENT, "")
    asked = parse_stream(request.query_params.multi_items(), last_event)
    search, place = await locate(asked.search, names)
    search = await find_region(search, resources_of(request).regions)
    return Begun(search, await begin_at(archive, tail, asked), place_header(search, place))


@router.get(
    "/stream",
    response_class=Response,
    responses=stream_responses(),
    dependencies=[Depends(count_stream)],
    openapi_extra={"parameters": stream_parameters()},
)
async def stream_alerts(
    request: Request,
    begun: Annotated[Begun, Depends(begin_stream)],
    archive: LastingDependency,
    tail: TailDependency,
    fragments: FragmentsDependency,
) -> Response:
    """Alerts that match every filter, as server-sent events, within a second of their arrival.

    An event `alert` has an alert as lists have it; `seen` says how far all has been looked at where
    nothing matched. The id of both is a number (`lco_id`) after which another stream goes on:
    browsers send it by themselves as Last-Event-ID, others give it as `since`. So each alert comes
    once and in order, whatever is cut. Without either the stream begins now, with `as_of` after
    that batch, with `since=0` at the first alert of the archive.
    """
    write = writer_of(begun.search, fragments, f"{settings_of(request).public_url}/api/v1")
    read = checked(request, reader_of(archive, begun.search))
    events = write_events(tail, read, begun.since, write)
    return send_events(request, events, begun.told)


def send_events(
    request: Request, events: AsyncIterator[bytes], told: Mapping[str, str]
) -> Response:
    """A stream of events, compressed as the client prefers; `told` are further headers."""
    headers = {
        "Cache-Control": "no-store",
        "Vary": VARY,
        # Or nginx keeps events back until it has some kilobytes of them.
        "X-Accel-Buffering": "no",
        **told,
    }
    if coding := coding_of(request):
        headers["Content-Encoding"] = coding.name
    if request.scope.get("head"):
        return without_body(headers, MEDIA_TYPE)
    body = compress_at_once(events, coding) if coding else events
    return Breakable(body, headers=headers, media_type=MEDIA_TYPE)
