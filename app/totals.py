"""How many alerts a search finds, told honestly, and which filter leaves none.

Both are extras of a page: they have little time, and say so where it was not enough.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, NamedTuple

from app import queries
from app.errors import TooDear
from app.search import Search

COUNTED: Final = 10_000
"""Up to here alerts are counted: some 20 ms where no index helps."""
COUNT_S: Final = 0.3
PROBE_S: Final = 0.5
PROBES_S: Final = 2.0


class Total(NamedTuple):
    """`1,234 alerts`, or as near as one comes, and how sure that is."""

    words: str
    note: str = ""


async def total(archive: queries.Archive, search: Search, seen: int, more: bool) -> Total:
    """How many alerts match: `seen` up to this page, and perhaps `more`."""
    if not more:
        return _alerts(seen)
    if search.cone is None and not search.clauses:
        return _alerts(await queries.stored(archive))
    hasty = archive._replace(statement_timeout_s=COUNT_S)
    try:
        count = await queries.counted(hasty, search, COUNTED)
        if count <= COUNTED:
            return _alerts(count)
        if search.cone is None:
            # The estimate rests on samples: what was counted is the surer bound.
            expected = await queries.estimated(hasty, search)
            if expected > COUNTED:
                return Total(f"About {_rounded(expected)} alerts", "estimated, not counted")
        return Total(f"More than {COUNTED:,} alerts", f"counted up to {COUNTED:,}")
    except TooDear:
        return Total(f"More than {seen:,} alerts", "to count them all would take too long")


def _alerts(count: int) -> Total:
    return Total(f"{count:,} alert{'' if count == 1 else 's'}")


def _rounded(count: int) -> str:
    """Two digits: an estimate is not worth more."""
    return f"{int(float(f'{count:.1e}')):,}"


class Blame(NamedTuple):
    """Which filters, taken away alone, would leave alerts, and how many were looked at."""

    names: list[str]
    tried: int


async def blame(names: Iterable[str], any_without: Callable[[str], Awaitable[bool]]) -> Blame:
    """Take one filter after the other away, until PROBES_S are over.

    `any_without` tells whether alerts are left; where that raises TooDear nobody knows.
    """
    guilty, tried = [], 0
    try:
        async with asyncio.timeout(PROBES_S):
            for name in names:
                try:
                    found = await any_without(name)
                except TooDear:
                    continue
                tried += 1
                if found:
                    guilty.append(name)
    except TimeoutError:
        pass
    return Blame(guilty, tried)
