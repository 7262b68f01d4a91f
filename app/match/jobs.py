"""A match as a job: its positions in the object store, its JSON, its work."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any, Final

import orjson
from sqlalchemy import Row

from app.answers.parquet import Parquet
from app.answers.streams import run_in_thread
from app.answers.tabular import Ending, Origin
from app.jobs import results
from app.jobs.models import tell_end
from app.jobs.worker import Kind, Run
from app.match.crossmatch import Matcher
from app.match.query import parse_match
from app.match.tagged import table_of, table_values
from app.match.targets import Target
from app.search.regions import Cone
from archive.objects import Bytes, ObjectStore

MATCH: Final = "match"
FILE: Final = "matches.parquet"
MAX_POSITIONS: Final = 1_000_000
PART: Final = 20_000
"""Positions stored together; a job holds this many in memory at a time."""


async def keep_targets(
    store: ObjectStore, job: str, read: AsyncIterator[list[Target]]
) -> list[int]:
    """Put the positions into the store as they arrive; returns the bytes of each part."""
    waiting: list[Target] = []
    parts: list[int] = []

    async def put(some: Sequence[Target]) -> None:
        data = orjson.dumps([(target.place, target.id, *target.cone) for target in some])
        parts.append(await results.put_part(store, job, len(parts), data))

    async for some in read:
        waiting += some
        while len(waiting) >= PART:
            await put(waiting[:PART])
            del waiting[:PART]
    if waiting:
        await put(waiting)
    return parts


async def _get_targets(store: ObjectStore, job: str, number: int, size: int) -> list[Target]:
    """The positions of a part, to the last bit."""
    data = await results.get_part(store, job, number, size)
    return [Target(place, name, Cone(*cone)) for place, name, *cone in orjson.loads(data)]


def describe_match_job(row: Row[Any], public_url: str) -> dict[str, Any]:
    """The JSON of a job, from its row."""
    return {
        "id": row.id,
        "status": row.status,
        "positions": row.expected,
        "done": row.done,
        "matches": row.found,
        **tell_end(row, public_url),
    }


def match_kind(matcher: Matcher, store: ObjectStore, public_url: str) -> Kind:
    """Matches as a kind of work, by a matcher that can wait."""

    async def write(run: Run) -> AsyncGenerator[Bytes]:
        """The Parquet file as it is made; counts positions and matches."""
        row = run.row
        search = parse_match([*map(tuple, row.parameters), ("format", "parquet")]).search
        api, found = f"{public_url}/api/v1", 0
        # The job's own address is a secret: anyone who knows it can delete the job.
        writer = Parquet(table_of(search), Origin(public_url, f"{api}/match/jobs", row.as_of))
        yield writer.begin()
        for number, size in enumerate(row.parts):
            targets = await _get_targets(store, row.id, number, size)
            async for piece in matcher.pieces(targets, search, row.as_of):
                values = await run_in_thread(table_values, piece, search, api)
                yield await run_in_thread(writer.rows, values)
                found += len(values[0])
                run.done += len(piece.found)
        yield await run_in_thread(writer.end, Ending(None, row.as_of))
        run.told["found"] = found

    return Kind(MATCH, write, "use a smaller radius or more filters")
