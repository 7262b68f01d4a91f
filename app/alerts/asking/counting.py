"""How many alerts a search finds, counted in a short time, and how certain that number is."""

from contextlib import suppress
from dataclasses import replace
from typing import Final, NamedTuple

from app.alerts.access.archive import Archive
from app.alerts.asking import queries, searching
from app.alerts.asking.by_columns import count_by_columns, readable_for
from app.alerts.asking.paging import Page
from app.errors import ColumnsUnavailable, QueryTooCostly
from app.search.search import Search
from archive.surveys import SURVEYS

COUNTED: Final = 10_000
"""Up to here alerts are counted: some 20 ms where no index helps."""
COUNT_S: Final = 0.3
EXACT_S: Final = 2.0
EXACT, ESTIMATE, AT_LEAST = "exact", "estimate", "at least"


class Tally(NamedTuple):
    """How many alerts match, and how certain that is."""

    number: int
    kind: str
    """`exact`, `estimate`, or `at least`."""
    note: str = ""
    """Why it is not exact."""


async def tally_page(archive: Archive, search: Search, page: Page) -> Tally:
    """How many alerts match the search of a page, counted as its `count` says, as of its batch."""
    whole = replace(search, as_of=page.as_of, cursor=None, after=None)
    more = page.cursor is not None or search.cursor is not None
    return await tally(archive, whole, len(page.rows), more, exact=search.count == EXACT)


async def tally(
    archive: Archive, search: Search, seen: int, more: bool, *, exact: bool = False
) -> Tally:
    """How many alerts match: `seen` up to this page, and perhaps `more`.

    With `exact` the count may take EXACT_S; after that the answer is the same as without it.
    """
    if not more:
        return Tally(seen, EXACT)
    # The ledger does not tell surveys apart.
    whole = not (search.is_local or search.clauses)
    if whole and (search.vocabulary.survey,) == SURVEYS:
        return Tally(await queries.count_stored(archive, search.as_of), EXACT)
    if exact:
        patient = archive._replace(statement_timeout_s=EXACT_S, wait_s=EXACT_S, scan_wait_s=EXACT_S)
        # If that is too costly, answer with the estimate.
        with suppress(QueryTooCostly):
            return Tally(await searching.count_all(patient, search), EXACT)
    return await _estimate(archive.hasty(COUNT_S), search, seen)


async def foresee_count(archive: Archive, search: Search) -> Tally | None:
    """How many alerts a search will find, exactly or as an estimate; None if nobody can tell soon.

    Unlike a total it may be wrong by far: it says only how long something may take.
    """
    if search.cursor is not None:
        return None
    told = await tally(archive, search, 0, more=True)
    if told.kind != AT_LEAST:
        return told
    if search.is_local:
        return None
    expected = await searching.estimate_count(archive, search)
    return Tally(_rounded(max(expected, told.number)), ESTIMATE)


async def _estimate(hasty: Archive, search: Search, seen: int) -> Tally:
    """Count if there are few; else take the planner's estimate, if it knows the filters."""
    try:
        count = await searching.count_alerts(hasty, search, COUNTED)
    except QueryTooCostly:
        return await _by_columns(hasty, search) or Tally(seen + 1, AT_LEAST, _TOO_LONG)
    if count <= COUNTED:
        return Tally(count, EXACT)
    counted = Tally(count, AT_LEAST, f"counted up to {COUNTED:,}")
    if search.is_local:
        return counted
    try:
        expected = await searching.estimate_count(hasty, search)
    except QueryTooCostly:
        return counted
    if expected <= COUNTED:
        # The estimate rests on samples: the counted number is the safer bound.
        return counted
    return Tally(_rounded(expected), ESTIMATE, "estimated, not counted")


_TOO_LONG: Final = "counting them all would take too long"


async def _by_columns(hasty: Archive, search: Search) -> Tally | None:
    """The exact number where the columnar copy gives it in time."""
    with suppress(QueryTooCostly, ColumnsUnavailable):
        if copy := readable_for(hasty, search):
            return Tally(await count_by_columns(hasty, copy, search), EXACT)
    return None


def _rounded(count: int) -> int:
    """Two digits: an estimate is not worth more."""
    return int(float(f"{count:.1e}"))
