"""The main page: one search for people, with its form."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request, Response
from markupsafe import Markup

from app.alerts.access.archive import Archive
from app.alerts.asking import counting, queries, searching
from app.alerts.asking.paging import Page
from app.alerts.jobs import FILES
from app.errors import (
    RETRY_AFTER_S,
    BadParameters,
    NotFound,
    QueryTooCostly,
    ResolversUnavailable,
    reason_of,
)
from app.mars.form import FORM, PAGE_SIZE, SORTS_OFFERED, Form, read_form
from app.mars.placing import find_place, search_around
from app.mars.walks import Listed, Walks
from app.names.resolver import Names, Place
from app.objects.groups import read_groups
from app.pages import links
from app.pages.html import ENVIRONMENT, POLICY, SAMP, render
from app.pages.lists import grouping, listing, scripts, totals
from app.pages.lists.results import clock, write_rows
from app.search.search import MAX_EXPORT, Search
from app.settings import Settings, settings_of

_BUSY: Final = HTTPStatus.SERVICE_UNAVAILABLE
_UNKNOWN: Final = totals.Total("Alerts")
_NO_BLAME: Final = totals.Blame([], 0)


async def front_page(
    request: Request,
    archive: Archive,
    names: Names,
    walks: Walks,
    client: str,
) -> Response:
    """The alerts that match the filters, or the form with an error beside each bad field."""
    parameters = links.known_parameters(request.query_params.multi_items())
    latest = await latest_time(archive)
    try:
        form = read_form(parameters.items())
        place = await find_place(form, names)
    except BadParameters as error:
        faults = {e.parameter: e.reason for e in error.errors}
        return _page(request, archive, parameters, latest, error.status, faults=faults)
    except NotFound as error:
        faults = {"objectcone": str(error)}
        return _page(request, archive, parameters, latest, error.status, faults=faults)
    except ResolversUnavailable as error:
        faults = {"objectcone": reason_of(error)}
        return _page(request, archive, parameters, latest, _BUSY, faults=faults)
    search = search_around(form, place)
    if "group" in parameters:
        return await _grouped_page(request, archive, parameters, latest, search)
    try:
        listed = await walks.page(archive, client, form, search)
    except QueryTooCostly as error:
        return _page(request, archive, parameters, latest, _BUSY, costly=reason_of(error))
    seen = (form.page - 1) * PAGE_SIZE + len(listed.rows)
    total = await totals.say_total(archive, search, seen, listed.has_next)
    blame = _NO_BLAME if listed.rows else await _blame(archive, parameters, place)
    return _page(
        request, archive, parameters, latest, form=form, listed=listed, total=total, blame=blame
    )


async def _grouped_page(
    request: Request,
    archive: Archive,
    parameters: links.Parameters,
    latest: str | None,
    search: Search,
) -> Response:
    """The page with one row for each object."""
    try:
        found = await read_groups(archive, grouping.read_grouped(parameters, search))
    except BadParameters as error:
        faults = {e.parameter: e.reason for e in error.errors}
        return _page(request, archive, parameters, latest, error.status, faults=faults)
    except QueryTooCostly as error:
        return _page(request, archive, parameters, latest, _BUSY, costly=reason_of(error))
    words = totals.Total("Objects", "by their newest alert that matches")
    return _page(request, archive, parameters, latest, total=words, grouped=found)


async def latest_time(archive: Archive) -> str | None:
    """The time of the newest alert; empty if there is none, None if finding it takes too long."""
    try:
        jd = await queries.read_latest_jd(archive.hasty(counting.COUNT_S))
    except QueryTooCostly:
        return None
    return "" if jd is None else clock(jd)


async def _blame(
    archive: Archive, parameters: links.Parameters, place: Place | None
) -> totals.Blame:
    """The filters to blame for an empty result: the search is repeated without each of them."""
    hasty = archive.hasty(totals.PROBE_S)

    async def any_without(name: str) -> bool:
        rest = [(n, v) for n, v in parameters.items() if n not in (name, *links.ORDER)]
        # The name has been resolved already.
        search = search_around(read_form(rest), place)
        _, rows = await searching.find_alerts(hasty, replace(search, limit=1))
        return bool(rows)

    return await totals.find_blame([n for n in parameters if n in FORM], any_without)


def _page(
    request: Request,
    archive: Archive,
    parameters: links.Parameters,
    latest: str | None,
    status: int = HTTPStatus.OK,
    *,
    faults: Mapping[str, str] | None = None,
    costly: str = "",
    form: Form | None = None,
    listed: Listed | None = None,
    total: totals.Total = _UNKNOWN,
    blame: totals.Blame = _NO_BLAME,
    grouped: Page | None = None,
) -> Response:
    """The page; without `listed` it shows the errors instead of the table."""
    settings, told, asked = settings_of(request), dict(faults or {}), links.shorten(parameters)
    rows = listed.rows if listed else []
    any_order = archive.columns is not None and archive.columns.readable is not None
    return render(
        request,
        "list.html",
        status=status,
        policy={**POLICY, **SAMP},
        headers=_headers(status),
        latest=latest,
        parameters=asked,
        filters=_filters(settings.base_path, tuple(parameters.items()), tuple(told.items())),
        chips=listing.chips(asked),
        faults=told,
        costly=costly,
        headers_of=listing.headers(asked),
        rows=rows,
        body=write_rows(rows, settings.base_path),
        total=total,
        blame=blame,
        **grouping.describe_groups(grouped, asked),
        **_around(asked, form, listed),
        **_elsewhere(asked, settings.public_url, any_order),
        **_as_a_job(asked, settings, any_order),
    )


@lru_cache(maxsize=64)
def _filters(
    base: str, parameters: tuple[tuple[str, str], ...], faults: tuple[tuple[str, str], ...]
) -> Markup:
    """The form, filled in. It is kept: most people ask for the plain page, or turn pages."""
    given = dict(parameters)
    template = ENVIRONMENT.get_template("_filters.html")
    html = template.render(
        base=base,
        parameters=links.shorten(given),
        active=len(listing.chips(given)),
        groups=listing.groups(given, dict(faults)),
        sorts=SORTS_OFFERED.items(),
    )
    return Markup(html)  # noqa: S704 - made by a template


def _headers(status: int) -> dict[str, str]:
    if status == _BUSY:
        return {"Cache-Control": "no-store", "Retry-After": RETRY_AFTER_S}
    return {} if status == HTTPStatus.OK else {"Cache-Control": "no-store"}


def _around(
    parameters: links.Parameters, form: Form | None, listed: Listed | None
) -> dict[str, Any]:
    """This page's number and the addresses of the pages before and after."""
    page = form.page if form else 1
    more = listed is not None and listed.has_next
    return {
        "page": page,
        "first": (page - 1) * PAGE_SIZE + 1,
        "previous": links.address(parameters, page=str(page - 1)) if page > 1 else None,
        "next": links.address(parameters, page=str(page + 1)) if more else None,
    }


def _elsewhere(parameters: links.Parameters, url: str, any_order: bool) -> dict[str, Any]:
    """The same search for programs."""
    return {
        "json_address": links.address(parameters, format="json"),
        "stream": scripts.stream_address(parameters),
        "first_page": links.address(parameters, page=None),
        "typed_address": scripts.groups_address(parameters)
        if "group" in parameters
        else scripts.typed_address(parameters, any_order),
        "downloads": scripts.downloads(parameters, any_order),
        "most_downloaded": f"{MAX_EXPORT:,}",
        "curl": scripts.curl(parameters, url),
        "python": scripts.python(parameters, url),
    }


def _as_a_job(parameters: links.Parameters, settings: Settings, any_order: bool) -> dict[str, Any]:
    """The same search as a job or a watch, if this server keeps any."""
    has_jobs = bool(settings.app_database_url.get_secret_value())
    return {
        "watch_query": scripts.filter_query(parameters) if has_jobs else None,
        "job_query": scripts.job_query(parameters, any_order) if has_jobs else None,
        "job_files": FILES.keys(),
        "most_in_a_job": f"{settings.job_rows:,}",
    }
