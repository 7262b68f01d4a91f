"""Numbered pages of MARS's list, as fast at page 350 as at page 1.

Finding a page by its number alone costs all the rows before it. Clients walk from page to page, so
the start of the next page is remembered for each client: the page begins there even if new alerts
have arrived, so nothing is repeated or lost. Any other page has to skip rows, which is rare.
"""

import time
from dataclasses import replace
from typing import Any, Final, NamedTuple

import asyncpg
from cachetools import LRUCache, TTLCache

from app.alerts.access.archive import Archive
from app.alerts.asking import searching
from app.alerts.sql.search_sql import LEGACY
from app.errors import NotFound
from app.mars.form import PAGE_SIZE, Form
from app.mars.placing import advise_on_timeout
from app.search.cursor import Cursor
from app.search.search import Search
from archive.surveys.ztf.tables import alert

MOST_OF_CLIENT: Final = 50
"""Remembered pages of one client: it needs one for each search that it walks through."""
MOST_CLIENTS: Final = 1000
"""Clients remembered by each process; the one that asked longest ago is dropped first."""
KEPT_S: Final = 600.0
"""Lifetime: a client may take long between two pages, but not until another day."""
_MAX_CANDID: Final = 2**63 - 1
"""The greatest candid that there can be."""
_MAX_PAGE: Final = 2**63 // PAGE_SIZE


_Starts = TTLCache[tuple[str, int], Cursor]
"""Starts of pages, by digest of the search and number."""


class Listed(NamedTuple):
    """One page of alerts, and whether another follows."""

    rows: list[asyncpg.Record]
    has_next: bool


class Walks:
    """Starts of pages, by client, search and number."""

    def __init__(self) -> None:
        self._clients: LRUCache[str, _Starts] = LRUCache(MOST_CLIENTS)

    async def page(self, archive: Archive, client: str, form: Form, search: Search) -> Listed:
        """The page that the form asks for, `search` being its search with every name resolved.

        Raises NotFound beyond the end, and QueryTooCostly with advice for a cheaper query.
        """
        if not 1 <= form.page < _MAX_PAGE:
            raise NotFound("no such page: pages are numbered from 1 to the last one with alerts")
        walk = client, search.digest
        start = self._start(*walk, form.page) if form.page > 1 else None
        skip = 0 if start else (form.page - 1) * PAGE_SIZE
        with advise_on_timeout(form):
            _, rows = await searching.find_alerts(
                archive, replace(search, cursor=start), LEGACY, skip
            )
        if not rows and form.page > 1:
            raise NotFound(f"no page {form.page}: the search finds fewer alerts")
        listed = Listed(rows[:PAGE_SIZE], len(rows) > PAGE_SIZE)
        if not alert.c[search.sort.column].nullable:
            if skip and abs(rows[0]["candid"]) < _MAX_CANDID:
                self._remember(*walk, form.page, _before(search, rows[0]))
            if listed.has_next:
                self._remember(*walk, form.page + 1, _after(search, listed.rows[-1]))
        return listed

    def _start(self, client: str, digest: str, page: int) -> Cursor | None:
        own = self._clients.get(client)
        return None if own is None else own.get((digest, page))

    def _remember(self, client: str, digest: str, page: int, start: Cursor) -> None:
        if client not in self._clients:
            self._clients[client] = TTLCache(MOST_OF_CLIENT, KEPT_S, timer=_now)
        self._clients[client][digest, page] = start


def _now() -> float:
    return time.monotonic()


def _after(search: Search, row: Any, step: int = 0) -> Cursor:
    return Cursor(search.digest, 0, row[search.sort.column], row["candid"] + step)


def _before(search: Search, row: Any) -> Cursor:
    """Where a page begins whose first row this is: candids are whole, none lies between."""
    return _after(search, row, 1 if search.sort.descending else -1)
