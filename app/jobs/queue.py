"""Jobs in the database: the table app.job, and PgQueuer's queue beside it.

A job is a row here, its id waits in the queue, what it works on and its result lie in the object
store (results.py). Row and queue entry are made in one transaction. Clients see the row, and the
row decides: a worker runs an id from the queue only if the row says so.
"""

import re
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.settings import DBSettings
from sqlalchemy import Row, column, delete, func, insert, select, table, update
from sqlalchemy.ext.asyncio import AsyncEngine

from app import schema
from app.errors import DATABASE_ERRORS, NotFound, TooMany
from app.settings import Settings
from archive.database import make_engine

ENTRY: Final = "job"
"""The queue's name for jobs of all kinds: they run one after the other."""
_QUEUE: Final = DBSettings(db_schema="app", prefix="")
_LOCK: Final = 7_062_019
_job: Final = schema.job
PENDING: Final = "pending"
_UNFINISHED: Final = ("queued", "running")
_said: Final = table(_QUEUE.queue_table_log, column("created"), schema=_QUEUE.db_schema)
_ID: Final = re.compile(r"[A-Za-z0-9_-]{32}", re.ASCII)


class Progress(NamedTuple):
    """One run of a job: its id and the number of its start."""

    job: str
    start: int


def open_queue(connection: "asyncpg.Connection[Any]") -> Queries:
    """PgQueuer's queue in schema app, through this connection."""
    return Queries(
        AsyncpgDriver(connection),
        QueryBuilderEnvironment(_QUEUE),
        QueryQueueBuilder(_QUEUE),
        QuerySchedulerBuilder(_QUEUE),
    )


class Jobs:
    """The jobs of this archive; works as mars_app."""

    def __init__(
        self, engine: AsyncEngine, per_client: int, lasts: timedelta, of_kind: Mapping[str, int]
    ) -> None:
        """`of_kind` are kinds of work of which a client may have another number of jobs."""
        self._engine, self._per_client, self.lasts = engine, per_client, lasts
        self._of_kind = of_kind

    async def check_room(self, client: str, kind: str = "") -> None:
        """Raise TooMany if the client already has its number of jobs."""
        async with self._engine.connect() as connection:
            await self._check_room(connection, client, kind)

    async def _check_room(self, connection: Any, client: str, kind: str) -> None:
        alike = _job.c.kind == kind if kind in self._of_kind else _job.c.kind.not_in(self._of_kind)
        owned = select(func.count()).select_from(_job)
        held = await connection.scalar(
            owned.where(_job.c.client == client, _job.c.expires > func.now(), alike)
        )
        if held >= self._of_kind.get(kind, self._per_client):
            raise TooMany(
                f"you already have {held} jobs, the most that one client may have: DELETE one, or "
                "wait until one expires"
            )

    async def add(self, job: str, client: str, **told: Any) -> Row[Any]:
        """Make the row of a job and put it into the queue; `told` are columns of app.job.

        One whose status is `pending` is not put there before `release`.

        Raises TooMany if there is no room; then no job is made. After one of DATABASE_ERRORS it may
        exist: if the connection breaks at COMMIT, the server may still commit.
        """
        try:
            return await self._add(job, client, told)
        except DATABASE_ERRORS as error:
            with suppress(NotFound, *DATABASE_ERRORS):
                return await self.get(job)
            raise error

    async def _add(self, job: str, client: str, told: Mapping[str, Any]) -> Row[Any]:
        async with self._engine.begin() as connection:
            # Requests of one client take turns here: two at once could both take the last place.
            lock = func.pg_advisory_xact_lock(_LOCK, func.hashtext(client))
            await connection.execute(select(lock))
            await self._check_room(connection, client, told["kind"])
            made = insert(_job).values(
                id=job, client=client, expires=func.now() + self.lasts, **told
            )
            row: Row[Any] = (await connection.execute(made.returning(_job))).one()
            if row.status != PENDING:
                await _enqueue(connection, job)
        return row

    async def release(self, job: str) -> None:
        """Put a job that is pending into the queue; any other stays as it is."""
        _check(job)
        waiting = update(_job).where(_job.c.id == job, _job.c.status == PENDING)
        async with self._engine.begin() as connection:
            if (await connection.execute(waiting.values(status="queued"))).rowcount:
                await _enqueue(connection, job)

    async def abort(self, job: str) -> None:
        """Stop a job that has not ended; a worker that runs it notices."""
        _check(job)
        live = (PENDING, *_UNFINISHED)
        stopped = update(_job).where(_job.c.id == job, _job.c.status.in_(live))
        await self._update(stopped.values(status="aborted", ended=func.now()))

    async def change(self, job: str, **told: Any) -> bool:
        """Change columns of a job that is pending; False for any other."""
        _check(job)
        waiting = update(_job).where(_job.c.id == job, _job.c.status == PENDING)
        return await self._update(waiting.values(told)) is not None

    async def expire(self, job: str, when: datetime) -> None:
        """Have a job swept at another time, which is not later than for a new one."""
        _check(job)
        expires = func.least(when, func.now() + self.lasts)
        await self._update(update(_job).where(_job.c.id == job).values(expires=expires))

    async def requeue(self) -> int:
        """Put jobs that are missing from the queue back into it; returns how many.

        The queue drops an id if its runner could not report the result.
        """
        unfinished = select(_job.c.id).where(_job.c.status.in_(_UNFINISHED))
        async with self._engine.begin() as connection:
            jobs = list((await connection.scalars(unfinished.order_by(_job.c.created))).all())
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            if not jobs:
                return 0
            told: dict[str, Any] = {"dedupe_key": jobs, "on_conflict": "skip"}
            payloads = [job.encode() for job in jobs]
            names, same = [ENTRY] * len(jobs), [0] * len(jobs)
            put = await open_queue(driver).enqueue(names, payloads, same, **told)
        return sum(one is not None for one in put)

    async def get(self, job: str) -> Row[Any]:
        """A job's row. Raises NotFound."""
        _check(job)
        query = select(_job).where(_job.c.id == job, _job.c.expires > func.now())
        async with self._engine.connect() as connection:
            row: Row[Any] | None = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound(_UNKNOWN)
        return row

    async def remove(self, job: str) -> None:
        """Delete a job; a worker that runs it notices. Raises NotFound."""
        _check(job)
        async with self._engine.begin() as connection:
            gone = await connection.execute(delete(_job).where(_job.c.id == job))
        if not gone.rowcount:
            raise NotFound(_UNKNOWN)

    async def start(self, job: str) -> Row[Any] | None:
        """Start a job; None if it needs no run."""
        begun = {"status": "running", "done": 0, "starts": _job.c.starts + 1}
        begun |= {"started": func.now()}
        return await self._update(
            update(_job).where(_job.c.id == job, _job.c.status.in_(_UNFINISHED)).values(begun)
        )

    async def note(self, progress: Progress, **told: Any) -> bool:
        """Store the progress of a job; False if a newer start has replaced this one."""
        mine = (_job.c.id == progress.job, _job.c.starts == progress.start)
        running = _job.c.status == "running"
        return await self._update(update(_job).where(*mine, running).values(told)) is not None

    async def end(self, progress: Progress, status: str, **told: Any) -> bool:
        """Store the end of a job, `done` or `failed`; False as in `note`."""
        when = {"ended": func.now(), "expires": func.now() + self.lasts}
        return await self.note(progress, status=status, **told, **when)

    async def sweep(self) -> dict[str, str]:
        """Delete expired jobs and their log in the queue.

        Returns the status of each job that is left.
        """
        async with self._engine.begin() as connection:
            await connection.execute(delete(_job).where(_job.c.expires <= func.now()))
            await connection.execute(delete(_said).where(_said.c.created < func.now() - self.lasts))
            rows = (await connection.execute(select(_job.c.id, _job.c.status))).all()
        return {row.id: row.status for row in rows}

    async def _update(self, statement: Any) -> Row[Any] | None:
        async with self._engine.begin() as connection:
            row: Row[Any] | None = (
                await connection.execute(statement.returning(_job))
            ).one_or_none()
        return row


async def _enqueue(connection: Any, job: str) -> None:
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    await open_queue(driver).enqueue(ENTRY, job.encode(), dedupe_key=job)


_UNKNOWN: Final = "no such job; it may have been deleted or have expired"


def _check(job: str) -> None:
    """Raise NotFound for text that cannot be the id of a job."""
    if not _ID.fullmatch(job):
        raise NotFound(_UNKNOWN)


def new_id() -> str:
    """A new id for a job, impossible to guess: 192 bits."""
    return secrets.token_urlsafe(24)


@asynccontextmanager
async def open_jobs(
    settings: Settings, of_kind: Mapping[str, int] = MappingProxyType({})
) -> AsyncIterator[Jobs | None]:
    """The jobs, by connections of their own; None without a database for mars_app.

    `of_kind` as Jobs has it.
    """
    if not settings.app_database_url.get_secret_value():
        yield None
        return
    own = settings.model_copy(update={"database_url": settings.app_database_url})
    engine = make_engine(own, "app-jobs", pool_size=3)
    try:
        yield Jobs(engine, settings.jobs_per_client, timedelta(days=settings.job_days), of_kind)
    finally:
        await engine.dispose()
