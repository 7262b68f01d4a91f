"""Whether anything is to be sent: one look for all that send in a process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import select

from app.delivery.queue import Queue

LOOK_S: Final = 1.0
"""Time between two looks. NOTIFY would tell of new hits, but not that a pause is over."""


class Due:
    """Looks at the queues that are waited for, all in one statement."""

    def __init__(self) -> None:
        self._waiting: set[Queue] = set()
        self._due: set[Queue] = set()
        self._look: asyncio.Task[None] | None = None

    async def wait(self, queue: Queue) -> None:
        """Wait until something in a queue is due. Raises one of DATABASE_ERRORS."""
        while True:
            self._waiting.add(queue)
            if self._look is None or self._look.done():
                self._look = asyncio.create_task(self._look_soon())
            await asyncio.shield(self._look)
            if queue in self._due:
                return

    async def _look_soon(self) -> None:
        await asyncio.sleep(LOOK_S)
        queues, self._waiting = list(self._waiting), set()
        one_look = select(*(queue.select_due().exists() for queue in queues))
        async with queues[0].engine.connect() as connection:
            # No transaction: this is asked all the time.
            alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
            found = (await alone.execute(one_look)).one()
        self._due = {queue for queue, is_due in zip(queues, found, strict=True) if is_due}

    async def close(self) -> None:
        """Let no look outlive the connections."""
        if self._look is not None:
            self._look.cancel()
            await asyncio.wait([self._look])


@asynccontextmanager
async def open_due() -> AsyncIterator[Due]:
    """What all that send wait for."""
    due = Due()
    try:
        yield due
    finally:
        await due.close()
