"""Runs jobs, one at a time in all processes together, beside the app's other work.

PgQueuer hands out ids and watches the processes that took one: a killed process falls silent, and
after SILENCE another one, or the same one restarted, gets the id. The job then starts again; its
batch was fixed when it was sent, so the result is the same.
"""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Final

import asyncpg
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Job
from pgqueuer.domain.types import Channel
from prometheus_client import Counter
from sqlalchemy import Row

from app.answers.parquet import Parquet
from app.answers.streams import run_in_thread
from app.answers.tabular import Ending, Origin
from app.errors import DATABASE_ERRORS, Busy, QueryTooCostly
from app.match import results
from app.match.crossmatch import Matcher
from app.match.jobs import MATCH, Jobs, Progress, queue
from app.match.query import parse_match
from app.match.tagged import table_of, table_values
from app.settings import Settings
from archive.errors import MarsError
from archive.objects import ObjectStore

log = logging.getLogger(__name__)

SILENCE: Final = timedelta(seconds=15)
"""After this time without a sign of life another process starts the job again."""
MAX_STARTS: Final = 10
"""A job started this often without an end kills its process, or can never finish."""
JOB_PATIENCE_S: Final = 600.0
"""How long a job waits for its turn at the archive."""
_NOTE_EVERY_S: Final = 1.0
LOOK_EVERY_S: Final = 60.0
_SWEEP_EVERY_S: Final = 3600.0
PAUSE: Final = timedelta(seconds=20)
_FAULT: Final = "internal error; it has been logged"
_GIVEN_UP: Final = f"given up after {MAX_STARTS} attempts: the archive did not respond"


class Overtaken(Exception):
    """The job was deleted, or another process started it again."""


class Worker:
    """Runs jobs from the queue until `stop`."""

    def __init__(
        self,
        jobs: Jobs,
        matcher: Matcher,
        store: ObjectStore,
        settings: Settings,
        troubles: Counter,
    ) -> None:
        self._jobs, self._matcher, self._store, self._settings = jobs, matcher, store, settings
        self._troubles = troubles
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Work until `stop`; failures are logged, then tried again."""
        sweeping = asyncio.create_task(self._keep_house())
        try:
            while not self._stopping.is_set():
                try:
                    await self._work()
                except Exception as error:  # whatever it is: jobs must go on
                    self._tell("jobs interrupted", "running", error)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._stopping.wait(), 5)
        finally:
            sweeping.cancel()

    def stop(self) -> None:
        """Put the running job back, and take no other."""
        self._stopping.set()

    async def _work(self) -> None:
        url = self._settings.app_database_url.get_secret_value().replace("+asyncpg", "")
        connection = await asyncpg.connect(
            url, timeout=5, server_settings={"application_name": "mars-app-queue"}
        )
        try:
            manager = QueueManager(queue(connection), Channel("ch_pgqueuer"))
            manager.shutdown = self._stopping
            manager.entrypoint(MATCH, concurrency_limit=1)(self._take)
            await manager.run(
                dequeue_timeout=timedelta(seconds=5), batch_size=1, heartbeat_timeout=SILENCE
            )
        finally:
            await connection.close(timeout=5)

    async def _take(self, taken: Job) -> None:
        """Run one job from the queue. Raises RetryRequested if it should start again later."""
        job = (taken.payload or b"").decode()
        try:
            row = await self._jobs.start(job)
            if row is not None:
                await self._run(row, Progress(row.id, row.starts))
        except RetryRequested:
            raise
        except Overtaken:
            log.info("job overtaken", extra={"job": job[:6]})
        except (MarsError, *DATABASE_ERRORS) as error:
            log.warning("job interrupted", extra={"job": job[:6], "error": repr(error)})
            raise RetryRequested(PAUSE, "interrupted") from error

    async def _run(self, row: Row[Any], progress: Progress) -> None:
        """Run a job; a failure is written into its row."""
        if row.starts > MAX_STARTS:
            await self._jobs.end(progress, "failed", error=_GIVEN_UP)
            return
        try:
            await self._match(row, progress)
        except Busy:
            raise
        except QueryTooCostly as error:
            reason = str(error) or "a query took too long: use a smaller radius or more filters"
            await self._jobs.end(progress, "failed", error=reason)
        except (RetryRequested, Overtaken, MarsError, *DATABASE_ERRORS):
            raise
        except Exception as error:
            log.error("job failed", exc_info=error, extra={"job": row.id[:6]})
            await self._jobs.end(progress, "failed", error=_FAULT)

    async def _match(self, row: Row[Any], progress: Progress) -> None:
        counts = {"matches": 0}
        size = await results.put_result(self._store, row.id, self._bytes(row, progress, counts))
        told = {"done": row.positions, "size": size, **counts}
        if not await self._jobs.end(progress, "done", **told):
            await results.drop(self._store, row.id)
            raise Overtaken
        await results.drop_parts(self._store, row.id, len(row.parts))

    async def _bytes(
        self, row: Row[Any], progress: Progress, counts: dict[str, int]
    ) -> AsyncIterator[bytes]:
        """The Parquet file as it is made; counts the matches and stores the progress."""
        search = parse_match([*map(tuple, row.parameters), ("format", "parquet")]).search
        api = f"{self._settings.public_url}/api/v1"
        # The job's own address is a secret: anyone who knows it can delete the job.
        origin = Origin(self._settings.public_url, f"{api}/match/jobs", row.as_of)
        writer = Parquet(table_of(search), origin)
        yield writer.begin()
        done, noted = 0, time.monotonic()
        for number, size in enumerate(row.parts):
            targets = await results.get_part(self._store, row.id, number, size)
            async for piece in self._matcher.pieces(targets, search, row.as_of):
                if self._stopping.is_set():
                    raise RetryRequested(timedelta(0), "the process ends")
                values = await run_in_thread(table_values, piece, search, api)
                yield await run_in_thread(writer.rows, values)
                counts["matches"] += len(values[0])
                done += len(piece.found)
                if time.monotonic() - noted >= _NOTE_EVERY_S:
                    noted = time.monotonic()
                    if not await self._jobs.note(progress, done=done):
                        raise Overtaken
        yield await run_in_thread(writer.end, Ending(None, row.as_of))

    async def _keep_house(self) -> None:
        """Put lost jobs back into the queue, and regularly delete expired ones."""
        swept = -math.inf
        while True:
            try:
                if found := await self._jobs.requeue():
                    log.warning("jobs put back into the queue", extra={"jobs": found})
                if time.monotonic() - swept >= _SWEEP_EVERY_S:
                    gone = await results.sweep(self._store, self._jobs.sweep)
                    log.info("results swept", extra={"objects": len(gone)})
                    swept = time.monotonic()
            except Exception as error:  # whatever it is: jobs must be looked after
                self._tell("jobs not looked after", "keeping", error)
            await asyncio.sleep(LOOK_EVERY_S)

    def _tell(self, words: str, part: str, error: Exception) -> None:
        """Log and count a failure; with its traceback if it is unexpected."""
        self._troubles.labels(part).inc()
        foreseen = isinstance(error, (MarsError, *DATABASE_ERRORS))
        level = logging.WARNING if foreseen else logging.ERROR
        log.log(level, words, exc_info=None if foreseen else error, extra={"error": repr(error)})


@asynccontextmanager
async def run_worker(
    jobs: Jobs | None,
    matcher: Matcher,
    store: ObjectStore,
    settings: Settings,
    troubles: Counter,
) -> AsyncIterator[None]:
    """Run jobs in the background if settings say so; at the end put the running job back."""
    if jobs is None or not settings.jobs_run:
        yield
        return
    worker = Worker(jobs, matcher, store, settings, troubles)
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        _, pending = await asyncio.wait({task}, timeout=SILENCE.total_seconds())
        if pending:
            # Cancelled in the middle, as by kill -9: the next process starts the job again.
            task.cancel()
            await asyncio.wait({task})
