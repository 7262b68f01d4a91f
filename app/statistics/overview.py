"""The statistics of the present copy: counted once, for whoever asks meanwhile and later."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from app.alerts.access.archive import Archive
from app.columns.copy import Readable
from app.errors import DATABASE_ERRORS, NoCatalog, QueryTooCostly
from app.statistics.counting import count_copy
from app.statistics.models import Statistics
from archive.errors import MarsError

log = logging.getLogger(__name__)
QUESTION_S: Final = 60.0
"""The longest that one question may take, behind all other work."""
WAIT_S: Final = 15.0
"""How long a request waits for the first statistics of all."""
LOOK_S: Final = 5.0
"""Seconds between two looks whether there is another copy to count."""
_AGAIN: Final = "the archive is being counted: try again in a few seconds"


class Overview:
    """Statistics of the newest copy that has been counted.

    A copy never changes. While a new one is counted, the statistics of the one before are shown.
    """

    def __init__(self, archive: Archive) -> None:
        # The app asks by itself, in no client's turn, and can wait.
        patient = archive.patient(QUESTION_S)
        self._archive = patient._replace(statement_timeout_s=QUESTION_S)
        self._counted: tuple[Readable, Statistics] | None = None
        self._counting: asyncio.Task[Statistics] | None = None

    async def present(self) -> Statistics:
        """The statistics; the first request of all waits until they are counted.

        Raises NoCatalog, QueryTooCostly (if that takes long), ColumnsUnavailable or one of
        DATABASE_ERRORS.
        """
        task = self._started()
        if self._counted is not None:
            return self._counted[1]
        try:
            async with asyncio.timeout(WAIT_S):
                # It goes on if this client leaves: others wait for it, or come later.
                return await asyncio.shield(task)
        except TimeoutError:
            if task.done():
                raise
            raise QueryTooCostly(_AGAIN) from None

    def _started(self) -> asyncio.Task[Statistics]:
        """The task that counts the present copy, or has counted it. Raises NoCatalog."""
        columns = self._archive.columns
        copy = None if columns is None else columns.readable
        if copy is None:
            raise NoCatalog
        task = self._counting
        if task is None or (task.done() and not self._is_counted(copy)):
            self._counting = task = asyncio.create_task(self._count(copy))
            # Whoever waits gets its error; if no one does, that is no fault.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    def _is_counted(self, copy: Readable) -> bool:
        return self._counted is not None and self._counted[0] is copy

    async def _count(self, copy: Readable) -> Statistics:
        began = asyncio.get_running_loop().time()
        statistics = await count_copy(self._archive, copy)
        self._counted = copy, statistics
        seconds = round(asyncio.get_running_loop().time() - began, 2)
        log.info("statistics", extra={"as_of": copy.as_of, "seconds": seconds})
        return statistics

    async def keep_counting(self) -> None:
        """Count each copy when it comes, so that no request has to wait for it."""
        while True:
            try:
                await self._started()
            except NoCatalog:
                log.debug("no catalog to count")
            except (MarsError, *DATABASE_ERRORS) as error:
                log.warning("statistics not counted", extra={"error": repr(error)})
            except Exception as error:  # whatever it is: the next copy must be counted
                log.error("statistics not counted", exc_info=error)
            await asyncio.sleep(LOOK_S)

    async def close(self) -> None:
        """Stop what is being counted."""
        if self._counting is not None:
            self._counting.cancel()
            with suppress(asyncio.CancelledError, MarsError, *DATABASE_ERRORS):
                await self._counting


@asynccontextmanager
async def open_overview(archive: Archive) -> AsyncIterator[Overview]:
    """The statistics of an archive; each new copy is counted in the background."""
    overview = Overview(archive)
    task = asyncio.create_task(overview.keep_counting())
    try:
        yield overview
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await overview.close()
