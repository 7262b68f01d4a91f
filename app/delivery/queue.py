"""Whose turn it is: deliveries of one kind, each of which one process takes at a time."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, Select, Table, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from app import schema
from app.errors import DATABASE_ERRORS, NotFound, QueryTooCostly
from app.live.tail import Tail

log = logging.getLogger(__name__)
UNCONFIRMED: Final = "unconfirmed"
ACTIVE: Final = "active"
LEASE: Final = timedelta(seconds=30)
"""Longer than a try takes: a process that has said nothing for so long was killed."""
ANEW: Final[dict[str, Any]] = {
    "reach": None,
    "tries": 0,
    "tried": None,
    "outcome": None,
    "due": func.now(),
    "created": func.now(),
}
"""What a delivery that is replaced begins with."""
_PAUSE_S: Final = 5.0
_hit: Final = schema.hit


class Queue:
    """The deliveries in a table, one of a watch at most; works as mars_app."""

    def __init__(self, engine: AsyncEngine, table: Table, most: int, unknown: str) -> None:
        """`most`: alerts in a message; `unknown`: what is said of a watch without a delivery."""
        self.engine, self._table, self._most, self._unknown = engine, table, most, unknown

    async def find(self, watch: str) -> Row[Any] | None:
        """The delivery of a watch, if it has one."""
        query = select(self._table).where(self._table.c.watch == watch)
        async with self.engine.connect() as connection:
            row: Row[Any] | None = (await connection.execute(query)).one_or_none()
        return row

    async def get(self, watch: str) -> Row[Any]:
        """The delivery of a watch. Raises NotFound."""
        if (row := await self.find(watch)) is None:
            raise NotFound(self._unknown)
        return row

    async def remove(self, watch: str) -> None:
        """Delete the delivery of a watch. Raises NotFound."""
        gone = delete(self._table).where(self._table.c.watch == watch)
        async with self.engine.begin() as connection:
            if not (await connection.execute(gone)).rowcount:
                raise NotFound(self._unknown)

    async def claim(self) -> Row[Any] | None:
        """The delivery that has waited longest for its next try, which is then the caller's.

        How far its message goes is noted before anyone sends it: whoever tries it again sends the
        same. Nobody else gets the delivery before LEASE has passed.
        """
        held = self._table.c
        waiting = self.select_due().order_by(held.due).limit(1).with_for_update(skip_locked=True)
        some = self._select_fresh().order_by(_hit.c.lco_id).limit(self._most)
        first = some.correlate(self._table).subquery()
        reach = select(func.max(first.c.lco_id)).scalar_subquery()
        taken = update(self._table).where(held.watch == waiting.scalar_subquery())
        noted = {"due": func.now() + LEASE, "reach": func.coalesce(held.reach, reach)}
        async with self.engine.begin() as connection:
            found = await connection.execute(taken.values(noted).returning(self._table))
            row: Row[Any] | None = found.one_or_none()
        return row

    def select_due(self) -> Select[Any]:
        """The watches whose delivery has something to send now."""
        held = self._table.c
        fresh = self._select_fresh().exists()
        has_more = (held.status == ACTIVE) & or_(held.reach.is_not(None), fresh)
        is_due = held.due <= func.now()
        return select(held.watch).where(is_due, or_(held.status == UNCONFIRMED, has_more))

    def _select_fresh(self) -> Select[Any]:
        """The numbers of the hits behind a delivery's cursor."""
        held = self._table.c
        return select(_hit.c.lco_id).where(_hit.c.watch == held.watch, _hit.c.lco_id > held.cursor)

    async def hits_of(self, row: Row[Any]) -> dict[int, datetime]:
        """The numbers of the alerts that a claimed delivery's message holds, and when found."""
        held = select(_hit.c.lco_id, _hit.c.found).where(
            _hit.c.watch == row.watch, _hit.c.lco_id > row.cursor, _hit.c.lco_id <= row.reach
        )
        async with self.engine.connect() as connection:
            found = await connection.execute(held.order_by(_hit.c.lco_id))
            return {one.lco_id: one.found for one in found}

    async def settle(self, row: Row[Any], **told: Any) -> bool:
        """Note what came of a try; False if the delivery was changed or taken meanwhile."""
        mine = (self._table.c.watch == row.watch, self._table.c.due == row.due)
        async with self.engine.begin() as connection:
            noted = await connection.execute(update(self._table).where(*mine).values(told))
        return bool(noted.rowcount)


async def work_off(
    what: str,
    send_next: Callable[[], Awaitable[bool]],
    rest: Callable[[], Awaitable[None]],
    tail: Tail,
) -> None:
    """Send whatever falls due until the process ends; `rest` is done where nothing is due.

    `send_next` says whether there was something. What fails is tried again after a pause.
    """
    while not tail.is_over:
        try:
            if not await send_next():
                await rest()
        except NotFound:
            log.info("deleted while it was to be sent", extra={"what": what})
        except (QueryTooCostly, *DATABASE_ERRORS) as error:
            log.warning("%s wait", what, extra={"error": repr(error)})
            await asyncio.sleep(_PAUSE_S)
        except Exception as error:  # whatever it is: the others must go on
            log.error("%s interrupted", what, exc_info=error)
            await asyncio.sleep(_PAUSE_S)
