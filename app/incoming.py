"""Bodies of requests are read in a thread of their own, one after the other.

Several threads would take the interpreter's lock from one another 5 ms at a time, and whoever asks
for a cone meanwhile would wait for all of them.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from app.errors import BodiesWait

Made = TypeVar("Made")
_THREAD: Final = ThreadPoolExecutor(1, "incoming")
MOST_WAITING: Final = 64_000_000
"""Bytes of bodies that may wait for their turn, or be read, at a time."""
_waiting = 0


async def read_in_turn(read: Callable[[bytes], Made], data: bytes) -> Made:
    """What a function makes of a body, or of a piece of one. Raises BodiesWait, and as it does."""
    global _waiting  # noqa: PLW0603 — it belongs to the thread, of which there is one
    if _waiting + len(data) > MOST_WAITING:
        raise BodiesWait
    _waiting += len(data)
    try:
        return await asyncio.get_running_loop().run_in_executor(_THREAD, read, data)
    finally:
        _waiting -= len(data)
