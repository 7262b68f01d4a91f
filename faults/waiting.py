"""Waiting for what must come about, with an end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from faults.consumers import Fault

PATIENCE_S: Final = 120.0
"""The longest that anything may stand still while there is something to do."""


async def until(
    holds: Callable[[], Awaitable[bool]], what: str, seconds: float = PATIENCE_S
) -> None:
    """Return as soon as something holds; raise Fault, saying `what` did not, after so long."""
    try:
        async with asyncio.timeout(seconds):
            while not await holds():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise Fault(f"after {seconds:.0f} s still not so: {what}") from None
