"""Rows with one more than asked for -> a page and the cursor of the next."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import asyncpg

from app import queries
from app.cursor import Cursor
from app.errors import BadParameter, BadParameters
from app.filters import FILTERS, Clause
from app.search import Search


class Page(NamedTuple):
    """One page: its rows, the cursor of the next, the batch up to which it saw the archive."""

    rows: Sequence[asyncpg.Record]
    cursor: Cursor | None
    as_of: int

    @property
    def next(self) -> str | None:
        """The cursor as a client gets it."""
        return None if self.cursor is None else self.cursor.token()


def page_of(search: Search, newest: int, rows: Sequence[asyncpg.Record]) -> Page:
    """The page. Raises BadParameters for an `as_of` that lies in the future."""
    as_of = newest if search.as_of is None else search.as_of
    if as_of > newest:
        reason = f"the archive has come to batch {newest} so far"
        raise BadParameters([BadParameter("as_of", reason)])
    kept = rows[: search.limit]
    if len(rows) <= search.limit:
        return Page(kept, None, as_of)
    last = kept[-1]
    cursor = Cursor(search.digest, as_of, last[search.sort.column], last["candid"])
    return Page(kept, cursor, as_of)


async def behind(archive: queries.Archive, search: Search) -> Search:
    """The search, its page beginning behind the alert that `after` names, if it names one.

    Raises BadParameters where the archive, as of the search's batch, has no such alert.
    """
    if search.after is None:
        return search
    itself = (Clause(FILTERS["candid"], search.after),)
    asked = replace(search, cone=None, clauses=itself, fields=("candid", "batch"), limit=1)
    _, rows = await queries.alerts(archive, asked)
    if not rows:
        raise BadParameters([BadParameter("after", f"there is no alert {search.after}")])
    value, batch = rows[0][search.sort.column], rows[0]["batch"]
    return replace(search, cursor=Cursor(search.digest, batch, value, search.after))
