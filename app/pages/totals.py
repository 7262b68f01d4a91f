"""How many alerts a search finds, told honestly, and which filter leaves none.

Both are extras of a page: they have little time, and say so where it was not enough.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Final, NamedTuple

from app.alerts.archive import Archive
from app.alerts.counting import AT_LEAST, ESTIMATE, EXACT, tally
from app.errors import TooDear
from app.search.search import Search

PROBE_S: Final = 0.5
PROBES_S: Final = 2.0


class Total(NamedTuple):
    """`1,234 alerts`, or as near as one comes, and how sure that is."""

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
    """Which filters, taken away alone, would leave alerts, and how many were looked at."""

    names: list[str]
    tried: int


async def find_blame(names: Iterable[str], any_without: Callable[[str], Awaitable[bool]]) -> Blame:
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
