"""The gate before the connections for costly queries: few places, and a fair queue.

A costly query reads more of the archive than an index selects. Only a few run at a time, so that
other requests always find a free core and a free connection. No client gets all the places, and
clients take turns, however many queries each of them has waiting.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from app.errors import Busy, ClientGone
from archive.database import Hosts, make_engine
from archive.settings import ArchiveSettings

MOST_WAITING: Final = 200
"""Maximum number of waiting queries, of all clients together."""
FRESH: Final = 0.5
"""A query is fresh, and served in order of arrival, for this share of its wait."""
SESSION: Final = {"max_parallel_workers_per_gather": "0"}
"""For PostgreSQL: with parallel workers one costly statement would use every core."""
Made = TypeVar("Made")


async def _stays() -> None:
    await asyncio.Event().wait()


class Asker(NamedTuple):
    """A client: its address, and an awaitable that returns once it has closed the connection."""

    name: str
    gone: Callable[[], Awaitable[None]] = _stays


NOBODY: Final = Asker("")
"""The app itself: jobs."""


async def while_present(asker: Asker, work: Coroutine[Any, Any, Made]) -> Made:
    """Run some work for this client; raises ClientGone once it has closed the connection."""
    done, gone = asyncio.create_task(work), asyncio.ensure_future(asker.gone())
    try:
        await asyncio.wait({done, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not done.done():
            raise ClientGone
        return done.result()
    finally:
        done.cancel()
        gone.cancel()
        await asyncio.wait({done, gone})


class Turn(NamedTuple):
    """One waiting query."""

    given: "asyncio.Future[None]"
    fresh_until: float
    """By the loop's clock."""


class Turns:
    """Places for costly queries, given to clients in turn."""

    def __init__(self, places: int) -> None:
        self.places, self.free = places, places
        # With a single place none can be kept free for others.
        self._share = max(1, places - 1)
        self._held: Counter[str] = Counter()
        self._waiting: OrderedDict[str, list[Turn]] = OrderedDict()
        self.refused = 0

    @property
    def waiting(self) -> int:
        """The waiting queries."""
        return sum(map(len, self._waiting.values()))

    @asynccontextmanager
    async def place(self, name: str, wait_s: float) -> AsyncIterator[None]:
        """A place for one query, after at most `wait_s`. Raises Busy."""
        await self._take(name, wait_s)
        try:
            yield
        finally:
            self._give_back(name)

    async def _take(self, name: str, wait_s: float) -> None:
        if self.waiting >= MOST_WAITING:
            self._turn_away()
        loop = asyncio.get_running_loop()
        turn = Turn(loop.create_future(), loop.time() + FRESH * wait_s)
        self._waiting.setdefault(name, []).append(turn)
        self._hand_out()
        if turn.given.done():
            return
        try:
            async with asyncio.timeout(wait_s):
                await turn.given
        except TimeoutError:
            self._leave(name, turn)
            self.refused += 1
            raise Busy from None
        except asyncio.CancelledError:
            self._leave(name, turn)
            raise

    def _hand_out(self) -> None:
        """Give free places to the clients whose turn it is.

        Within one client the oldest fresh query comes first; if none is fresh, the newest. Else
        under load every query would start too late to end in time.
        """
        now = asyncio.get_running_loop().time()
        while self.free and (name := self._next()) is not None:
            self._waiting.move_to_end(name)
            own = self._waiting[name]
            turn = next((one for one in own if one.fresh_until > now), own[-1])
            own.remove(turn)
            self._forget(name)
            if not turn.given.done():
                self.free -= 1
                self._held[name] += 1
                turn.given.set_result(None)

    def _next(self) -> str | None:
        """The client served longest ago, among those that may have one more place."""
        return next((name for name in self._waiting if self._held[name] < self._share), None)

    def _give_back(self, name: str) -> None:
        self.free += 1
        self._held[name] -= 1
        if not self._held[name]:
            del self._held[name]
        if name in self._waiting:
            self._waiting.move_to_end(name)
        self._hand_out()

    def _leave(self, name: str, turn: Turn) -> None:
        """Stop waiting; pass on a place that was given at the same moment."""
        if turn in (own := self._waiting.get(name, [])):
            own.remove(turn)
            self._forget(name)
        elif not turn.given.cancelled() and turn.given.exception() is None:
            self._give_back(name)

    def _forget(self, name: str) -> None:
        if not self._waiting[name]:
            del self._waiting[name]

    def _turn_away(self) -> None:
        """End the wait of the oldest query of the client with the most of them."""
        name = max(self._waiting, key=lambda client: len(self._waiting[client]))
        turn = self._waiting[name].pop(0)
        self._forget(name)
        if not turn.given.done():
            turn.given.set_exception(Busy())
            self.refused += 1


class Gate(Turns):
    """Turns at connections to the database."""

    def __init__(self, engine: AsyncEngine, places: int) -> None:
        super().__init__(places)
        self.engine = engine


@asynccontextmanager
async def open_gate(
    settings: ArchiveSettings, places: int, hosts: Hosts | None = None
) -> AsyncIterator[Gate]:
    """A gate with connections of its own behind it."""
    engine = make_engine(settings, "app-costly", places, False, session=SESSION, hosts=hosts)
    try:
        yield Gate(engine, places)
    finally:
        await engine.dispose()
