"""Lists of objects: their parameters and pages; in formats other than JSON up to 100,000."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from typing import Any, Final

from fastapi import Request, Response

from app.alerts.access.archive import Archive
from app.alerts.asking.paging import Page, page_of
from app.alerts.output.exports import is_led_back, is_whole
from app.answers.formats import FORMATS, JSON
from app.answers.lists import table_values
from app.answers.streams import Export, run_for_rows, send_page, send_pages
from app.answers.tabular import Table
from app.errors import BadParameter, BadParameters
from app.objects import finding
from app.objects.summaries import OBJECT_KEYS, columns_of, list_item
from app.search.search import DEFAULT_LIMIT, MAX_LIMIT, Search, explain_refusal, parse_search
from app.search.selection import fields_named
from app.search.values import read_integer
from app.settings import settings_of

MAX_OBJECTS: Final = 100_000
"""Objects in an answer that is streamed: any but JSON."""
NAMES: Final = 10_000
"""Names read at once: each time the whole cone is read again."""
CHUNK: Final = MAX_LIMIT
"""Objects summed up at once: a long list needs no larger query than a page."""
_LIMITS: Final = f"must be between 1 and {MAX_LIMIT}, or {MAX_OBJECTS} in any format but {JSON}"
_MEANING: Final = "Objects of the Zwicky Transient Facility, as the MARS archive knows them"


def _limit(text: str) -> int:
    if not 1 <= (value := read_integer(text)) <= MAX_OBJECTS:
        raise ValueError(_LIMITS)
    return value


def _fields(text: str) -> tuple[str, ...]:
    return fields_named(text, OBJECT_KEYS)


_OWN: Final = {"limit": _limit, "fields": _fields}
"""Parameters with another meaning than in a search of alerts."""


def parse_objects(parameters: Iterable[tuple[str, str]], accept: str = "") -> Search:
    """The search that a query string asks for; `limit` and `fields` are those of objects.

    Raises BadParameters with every error in it.
    """
    given = [(name, value) for name, value in parameters if value.strip()]
    errors: list[BadParameter] = []
    own: dict[str, Any] = {}
    for name, value in given:
        if name in own:
            errors.append(BadParameter(name, "given more than once"))
        elif name in _OWN:
            try:
                own[name] = _OWN[name](value)
            except ValueError as error:
                errors.append(explain_refusal(name, error))
    others = [(name, value) for name, value in given if name not in _OWN]
    try:
        search = parse_search([*others, ("sort", "object_id")], accept)
    except BadParameters as error:
        raise BadParameters([*error.errors, *errors]) from None
    if search.cone is None and not search.clauses:
        errors.append(BadParameter("cone", "a cone or ssnamenr is needed"))
    limit = own.get("limit", DEFAULT_LIMIT)
    if limit > MAX_LIMIT and (search.format == JSON or is_led_back(search)):
        back = f"must be at most {MAX_LIMIT} with a cursor of `prev`"
        errors.append(BadParameter("limit", _LIMITS if search.format == JSON else back))
    if errors:
        raise BadParameters(errors)
    return replace(search, limit=limit, fields=own.get("fields", _default_fields(search.format)))


def _default_fields(wanted: str) -> tuple[str, ...]:
    """Tables leave out addresses, as those of alerts do."""
    return OBJECT_KEYS if FORMATS[wanted].nested else OBJECT_KEYS[:-1]


async def read_pages(archive: Archive, search: Search) -> AsyncIterator[Page]:
    """The objects of a search up to its limit, CHUNK at once, all of the batch seen first."""
    left, begun = search.limit, archive.patient()
    while True:
        most = min(NAMES, left)
        newest, rows = await finding.list_names(archive, replace(search, limit=most))
        for n in range(0, most, CHUNK):
            asked = replace(search, limit=min(CHUNK, most - n))
            page = await _summed_up(archive, page_of(asked, newest, rows[n : n + CHUNK + 1]))
            yield page
            archive = begun
            left -= len(page.rows)
            if page.cursor is None or not left or is_led_back(search):
                return
        search = replace(search, as_of=page.as_of, cursor=page.cursor)


async def read_page(archive: Archive, search: Search) -> Page:
    """The page of objects that a search asks for."""
    newest, rows = await finding.list_names(archive, search)
    return await _summed_up(archive, page_of(search, newest, rows))


async def _summed_up(archive: Archive, page: Page) -> Page:
    """A page of names as a page of objects, in the same order."""
    names = [row["object_id"] for row in page.rows]
    items = {i["object_id"]: i for i in await finding.read_summaries(archive, names, page.as_of)}
    return page._replace(rows=[items[name] for name in names])


async def send_objects(request: Request, archive: Archive, search: Search) -> Response:
    """The objects of a search that names another format than JSON."""
    public_url, wanted = settings_of(request).public_url, FORMATS[search.format]
    columns = columns_of(search.fields, wanted.nested)
    export = Export(
        wanted,
        Table("objects", _MEANING, columns),
        lambda rows: table_values(columns, [list_item(item, public_url) for item in rows]),
    )
    pages = read_pages(archive, search)
    first = await anext(pages)
    if is_whole(search, first):
        return await run_for_rows(len(first.rows), send_page, request, export, first, {})
    return send_pages(request, export, first, pages, {})
