"""How many alerts a search finds, and which filter leaves none.

Both are extras of a page: they get a short time, and say so if it was not enough.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Final, NamedTuple

from app.alerts.access.archive import Archive
from app.alerts.asking.counting import AT_LEAST, ESTIMATE, EXACT, tally
from app.errors import QueryTooCostly
from app.search.search import Search

PROBE_S: Final = 0.5
PROBES_S: Final = 2.0


class Total(NamedTuple):
    """`1,234 alerts` or an estimate, and how certain that is."""

    words: str
    note: str = ""


_WORDS: Final = {EXACT: "{:,} alert{}", ESTIMATE: "About {:,} alert{}"}


async def say_total(archive: Archive, search: Search, seen: int, more: bool) -> Total:
    """How many alerts match, in words."""
    number, kind, note = await tally(archive, search, seen, more)
    if kind == AT_LEAST:
        return Total(f"More than {number - 1:,} alerts", note)
    return Total(_WORDS[kind].format(number, "" if number == 1 else "s"), note)


class Blame(NamedTuple):
    """Filters without which, one at a time, alerts would be found, and how many were tried."""

    names: list[str]
    tried: int


async def find_blame(names: Iterable[str], any_without: Callable[[str], Awaitable[bool]]) -> Blame:
    """Remove one filter at a time, for PROBES_S at most.

    `any_without` says whether alerts are left; if it raises QueryTooCostly that is unknown.
    """
    guilty, tried = [], 0
    # A filter that was too costly, or for which no time was left, does not count as tried.
    with suppress(TimeoutError):
        async with asyncio.timeout(PROBES_S):
            for name in names:
                with suppress(QueryTooCostly):
                    if await any_without(name):
                        guilty.append(name)
                    tried += 1
    return Blame(guilty, tried)
