"""Runs jobs, one at a time in all processes together, beside the app's other work.

PgQueuer hands out ids and watches the processes that took one: a killed process falls silent, and
after SILENCE another one, or the same one restarted, gets the id. The job then starts again; its
batch was fixed when it was sent, so the result is the same.
"""

import asyncio
import logging
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, NamedTuple

from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Job
from pgqueuer.domain.types import Channel
from prometheus_client import Counter
from sqlalchemy import Row

from app.errors import DATABASE_ERRORS, Busy, QueryTooCostly, RequestError
from app.jobs import results
from app.jobs.queue import ENTRY, Jobs, Progress, open_queue
from app.settings import Settings
from archive.database import Hosts, connect, connection_settings
from archive.errors import MarsError
from archive.objects import Bytes, ObjectStore

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


@dataclass(slots=True)
class Run:
    """One run of a job, as its work sees it."""

    row: Row[Any]
    done: int = 0
    """How much has been done, in the unit of the job's kind: the work counts it up."""
    told: dict[str, Any] = field(default_factory=dict)
    """Other columns of app.job that the work sets, as soon as it knows them."""

    @property
    def progress(self) -> Progress:
        """The job and the number of its start."""
        return Progress(self.row.id, self.row.starts)


class Kind(NamedTuple):
    """A kind of work."""

    name: str
    """As app.job.kind has it."""
    write: Callable[[Run], AsyncGenerator[Bytes]]
    """The bytes of the result, as they are made; always the same for the same row, but of TAP."""
    advice: str
    """What a client could do if a query of such a job takes too long."""


class Worker:
    """Runs jobs from the queue until `stop`."""

    def __init__(
        self,
        jobs: Jobs,
        kinds: Mapping[str, Kind],
        store: ObjectStore,
        settings: Settings,
        troubles: Counter,
    ) -> None:
        self._jobs, self._kinds, self._store, self._settings = jobs, kinds, store, settings
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
        own = self._settings.model_copy(update={"database_url": self._settings.app_database_url})
        named = {"timeout": 5, "server_settings": {"application_name": "mars-app-queue"}}
        connection = await connect(Hosts(), **connection_settings(own) | named)
        try:
            manager = QueueManager(open_queue(connection), Channel("ch_pgqueuer"))
            manager.shutdown = self._stopping
            manager.entrypoint(ENTRY, concurrency_limit=1)(self._take)
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
                await self._run(Run(row))
        except RetryRequested:
            raise
        except Overtaken:
            log.info("job overtaken", extra={"job": job[:6]})
        except (MarsError, *DATABASE_ERRORS) as error:
            log.warning("job interrupted", extra={"job": job[:6], "error": repr(error)})
            raise RetryRequested(PAUSE, "interrupted") from error

    async def _run(self, run: Run) -> None:
        """Run a job; a failure is written into its row."""
        kind = self._kinds[run.row.kind]
        if run.row.starts > MAX_STARTS:
            await self._jobs.end(run.progress, "failed", error=_GIVEN_UP)
            return
        try:
            await self._finish(kind, run)
        except Busy:
            raise
        except RequestError as error:
            await self._jobs.end(run.progress, "failed", error=str(error))
        except QueryTooCostly:
            reason = f"a query took too long: {kind.advice}"
            await self._jobs.end(run.progress, "failed", error=reason)
        except (RetryRequested, Overtaken, MarsError, *DATABASE_ERRORS):
            raise
        except Exception as error:
            log.error("job failed", exc_info=error, extra={"job": run.row.id[:6]})
            await self._jobs.end(run.progress, "failed", error=_FAULT)

    async def _finish(self, kind: Kind, run: Run) -> None:
        row = run.row
        async with aclosing(self._watch(run, kind.write(run))) as pieces:
            size = await results.put_result(self._store, row.id, row.file, pieces)
        if not await self._jobs.end(run.progress, "done", done=run.done, size=size, **run.told):
            await results.drop(self._store, row.id)
            raise Overtaken
        await results.drop_parts(self._store, row.id, len(row.parts))

    async def _watch(self, run: Run, pieces: AsyncGenerator[Bytes]) -> AsyncGenerator[Bytes]:
        """The same pieces; meanwhile, also while one is long in coming, the progress is stored.

        Raises Overtaken, or RetryRequested if the process ends.
        """
        noted, stopped = time.monotonic(), asyncio.ensure_future(self._stopping.wait())
        try:
            while True:
                step = asyncio.ensure_future(anext(pieces, None))
                try:
                    while not step.done():
                        left = max(0.0, noted + _NOTE_EVERY_S - time.monotonic())
                        both = {step, stopped}
                        await asyncio.wait(both, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                        if stopped.done():
                            raise RetryRequested(timedelta(0), "the process ends")
                        if time.monotonic() - noted >= _NOTE_EVERY_S:
                            noted = time.monotonic()
                            if not await self._jobs.note(run.progress, done=run.done, **run.told):
                                raise Overtaken
                finally:
                    step.cancel()
                    await asyncio.wait({step})
                if (piece := step.result()) is None:
                    return
                yield piece
        finally:
            stopped.cancel()
            await pieces.aclose()

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
    kinds: Iterable[Kind],
    store: ObjectStore,
    settings: Settings,
    troubles: Counter,
) -> AsyncIterator[None]:
    """Run jobs in the background if settings say so; at the end put the running job back."""
    if jobs is None or not settings.jobs_run:
        yield
        return
    worker = Worker(jobs, {kind.name: kind for kind in kinds}, store, settings, troubles)
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
