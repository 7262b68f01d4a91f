"""How much of what is freed a program gives back to the machine."""

import asyncio
import ctypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

# Names and numbers of malloc.h of glibc; mallopt(3) explains them.
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8
EVERY_S: Final = 30.0
_OPTIONS: Final = ((_ARENA_MAX, 2), (_MMAP_THRESHOLD, 128 << 10), (_TRIM_THRESHOLD, 128 << 10))


def give_back() -> None:
    """Have glibc keep little of what is freed.

    By itself it has eight arenas for each core, each with holes of its own, and once a block of
    32 MB was freed it takes all smaller ones from the heap, where one that stays keeps all below.
    Nothing happens where malloc is another's.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, value in _OPTIONS:
            mallopt(option, value)


@asynccontextmanager
async def giving_back() -> AsyncIterator[None]:
    """Time and again give back the whole pages that lie free between blocks in use.

    By itself glibc gives back what lies free at the end of its heaps, and no more.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)

    async def give_on() -> None:
        while trim is not None:
            await asyncio.sleep(EVERY_S)
            # In a thread: some milliseconds, in which the interpreter goes on.
            await asyncio.to_thread(trim, 0)

    task = asyncio.create_task(give_on())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
