"""The end of the archive, followed by all streams of a process together."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from app.alerts.access.archive import Archive
from app.alerts.asking.numbers import Newest, read_newest
from app.errors import DATABASE_ERRORS, TooMany
from app.live.ending import told_of_the_end
from archive.database import is_passing

log = logging.getLogger(__name__)
LOOK_S: Final = 0.25
"""Time between two looks at the counter. NOTIFY would be quicker, but no replica passes it on."""


class Tail:
    """How far the archive is: looked at while anyone waits, once for all who do."""

    def __init__(self, archive: Archive, per_client: int) -> None:
        self._archive, self._per_client = archive, per_client
        self._clients: Counter[str] = Counter()
        self._look: asyncio.Task[None] | None = None
        self.turn = asyncio.Lock()
        """Whose turn it is among the streams that go over the past: one at a time makes events."""
        self.newest = Newest(0, 0)
        self.is_over = False
        """Whether the process ends: streams end with it."""

    @contextmanager
    def followed_by(self, client: str) -> Iterator[None]:
        """Count a stream of a client while it lasts. Raises TooMany."""
        if self._clients[client] >= self._per_client:
            raise TooMany(
                f"you already have {self._per_client} streams open, the most that one client may "
                "have: close one"
            )
        self._clients[client] += 1
        try:
            yield
        finally:
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]

    async def look(self) -> Newest:
        """Look now. Raises one of DATABASE_ERRORS."""
        seen = await read_newest(self._archive)
        # A server that lags knows less than what another has said.
        self.newest = max(self.newest, seen)
        return self.newest

    async def beyond(self, number: int, seconds: float) -> Newest:
        """Wait until the archive is beyond a number, for so long at most, or until all is over."""
        clock = asyncio.get_running_loop().time
        until = clock() + seconds
        while self.newest.number <= number and clock() < until and not self.is_over:
            if self._look is None or self._look.done():
                self._look = asyncio.create_task(self._look_soon())
            await asyncio.shield(self._look)
        return self.newest

    async def _look_soon(self) -> None:
        await asyncio.sleep(LOOK_S)
        try:
            await self.look()
        except DATABASE_ERRORS as error:
            if not is_passing(error):
                raise
            log.warning("the newest alerts cannot be looked for", extra={"error": repr(error)})

    def end(self) -> None:
        """Have all streams end soon."""
        self.is_over = True

    async def close(self) -> None:
        """Let no look outlive the connections."""
        self.end()
        if self._look is not None:
            self._look.cancel()
            await asyncio.wait([self._look])


@asynccontextmanager
async def open_tail(archive: Archive, per_client: int) -> AsyncIterator[Tail]:
    """The end of the archive, for as many streams of one client, until the process is ended."""
    tail = Tail(archive, per_client)
    with told_of_the_end(tail.end):
        try:
            yield tail
        finally:
            await tail.close()
