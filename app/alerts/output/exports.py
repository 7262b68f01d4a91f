"""Lists in formats other than JSON, up to a million alerts long, in constant memory.

They are read from the columnar copy; without it in pages by cursor, each its own short statement up
to the same batch: no transaction stays open.
"""

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from fastapi import Request, Response

from app.alerts.access.archive import Archive
from app.alerts.asking import searching
from app.alerts.asking.by_columns import readable_for
from app.alerts.asking.counting import tally_page
from app.alerts.asking.paging import Page, page_of
from app.alerts.output.bulk import FEW, read_in_bulk
from app.alerts.output.items import alert_table, alert_values
from app.alerts.output.scribe import Order
from app.alerts.sql.costs import Cost, cost_of, cost_of_all
from app.answers.formats import FORMATS
from app.answers.streams import Export, run_for_rows, send_page, send_pages, write_pages
from app.answers.tabular import Origin
from app.columns.copy import Readable
from app.columns.spool import Bucket
from app.errors import ColumnsUnavailable
from app.search.search import MAX_LIMIT, Search
from app.settings import settings_of
from archive.objects import Bytes

log = logging.getLogger(__name__)
CHUNK: Final = MAX_LIMIT
"""Alerts read at once: an export needs no larger query than a page."""


async def send_alerts(
    request: Request, archive: Archive, search: Search, said: dict[str, str]
) -> Response:
    """The alerts of a search that names another format than JSON.

    Headers hold what JSON has in its body; `said` are those that are known already.
    """
    export = _export_of(archive, search, settings_of(request).public_url)
    pages = read_pages(archive, search, on_disk=not export.wanted.squeezed)
    first = await anext(pages)
    if search.count:
        tally = await tally_page(archive, search, first)
        said = said | {"X-Count": str(tally.number), "X-Count-Kind": tally.kind}
    if is_whole(search, first):
        return await run_for_rows(len(first.rows), send_page, request, export, first, said)
    return send_pages(request, export, first, pages, said)


def _export_of(archive: Archive, search: Search, public_url: str) -> Export:
    """How the alerts of a search are written."""
    api, vocabulary = f"{public_url}/api/v1", search.vocabulary

    async def write_bucket_elsewhere(bucket: Bucket) -> Path:
        assert archive.columns is not None
        into = bucket.files[0].with_suffix(".written")
        into.touch()
        what = search.format, search.fields, vocabulary.survey.name, public_url
        await archive.columns.scribes.do(Order(*what, bucket, into))
        return into

    return Export(
        FORMATS[search.format],
        alert_table(search.fields, vocabulary),
        lambda rows: alert_values(search.fields, rows, api, vocabulary),
        lambda rows: write_bucket_elsewhere(rows) if isinstance(rows, Bucket) else None,
    )


@dataclass(slots=True)
class Written:
    """How far a file is."""

    rows: int = 0
    """Alerts read so far; at its end, those in it."""
    next: str | None = None
    """At its end, the cursor of the first alert beyond its limit; None if it holds all."""


async def write_alerts(
    archive: Archive, search: Search, origin: Origin, written: Written
) -> AsyncGenerator[Bytes]:
    """The alerts of a search as a file in its format, piece by piece; `written` says how far it is.

    The file is the same as that of send_alerts. Raises QueryTooCostly, or one of DATABASE_ERRORS.
    """
    export = _export_of(archive, search, origin.service)
    found = read_pages(archive, search, on_disk=not export.wanted.squeezed)
    pages = _count_rows(found, written)
    first = await anext(pages)
    made = write_pages(export, origin, first, pages)
    async with aclosing(made) as pieces:
        async for piece in pieces:
            yield piece


async def _count_rows(pages: AsyncIterator[Page], written: Written) -> AsyncIterator[Page]:
    following = None
    async for page in pages:
        written.rows, following = written.rows + len(page.rows), page.next
        yield page
    written.next = following


def is_led_back(search: Search) -> bool:
    """Whether the search asks for a previous page, which is never continued."""
    return search.cursor is not None and search.cursor.back


def is_whole(search: Search, first: Page) -> bool:
    """Whether the first page of a search is its whole answer."""
    return first.cursor is None or len(first.rows) == search.limit or is_led_back(search)


async def read_pages(
    archive: Archive, search: Search, *, on_disk: bool = False
) -> AsyncIterator[Page]:
    """The pages of a search, up to its limit, all of the batch that the first one saw.

    Rows may be a Bucket if they may be `on_disk` (read_in_bulk).
    """
    begun = False
    copy = await _bulk_of(archive, search)
    if copy is not None:
        try:
            async with aclosing(
                read_in_bulk(archive.patient(), copy, search, on_disk=on_disk)
            ) as pages:
                async for page in pages:
                    yield page
                    begun = True
            return
        except ColumnsUnavailable as error:
            if begun:
                raise
            log.warning("columns did not answer", extra={"error": str(error)})
    async for page in _read_by_pages(archive, search):
        yield page


async def _bulk_of(archive: Archive, search: Search) -> Readable | None:
    """The columnar copy, if it is the better way: not where nearly every alert matches."""
    if search.limit <= CHUNK or is_led_back(search) or cost_of_all(search) is Cost.LITTLE:
        return None
    copy = readable_for(archive, search)
    if copy is None or search.limit > FEW:
        return copy
    dense = cost_of(replace(search, limit=CHUNK)) is not Cost.MUCH and (
        await searching.is_glanced(archive, replace(search, limit=CHUNK))
    )
    return None if dense else copy


async def _read_by_pages(archive: Archive, search: Search) -> AsyncIterator[Page]:
    """The pages of PostgreSQL, each its own short statement."""
    left, led_back, begun = search.limit, is_led_back(search), archive.patient()
    while True:
        asked = replace(search, limit=min(CHUNK, search.limit))
        newest, rows = await searching.find_alerts(archive, asked)
        page = page_of(replace(asked, limit=min(CHUNK, left)), newest, rows)
        left -= len(page.rows)
        yield page
        if page.cursor is None or not left or led_back:
            return
        search = replace(search, as_of=page.as_of, cursor=page.cursor)
        archive = begun
