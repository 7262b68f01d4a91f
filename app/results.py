"""What jobs keep in the object store, under results/<id>/: the only place that the app writes to.

No other module of the app puts or deletes an object (a test looks).
"""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import orjson

from app.search import Cone
from app.targets import Target
from archive.objects import ObjectStore

PREFIX: Final = "results/"
ORPHANED: Final = timedelta(days=1)
"""Age at which an object of no job is swept: no upload takes so long."""


def result_key(job: str) -> str:
    """Where the result of a job lies."""
    return f"{PREFIX}{job}/matches.parquet"


def _part_key(job: str, number: int) -> str:
    return f"{PREFIX}{job}/positions-{number:04}.json"


async def put_part(store: ObjectStore, job: str, number: int, targets: Sequence[Target]) -> int:
    """Keep some positions of a job; returns the bytes they take."""
    data = orjson.dumps([(target.place, target.id, *target.cone) for target in targets])
    await store.put(_part_key(job, number), data)
    return len(data)


async def get_part(store: ObjectStore, job: str, number: int, size: int) -> list[Target]:
    """The same positions, to the last bit."""
    data = await store.get(_part_key(job, number), 0, size)
    return [Target(place, name, Cone(*cone)) for place, name, *cone in orjson.loads(data)]


async def put_result(store: ObjectStore, job: str, pieces: AsyncIterator[bytes]) -> int:
    """Write the result as it is made; it is there when it is whole. Returns its size."""
    return await store.put_stream(result_key(job), pieces)


async def drop_parts(store: ObjectStore, job: str, count: int) -> None:
    """Delete a job's positions."""
    for number in range(count):
        await store.delete(_part_key(job, number))


async def drop(store: ObjectStore, job: str) -> None:
    """Delete all that a job has."""
    for key, _ in await store.keys(f"{PREFIX}{job}/"):
        await store.delete(key)


async def sweep(store: ObjectStore, jobs: set[str]) -> int:
    """Delete what belongs to none of these jobs; returns how many objects."""
    before = datetime.now(UTC) - ORPHANED
    orphans = [
        key
        for key, put in await store.keys(PREFIX)
        if put < before and key.removeprefix(PREFIX).partition("/")[0] not in jobs
    ]
    for key in orphans:
        await store.delete(key)
    return len(orphans) + await store.drop_uploads(PREFIX, before)
