"""How many alerts a search finds, told honestly: in little time, and saying how sure it is."""

from contextlib import suppress
from dataclasses import replace
from typing import Final, NamedTuple

from app.alerts import queries, searching
from app.alerts.archive import Archive
from app.alerts.paging import Page
from app.errors import TooDear
from app.search.search import Search

COUNTED: Final = 10_000
"""Up to here alerts are counted: some 20 ms where no index helps."""
COUNT_S: Final = 0.3
EXACT_S: Final = 2.0
EXACT, ESTIMATE, AT_LEAST = "exact", "estimate", "at least"


class Tally(NamedTuple):
    """How many alerts match, and how sure that is."""

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

    With `exact` the count has EXACT_S; where that is not enough it is what it is without.
    """
    if not more:
        return Tally(seen, EXACT)
    if not (search.cone or search.polygon or search.clauses):
        return Tally(await queries.count_stored(archive, search.as_of), EXACT)
    if exact:
        patient = archive._replace(statement_timeout_s=EXACT_S, wait_s=EXACT_S)
        # Where that is too dear, it is told what is sure without.
        with suppress(TooDear):
            return Tally(await searching.count_alerts(patient, search), EXACT)
    return await _estimate(archive.hasty(COUNT_S), search, seen)


async def _estimate(hasty: Archive, search: Search, seen: int) -> Tally:
    """Few are counted; of many the planner's estimate is told, where that knows the filters."""
    try:
        count = await searching.count_alerts(hasty, search, COUNTED)
    except TooDear:
        return Tally(seen + 1, AT_LEAST, "to count them all would take too long")
    if count <= COUNTED:
        return Tally(count, EXACT)
    counted = Tally(count, AT_LEAST, f"counted up to {COUNTED:,}")
    if search.cone or search.polygon:
        return counted
    try:
        expected = await searching.estimate_count(hasty, search)
    except TooDear:
        return counted
    if expected <= COUNTED:
        # It rests on samples: what was counted is the surer bound.
        return counted
    return Tally(_rounded(expected), ESTIMATE, "estimated, not counted")


def _rounded(count: int) -> int:
    """Two digits: an estimate is not worth more."""
    return int(float(f"{count:.1e}"))
