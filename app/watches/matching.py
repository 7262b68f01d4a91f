"""What comes is held against all watches: the hits and how far they reach move together.

Watches that have looked equally far are locked and matched in groups, so several processes take
turns, and one that is killed lets go of its group: whatever happens each hit is there exactly once.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from itertools import groupby
from typing import Any, Final

import asyncpg
from sqlalchemy import Row, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app import schema
from app.alerts.access.archive import Archive
from app.alerts.asking.numbers import Newest
from app.alerts.asking.sieving import sieve
from app.errors import DATABASE_ERRORS, QueryTooCostly, RequestError
from app.live.tail import Tail
from app.regions.kept import Regions, find_region
from app.search.search import Search, parse_search
from app.settings import Settings
from app.watches.hits import (
    are_to_be_trimmed,
    insert_hits,
    lock_messages,
    move_watches,
    trim_hits,
)
from app.watches.nearing import Near, find_near, is_its_own
from app.watches.watches import Watches, allow_long, open_watches

log = logging.getLogger(__name__)
AT_ONCE: Final = 100
"""Watches that are matched in one transaction."""
IDLE_S: Final = 2.0
"""Time after which new watches, which may begin in the past, are looked for."""
SWEEP_S: Final = 60.0
"""Time between two sweeps of watches that have expired."""
STATEMENT_S: Final = 2.0
"""Time for a stretch: with sieving.BLAME_S a transaction stays well below its 30 s."""
_MOST_REST_S: Final = 1.0
"""A rest after a round is as long as the round, up to this: so more is done in each of them."""
_PAUSE_S: Final = 5.0
_watch: Final = schema.watch
Asked = tuple[Row[Any], Search]


def search_of(row: Row[Any]) -> Search:
    """The search of a watch, from its row."""
    return _read_search(tuple((name, value) for name, value in row.filters))


@lru_cache(maxsize=10_000)
def _read_search(filters: tuple[tuple[str, str], ...]) -> Search:
    # Kept, because all are asked for several times a second, at 0.1 ms each.
    return parse_search(filters)


async def match_round(
    watches: Watches, archive: Archive, newest: Newest, regions: Regions | None
) -> int:
    """Move all watches that are behind on by a stretch of alerts; how many were moved.

    Raises QueryTooCostly or one of DATABASE_ERRORS; then some of them have not been looked at.
    """
    moved = 0
    for upto in await _places_behind(watches, newest):
        after: str | None = ""
        while after is not None:
            async with watches.engine.begin() as connection:
                rows = await _lock_group(connection, upto, after)
                asked = await _searches_of(rows, regions)
                for group in _divide(asked):
                    moved += await _match(connection, archive, group, newest)
            after = rows[-1].id if len(rows) == AT_ONCE else None
    return moved


async def _places_behind(watches: Watches, newest: Newest) -> Sequence[int]:
    """The numbers up to which watches that are behind have looked, the highest first."""
    behind = select(_watch.c.upto).where(_watch.c.upto < newest.number)
    async with watches.engine.connect() as connection:
        return (await connection.scalars(behind.distinct().order_by(_watch.c.upto.desc()))).all()


async def _lock_group(connection: AsyncConnection, upto: int, after: str) -> Sequence[Row[Any]]:
    """The next watches that have looked so far: always the same together, for the same text."""
    equal = select(_watch).where(
        _watch.c.upto == upto, _watch.c.id > after, _watch.c.expires > func.now()
    )
    some = equal.order_by(_watch.c.id).limit(AT_ONCE).with_for_update(skip_locked=True)
    return (await connection.execute(some)).all()


async def _searches_of(rows: Sequence[Row[Any]], regions: Regions | None) -> list[Asked]:
    """Watches with their searches, without those that cannot be searched for."""
    asked: list[Asked] = []
    for row in rows:
        try:
            # Looked up each time: a region that is used does not expire.
            asked.append((row, await find_region(search_of(row), regions)))
        except RequestError as error:
            _tell_unmatched(row.id, error)
    return asked


def _divide(asked: Sequence[Asked]) -> Iterator[list[Asked]]:
    """Those of no region together, and those of each: its cells, 1 MB at most, go along once."""
    by_region = sorted(asked, key=lambda one: (one[1].region_id, one[0].id))
    for _, group in groupby(by_region, key=lambda one: one[1].region_id):
        yield list(group)


async def _match(
    connection: AsyncConnection, archive: Archive, group: Sequence[Asked], newest: Newest
) -> int:
    """Note the hits of watches among the next alerts, and how far that was; how many moved."""
    rows, searches = zip(*group, strict=True)
    sieved = await sieve(archive, searches, rows[0].upto, newest)
    found: dict[str, list[int]] = {}
    for watch, numbers in (await _find_hits(connection, rows, sieved.found)).items():
        if not isinstance(numbers, Exception):
            found[watch] = numbers
        elif isinstance(numbers, QueryTooCostly) or is_its_own(numbers):
            _tell_unmatched(watch, numbers)
        else:
            raise numbers
    if any(found.values()):
        await connection.execute(insert_hits(found))
        if due := are_to_be_trimmed(rows, found):
            for lock in lock_messages(due):
                await connection.execute(lock)
            await connection.execute(trim_hits(due))
    if found:
        await connection.execute(move_watches(found, sieved.reached))
    return len(found)


async def _find_hits(
    connection: AsyncConnection,
    rows: Sequence[Row[Any]],
    sieved: Sequence[list[asyncpg.Record] | Exception],
) -> Near:
    """The numbers of the alerts that pass each watch's search and are near a position, if any."""
    found: Near = {}
    passed: dict[str, list[asyncpg.Record]] = {}
    for row, alerts in zip(rows, sieved, strict=True):
        if isinstance(alerts, Exception):
            found[row.id] = alerts
        elif row.positions:
            passed[row.id] = alerts
        else:
            found[row.id] = [alert["lco_id"] for alert in alerts]
    return found | await find_near(connection, [row for row in rows if row.id in passed], passed)


def _tell_unmatched(watch: str, error: Exception) -> None:
    log.warning("not matched", extra={"watch": watch[:6], "error": repr(error)})


async def sweep(watches: Watches) -> None:
    """Delete watches that nobody has read for a year."""
    async with watches.engine.begin() as connection:
        await allow_long(connection)
        await connection.execute(delete(_watch).where(_watch.c.expires <= func.now()))


async def _match_all(
    watches: Watches, archive: Archive, tail: Tail, regions: Regions | None
) -> None:
    seen, due, clock = 0, 0.0, asyncio.get_running_loop().time
    hasty = archive._replace(statement_timeout_s=STATEMENT_S)
    while not tail.is_over:
        try:
            newest = await tail.beyond(seen, IDLE_S)
            began = clock()
            if not await match_round(watches, hasty, newest, regions):
                seen = newest.number
            if began >= due:
                await sweep(watches)
                due = began + SWEEP_S
            await asyncio.sleep(min(clock() - began, _MOST_REST_S))
        except (QueryTooCostly, *DATABASE_ERRORS) as error:
            log.warning("watches wait", extra={"error": repr(error)})
            await asyncio.sleep(_PAUSE_S)
        except Exception as error:  # whatever it is: watches must go on
            log.error("watches interrupted", exc_info=error)
            await asyncio.sleep(_PAUSE_S)


@asynccontextmanager
async def open_watching(
    settings: Settings, archive: Archive, tail: Tail, regions: Regions | None
) -> AsyncIterator[Watches | None]:
    """The watches, matched in the background if this process also runs jobs."""
    async with open_watches(settings) as watches:
        if watches is None or not settings.jobs_run:
            yield watches
            return
        task = asyncio.create_task(_match_all(watches, archive, tail, regions))
        try:
            yield watches
        finally:
            # What it was in the midst of is rolled back.
            task.cancel()
            await asyncio.wait({task})
