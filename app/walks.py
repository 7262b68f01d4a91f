"""Pages of MARS's list: numbered, and as quick at page 350 as at page 1.

A page by number alone costs all the rows before it. Clients walk from page to page, so where a
page ended is remembered for the client that got it: its next page begins right there, whatever has
come since, so nothing is repeated or lost. A page that was not walked to skips rows instead.
"""

from collections import OrderedDict
from dataclasses import replace
from typing import Final, NamedTuple

import asyncpg

from app import queries
from app.asking import advising
from app.cursor import Cursor
from app.errors import NotFound
from app.form import PAGE_SIZE, Form
from app.matching import LEGACY
from app.search import Search
from archive.tables import alert

MOST: Final = 10_000
"""Pages remembered, by each process; the one unused for longest is forgotten first."""
_MAX_PAGE: Final = 2**63 // PAGE_SIZE


class Listed(NamedTuple):
    """One page of alerts, and whether another follows."""

    rows: list[asyncpg.Record]
    has_next: bool


class Walks:
    """Where the next page of each walk begins, by client, search and page number."""

    def __init__(self) -> None:
        self._starts: OrderedDict[tuple[str, str, int], Cursor] = OrderedDict()

    async def page(
        self, archive: queries.Archive, client: str, form: Form, search: Search
    ) -> Listed:
        """The page that the form asks for, `search` being its search with every name resolved.

        Raises NotFound beyond the end, TooDear with what would make the query cheaper.
        """
        if not 1 <= form.page < _MAX_PAGE:
            raise NotFound("there is no such page: pages count from 1 to the last that has alerts")
        start = self._starts.get((client, search.digest, form.page))
        skip = 0 if start else (form.page - 1) * PAGE_SIZE
        with advising(form):
            _, rows = await queries.alerts(archive, replace(search, cursor=start), LEGACY, skip)
        if not rows and form.page > 1:
            raise NotFound(f"there is no page {form.page}: the search finds fewer alerts")
        listed = Listed(rows[:PAGE_SIZE], len(rows) > PAGE_SIZE)
        if listed.has_next and not alert.c[search.sort.column].nullable:
            last = listed.rows[-1]
            cursor = Cursor(search.digest, 0, last[search.sort.column], last["candid"])
            self._remember((client, search.digest, form.page + 1), cursor)
        return listed

    def _remember(self, key: tuple[str, str, int], start: Cursor) -> None:
        self._starts[key] = start
        self._starts.move_to_end(key)
        if len(self._starts) > MOST:
            self._starts.popitem(last=False)
