"""How many alerts a search finds, told honestly, and which filter leaves none.

Both are extras of a page: they have little time, and say so where it was not enough.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Final, NamedTuple

from app import queries
from app.errors import TooDear
from app.paging import Page
from app.search import Search

COUNTED: Final = 10_000
"""Up to here alerts are counted: some 20 ms where no index helps."""
COUNT_S: Final = 0.3
EXACT_S: Final = 2.0
EXACT, ESTIMATE, AT_LEAST = "exact", "estimate", "at least"
PROBE_S: Final = 0.5
PROBES_S: Final = 2.0


class Tally(NamedTuple):
    """How many alerts match, and how sure that is."""

    number: int
    kind: str
    """`exact`, `estimate`, or `at least`."""
    note: str = ""
    """Why it is not exact."""


async def tallied(archive: queries.Archive, search: Search, page: Page) -> Tally:
    """How many alerts match the search of a page, counted as its `count` says, as of its batch."""
    whole = replace(search, as_of=page.as_of, cursor=None, after=None)
    more = page.cursor is not None or search.cursor is not None
    return await tally(archive, whole, len(page.rows), more, exact=search.count == EXACT)


async def tally(
    archive: queries.Archive, search: Search, seen: int, more: bool, *, exact: bool = False
) -> Tally:
    """How many alerts match: `seen` up to this page, and perhaps `more`.

    With `exact` the count has EXACT_S; where that is not enough it is what it is without.
    """
    if not more:
        return Tally(seen, EXACT)
    if not (search.cone or search.polygon or search.clauses):
        return Tally(await queries.stored(archive, search.as_of), EXACT)
    if exact:
        patient = archive._replace(statement_timeout_s=EXACT_S, wait_s=EXACT_S)
        # Where that is too dear, it is told what is sure without.
        with suppress(TooDear):
            return Tally(await queries.counted(patient, search), EXACT)
    return await _estimate(archive.hasty(COUNT_S), search, seen)


async def _estimate(hasty: queries.Archive, search: Search, seen: int) -> Tally:
    """Few are counted; of many the planner's estimate is told, where that knows the filters."""
    try:
        count = await queries.counted(hasty, search, COUNTED)
    except TooDear:
        return Tally(seen + 1, AT_LEAST, "to count them all would take too long")
    if count <= COUNTED:
        return Tally(count, EXACT)
    counted = Tally(count, AT_LEAST, f"counted up to {COUNTED:,}")
    if search.cone or search.polygon:
        return counted
    try:
        expected = await queries.estimated(hasty, search)
    except TooDear:
        return counted
    if expected <= COUNTED:
        # It rests on samples: what was counted is the surer bound.
        return counted
    return Tally(_rounded(expected), ESTIMATE, "estimated, not counted")


class Total(NamedTuple):
    """`1,234 alerts`, or as near as one comes, and how sure that is."""

    words: str
    note: str = ""


_WORDS: Final = {EXACT: "{:,} alert{}", ESTIMATE: "About {:,} alert{}"}


async def total(archive: queries.Archive, search: Search, seen: int, more: bool) -> Total:
    """How many alerts match, in words."""
    number, kind, note = await tally(archive, search, seen, more)
    if kind == AT_LEAST:
        return Total(f"More than {number - 1:,} alerts", note)
    return Total(_WORDS[kind].format(number, "" if number == 1 else "s"), note)


def _rounded(count: int) -> int:
    """Two digits: an estimate is not worth more."""
    return int(float(f"{count:.1e}"))


class Blame(NamedTuple):
    """Which filters, taken away alone, would leave alerts, and how many were looked at."""

    names: list[str]
    tried: int


async def blame(names: Iterable[str], any_without: Callable[[str], Awaitable[bool]]) -> Blame:
    """Take one filter after the other away, until PROBES_S are over.

    `any_without` tells whether alerts are left; where that raises TooDear nobody knows.
    """
    guilty, tried = [], 0
    # What the time did not reach, or was too dear, is not among those that were tried.
    with suppress(TimeoutError):
        async with asyncio.timeout(PROBES_S):
            for name in names:
                with suppress(TooDear):
                    if await any_without(name):
                        guilty.append(name)
                    tried += 1
    return Blame(guilty, tried)
