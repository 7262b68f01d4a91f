"""Questions to the process that scans (duck.py): started when needed, and anew if it has ended."""

import asyncio
import itertools
import logging
from asyncio.subprocess import Process
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from app.columns.programs import LENGTH, packed, start_program, unpacked
from app.columns.question import Answered, Asked, Question, Start, Stopped, quoted
from app.columns.spool import Spool
from app.errors import ColumnsUnavailable, QueryTooCostly
from archive.settings import ArchiveSettings

log = logging.getLogger(__name__)
THREADS: Final = 2
_ENDING_S: Final = 2.0
_LETTING_GO_S: Final = 30.0
"""A question that was stopped has ended by then, or its process hangs."""


def secret_of(settings: ArchiveSettings) -> str:
    """The SQL with which DuckDB learns to read `s3://`."""
    told = {
        "KEY_ID": settings.s3_access_key_id.get_secret_value(),
        "SECRET": settings.s3_secret_access_key.get_secret_value(),
        "REGION": settings.s3_region,
    }
    if settings.s3_endpoint_url:
        place = urlsplit(settings.s3_endpoint_url)
        told |= {"ENDPOINT": place.netloc, "URL_STYLE": "path"}
        told |= {"USE_SSL": "true" if place.scheme == "https" else "false"}
    pairs = ", ".join(f"{name} {quoted(value)}" for name, value in told.items())
    return f"CREATE SECRET store (TYPE s3, {pairs})"


class Scans:
    """The process, and who waits for which answer. `places` questions run at once."""

    def __init__(self, settings: ArchiveSettings, spill: Path, memory_mb: int, places: int) -> None:
        self._start = Start(memory_mb, THREADS, places, spill, secret_of(settings))
        self._process: Process | None = None
        self._listening: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._stopped: set[int] = set()
        """Questions for which nobody waits, but which have not ended."""
        self._numbers = itertools.count()

    async def ask(
        self,
        question: Question,
        seconds: float,
        *,
        as_table: bool = False,
        into: Spool | None = None,
    ) -> Any:
        """The rows of an answer as tuples, as a table of Arrow, or spooled.

        The answer to the last is its schema. Raises QueryTooCostly after so long, or
        ColumnsUnavailable.
        """
        number = next(self._numbers)
        # A mapping proxy, the default, has no pickle.
        asked = Asked(number, question._replace(tables=dict(question.tables)), as_table, into)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                await self._send(asked)
                return await future
        except TimeoutError:
            raise QueryTooCostly from None
        except OSError as error:
            raise ColumnsUnavailable(f"the process that scans has ended: {error!r}") from error
        finally:
            if self._waiting.pop(number, None) is not None:
                self._stop(number)

    async def _send(self, asked: Asked) -> None:
        async with self._starting:
            if self._process is None:
                await self._begin()
            assert self._process is not None
            pipe = self._process.stdin
        assert pipe is not None
        for part in packed(asked):  # writelines() would copy it
            pipe.write(part)
        await pipe.drain()

    def _stop(self, number: int) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        process.stdin.writelines(packed(Stopped(number)))
        self._stopped.add(number)
        asyncio.get_running_loop().call_later(_LETTING_GO_S, self._must_be_over, number, process)

    def _must_be_over(self, number: int, process: Process) -> None:
        if number in self._stopped and process is self._process:
            log.error("the process that scans does not stop a question; it is killed")
            process.kill()

    async def _begin(self) -> None:
        self._process = await start_program("app.columns.duck")
        assert self._process.stdin is not None
        self._process.stdin.writelines(packed(self._start))
        self._listening = asyncio.create_task(self._listen(self._process))

    async def _listen(self, process: Process) -> None:
        """Hand out answers until the process ends; who still waits then hears of it."""
        assert process.stdout is not None
        try:
            while True:
                length = int.from_bytes(await process.stdout.readexactly(LENGTH))
                self._hand_out(unpacked(await process.stdout.readexactly(length)))
        except (asyncio.IncompleteReadError, OSError):
            status = await process.wait()
        self._process = None
        self._stopped.clear()
        waiting, self._waiting = self._waiting, {}
        if waiting or status:
            log.warning("the process that scans has ended", extra={"status": status})
        for future in waiting.values():
            if not future.done():
                future.set_exception(ColumnsUnavailable("the process that scans has ended"))

    def _hand_out(self, told: Answered) -> None:
        self._stopped.discard(told.number)
        future = self._waiting.pop(told.number, None)
        if future is None or future.done():
            return
        if told.error is None:
            future.set_result(told.answer)
        else:
            future.set_exception(ColumnsUnavailable(told.error))

    async def close(self) -> None:
        """End the process; what runs is given up."""
        process, listening = self._process, self._listening
        if process is None or listening is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(_ENDING_S):
                await asyncio.shield(listening)
        except TimeoutError:
            process.kill()
            await listening
