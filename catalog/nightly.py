"""An update every night at the same time, for as long as the process lives."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time, timedelta
from typing import Final

from archive.database import is_passing
from archive.errors import MarsError

log = logging.getLogger(__name__)
AGAIN_S: Final = 300.0
"""How long a server that is away, or another writer, is waited for."""


async def every_night(at: time, work: Callable[[], Awaitable[object]]) -> None:
    """Do the work at once, and then every day at a time, UTC. What may pass is tried again."""
    while True:
        try:
            await work()
            wait = seconds_until(at, datetime.now(UTC))
        except Exception as error:
            if not isinstance(error, MarsError) and not is_passing(error):
                raise
            log.warning("no update", extra={"error": str(error), "again_in_s": AGAIN_S})
            wait = AGAIN_S
        await asyncio.sleep(wait)


def seconds_until(at: time, now: datetime) -> float:
    """How long it is to the next time of that day's time, UTC."""
    then = datetime.combine(now.date(), at, UTC)
    return ((then if then > now else then + timedelta(days=1)) - now).total_seconds()
