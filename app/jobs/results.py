"""The files of jobs in the object store, under results/<id>/: the app writes nowhere else.

No other module of the app puts or deletes an object (a test looks).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from archive.objects import Bytes, ObjectStore

PREFIX: Final = "results/"
ORPHANED: Final = timedelta(days=1)
"""Age at which an object without a job is deleted: no upload takes so long."""


def result_key(job: str, file: str) -> str:
    """Where the result of a job lies."""
    return f"{PREFIX}{job}/{file}"


def _part_key(job: str, number: int) -> str:
    return f"{PREFIX}{job}/positions-{number:04}.json"


async def put_part(store: ObjectStore, job: str, number: int, data: bytes) -> int:
    """Keep a part of what a job works on; returns the bytes it takes."""
    await store.put(_part_key(job, number), data)
    return len(data)


async def get_part(store: ObjectStore, job: str, number: int, size: int) -> bytes:
    """The same bytes."""
    return await store.get(_part_key(job, number), 0, size)


async def put_result(store: ObjectStore, job: str, file: str, pieces: AsyncIterator[Bytes]) -> int:
    """Write the result as it is made; it appears once it is complete. Returns its size."""
    return await store.put_stream(result_key(job, file), pieces)


async def drop_parts(store: ObjectStore, job: str, count: int) -> None:
    """Delete what a job worked on."""
    for number in range(count):
        await store.delete(_part_key(job, number))


async def drop(store: ObjectStore, job: str) -> None:
    """Delete all that a job has."""
    for key, _ in await store.keys(f"{PREFIX}{job}/"):
        await store.delete(key)


async def sweep(
    store: ObjectStore, statuses: Callable[[], Awaitable[Mapping[str, str]]]
) -> list[str]:
    """Delete objects without a job, and uploads left by killed processes; returns their keys.

    The store is listed before the jobs are read, so a job begun in between is not touched. Uploads
    are judged by their jobs, because some stores date every upload as new.
    """
    before = datetime.now(UTC) - ORPHANED
    held, uploads = await store.keys(PREFIX), await store.uploads(PREFIX)
    known = await statuses()
    orphans = [key for key, put in held if put < before and _job_of(key) not in known]
    for key in orphans:
        await store.delete(key)
    left = [pair for pair in uploads if known.get(_job_of(pair[0])) != "running"]
    for key, upload in left:
        await store.drop_upload(key, upload)
    return [*orphans, *(key for key, _ in left)]


def _job_of(key: str) -> str:
    return key.removeprefix(PREFIX).partition("/")[0]
