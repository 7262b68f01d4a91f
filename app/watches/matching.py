"""What comes is held against all watches: the hits and how far they reach move together.

A watch is locked while it is matched, so several processes take turns, and one that is killed lets
go of it: whatever happens each hit is there exactly once.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app import schema
from app.alerts.archive import Archive
from app.alerts.numbers import Newest, read_stretch
from app.errors import DATABASE_ERRORS, QueryTooCostly, RequestError
from app.live.tail import Tail
from app.regions.kept import Regions, find_region
from app.search.search import Search, parse_search
from app.settings import Settings
from app.watches.near_sql import select_near
from app.watches.watches import Watches, open_watches

log = logging.getLogger(__name__)
MAX_HITS: Final = 10_000
"""Hits of a watch that are kept, the newest."""
AT_ONCE: Final = 20
"""Watches that are matched in one transaction."""
IDLE_S: Final = 2.0
"""Time after which new watches, which may begin in the past, are looked for."""
_PAUSE_S: Final = 5.0
_watch: Final = schema.watch
_hit: Final = schema.hit


def search_of(row: Row[Any]) -> Search:
    """The search of a watch, from its row."""
    return parse_search([(name, value) for name, value in row.filters])


async def match_some(
    watches: Watches, archive: Archive, newest: Newest, regions: Regions | None
) -> int:
    """Move some watches on by a stretch of alerts each; how many were moved.

    Raises one of DATABASE_ERRORS; then none of them has moved.
    """
    behind = select(_watch).where(_watch.c.upto < newest.number, _watch.c.expires > func.now())
    # At random, so that some that cannot be matched do not keep the others waiting.
    some = behind.order_by(func.random()).limit(AT_ONCE).with_for_update(skip_locked=True)
    moved = 0
    async with watches.engine.begin() as connection:
        for row in (await connection.execute(some)).all():
            try:
                # Looked up each time: a region that is used does not expire.
                search = await find_region(search_of(row), regions)
                await _match(connection, archive, row, search, newest)
                moved += 1
            except (QueryTooCostly, RequestError) as error:
                log.warning("not matched", extra={"watch": row.id[:6], "error": repr(error)})
    return moved


async def _match(
    connection: AsyncConnection, archive: Archive, row: Row[Any], search: Search, newest: Newest
) -> None:
    """Note the hits of one watch among the next alerts, and how far that was."""
    asked = replace(search, fields=("ra", "dec"))
    found = await read_stretch(archive, asked, row.upto, newest)
    numbers = [alert["lco_id"] for alert in found.rows]
    if row.positions and numbers:
        near = select_near(row.id, row.widest, found.rows)
        numbers = list((await connection.scalars(near)).all())
    if numbers:
        await connection.execute(insert(_hit), [{"watch": row.id, "lco_id": n} for n in numbers])
        newer = select(_hit.c.lco_id).where(_hit.c.watch == row.id)
        edge = newer.order_by(_hit.c.lco_id.desc()).offset(MAX_HITS).limit(1).scalar_subquery()
        older = delete(_hit).where(_hit.c.watch == row.id, _hit.c.lco_id <= edge)
        await connection.execute(older)
    moved = update(_watch).where(_watch.c.id == row.id).values(upto=found.reached)
    await connection.execute(moved)


async def sweep(watches: Watches) -> None:
    """Delete watches that nobody has read for a year."""
    async with watches.engine.begin() as connection:
        await connection.execute(delete(_watch).where(_watch.c.expires <= func.now()))


async def _match_all(
    watches: Watches, archive: Archive, tail: Tail, regions: Regions | None
) -> None:
    seen = 0
    while not tail.is_over:
        try:
            newest = await tail.beyond(seen, IDLE_S)
            while await match_some(watches, archive, newest, regions):
                pass
            seen = newest.number
            await sweep(watches)
        except DATABASE_ERRORS as error:
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
