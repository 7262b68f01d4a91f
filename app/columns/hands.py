"""Processes that do what would hold the app up for long: begun when there is an order for them.

Each does one order at a time, and tells what became of it (serve). One that has had none for
IDLE_S ends, for its memory; so does each whose app has ended.
"""

import asyncio
import select
from asyncio.subprocess import Process
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from app.columns.programs import (
    LENGTH,
    begin_program,
    packed,
    read_message,
    start_program,
    unpacked,
)
from app.columns.question import Answered
from app.errors import ColumnsUnavailable

IDLE_S: Final = 60.0
_ORDER_S: Final = 120.0
"""An order that takes longer is given up with its process: a tenth of a second is usual."""
_ENDING_S: Final = 2.0
_ENDED: Final = (OSError, asyncio.IncompleteReadError, RuntimeError)
"""What comes of a process that has ended; the last is what uvloop says of a pipe to one."""


class Hands:
    """So many processes of one program, and who waits for one."""

    def __init__(self, module: str, count: int) -> None:
        self._all = [_Hand(module) for _ in range(count)]
        self._free: asyncio.Queue[_Hand] = asyncio.Queue()
        for hand in self._all:
            self._free.put_nowait(hand)

    async def do(self, order: Any) -> Any:
        """The answer to an order, which may be done twice where a process ends in its midst.

        Raises ColumnsUnavailable.
        """
        hand = await self._free.get()
        work = asyncio.ensure_future(hand.do(order))

        def give_back(done: "asyncio.Future[Any]") -> None:
            done.cancelled() or done.exception()
            self._free.put_nowait(hand)

        # Begun is done, though nobody may wait any more: else its answer were that of the next.
        work.add_done_callback(give_back)
        return await asyncio.shield(work)

    async def close(self) -> None:
        """End the processes; what they do is given up."""
        for hand in self._all:
            await hand.close()


class _Hand:
    """One process at a time."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._process: Process | None = None
        self._closed = False

    async def do(self, order: Any) -> Any:
        try:
            told = await self._tell(order)
        except _ENDED:
            # It may just have been idle for long enough.
            try:
                told = await self._tell(order)
            except _ENDED as error:
                raise ColumnsUnavailable(f"a process that writes has ended: {error!r}") from error
        if told.error is not None:
            raise ColumnsUnavailable(told.error)
        return told.answer

    async def _tell(self, order: Any) -> Answered:
        if self._closed:
            raise ColumnsUnavailable("the app ends")
        if self._process is None:
            self._process = await start_program(self._module)
        orders, answers = self._process.stdin, self._process.stdout
        assert orders is not None
        assert answers is not None
        try:
            async with asyncio.timeout(_ORDER_S):
                orders.writelines(packed(order))
                await orders.drain()
                length = int.from_bytes(await answers.readexactly(LENGTH))
                told: Answered = unpacked(await answers.readexactly(length))
        except BaseException:
            await self._end()
            raise
        return told

    async def close(self) -> None:
        """End for good: an order that is cut short is not begun again."""
        self._closed = True
        await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(_ENDING_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def serve(do: Callable[[Any], Any]) -> None:
    """Be such a process: do what is ordered until the app closes the pipe, or orders nothing."""
    source, answers = begin_program()
    while select.select([source], [], [], IDLE_S)[0]:
        if (order := read_message(source)) is None:
            return
        try:
            told = Answered(0, do(order))
        except Exception as error:  # it is the one who ordered who must hear it
            told = Answered(0, error=f"{type(error).__name__}: {error}")
        with suppress(BrokenPipeError):  # nobody waits; the next look at the pipe finds its end
            answers.writelines(packed(told))
            answers.flush()
