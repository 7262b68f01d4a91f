"""Rows with one more than asked for -> a page and the cursor of the next."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import asyncpg

from app.alerts.access.archive import Archive
from app.alerts.asking import searching
from app.alerts.asking.as_of import check_as_of
from app.errors import BadParameter, BadParameters, no_alert
from app.search.cursor import Cursor
from app.search.filters import Clause
from app.search.search import Search


class Page(NamedTuple):
    """One page: its rows, where the next begins, the batch up to which it saw the archive."""

    rows: Sequence[Any]
    """As the database gave them, or what was made from them."""
    cursor: Cursor | None
    as_of: int
    before: Cursor | None = None
    """Leads to the page before; None on the first."""

    @property
    def next(self) -> str | None:
        """The cursor as a client gets it."""
        return None if self.cursor is None else self.cursor.token()

    @property
    def prev(self) -> str | None:
        """The cursor of the page before as a client gets it."""
        return None if self.before is None else self.before.token()


def page_of(search: Search, newest: int, rows: Sequence[asyncpg.Record]) -> Page:
    """The page. Raises BadParameters for an `as_of` that lies in the future."""
    as_of = check_as_of(search.as_of, newest)
    kept, more = rows[: search.limit], len(rows) > search.limit
    back = search.cursor is not None and search.cursor.back
    if back:
        kept = kept[::-1]

    key = search.vocabulary.survey.key

    def edge(row: asyncpg.Record, leads_back: bool) -> Cursor:
        return Cursor(search.digest, as_of, row[search.sort.column], row[key], leads_back)

    # The row of a cursor lies on the other side of its page, so something is there too.
    following = edge(kept[-1], False) if kept and (more or back) else None
    begun = more if back else search.cursor is not None
    return Page(kept, following, as_of, edge(kept[0], True) if kept and begun else None)


async def begin_after(archive: Archive, search: Search) -> Search:
    """The search, its page beginning behind the alert that `after` names, if it names one.

    Raises BadParameters where the archive, as of the search's batch, has no such alert.
    """
    if search.after is None:
        return search
    vocabulary = search.vocabulary
    key = vocabulary.survey.key
    itself = (Clause(vocabulary.filters[key], search.after),)
    anywhere = replace(search, cone=None, polygon=None, region_id="", region=None, clauses=itself)
    asked = replace(anywhere, fields=(key, "batch"), limit=1)
    _, rows = await searching.find_alerts(archive, asked)
    if not rows:
        raise BadParameters([BadParameter("after", str(no_alert(search.after)))])
    value, batch = rows[0][search.sort.column], rows[0]["batch"]
    return replace(search, cursor=Cursor(search.digest, batch, value, search.after))
