"""A search as an answer: for all alerts, and for those of one object."""

from functools import partial
from typing import Any, Final

from fastapi import Request, Response

from app.alerts.access.archive import Archive
from app.alerts.asking import searching
from app.alerts.asking.counting import tally_page
from app.alerts.asking.explaining import explain_search
from app.alerts.asking.paging import begin_after, page_of
from app.alerts.output.exports import send_alerts
from app.alerts.output.fragments import Fragments
from app.alerts.output.items import chosen_items
from app.answers.bodies import VARY, page_links, send_json
from app.answers.formats import JSON
from app.answers.streams import run_for_rows
from app.errors import QueryTooCostly, reason_of
from app.names.places import locate, place_header
from app.names.resolver import Names
from app.regions.kept import find_region
from app.routes.resources import resources_of
from app.search.search import Search
from app.settings import settings_of


async def send_search(
    request: Request, search: Search, archive: Archive, names: Names, fragments: Fragments
) -> Response:
    """The alerts that a search finds, in its format, around the place of its name.

    Raises what names.places.locate and alerts.paging.begin_after raise, and QueryTooCostly with the
    advice to send a job.
    """
    try:
        return await _send(request, search, archive, names, fragments)
    except QueryTooCostly as error:
        if resources_of(request).jobs is None:
            raise
        raise type(error)(f"{reason_of(error)}; {_AS_A_JOB}") from error


_AS_A_JOB: Final = "or run it as a job: POST /api/v1/search/jobs takes the same parameters"


async def _send(
    request: Request, search: Search, archive: Archive, names: Names, fragments: Fragments
) -> Response:
    public_url: str = settings_of(request).public_url
    search, place = await locate(search, names)
    search = await find_region(search, resources_of(request).regions)
    search = await begin_after(archive, search)
    if search.format != JSON:
        return await send_alerts(request, archive, search, place_header(search, place))
    newest, rows = await searching.find_alerts(archive, search)
    page = page_of(search, newest, rows)
    api = f"{public_url}/api/v1"
    chosen = partial(chosen_items, search.fields, api=api, vocabulary=search.vocabulary)
    make = chosen if search.fields else fragments.of
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
    if search.explain:
        body["explain"] = (await explain_search(archive, search))._asdict()
    if place is not None:
        body["place"] = place._asdict()
    told = page_links(request, public_url, page.next, page.prev) | place_header(search, place)
    return await run_for_rows(len(rows), send_json, request, body, told | {"Vary": VARY})
