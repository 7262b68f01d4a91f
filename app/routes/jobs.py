"""Batch matches that run as jobs: send, watch, fetch, delete."""

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Row

from app.answers.bodies import send_json
from app.answers.formats import FORMATS
from app.answers.stored import Piece, send_file
from app.errors import NotFound, TooMany
from app.match import results
from app.match.jobs import new_id
from app.match.models import Job
from app.match.query import parse_match
from app.match.targets import Target, Targets
from app.match.uploads import read_targets
from app.openapi.described import PROBLEMS, bytes_responses, path_parameter
from app.openapi.match import REFUSED_BODIES, match_body, match_parameters
from app.routes.dependencies import (
    ClientDependency,
    JobsDependency,
    MatcherDependency,
    SettingsDependency,
    StoreDependency,
    no_parameters,
)
from app.search.examples import JOB
from archive.errors import StoreUnavailable
from archive.objects import ObjectStore

router = APIRouter(prefix="/api/v1", tags=["match"], responses=PROBLEMS)
ALONE: Final = [Depends(no_parameters)]
MAX_POSITIONS: Final = 1_000_000
PART: Final = 20_000
"""Positions stored together; a job holds this many in memory at a time."""
JobPath = Annotated[
    str,
    path_parameter("`id` of the answer to POST /api/v1/match/jobs", "^[A-Za-z0-9_-]{32}$", JOB),
]


@router.post(
    "/match/jobs",
    response_model=Job,
    status_code=HTTPStatus.ACCEPTED,
    responses=REFUSED_BODIES,
    openapi_extra={
        "parameters": match_parameters("format"),
        "requestBody": match_body(),
    },
)
async def start_match_job(
    *,
    request: Request,
    client: ClientDependency,
    jobs: JobsDependency,
    matcher: MatcherDependency,
    store: StoreDependency,
    settings: SettingsDependency,
) -> Response:
    """Match up to 1,000,000 positions as a job; the answer and `Location` give its address.

    Body and parameters are those of `/api/v1/match`. The result is a Parquet file with a row for
    each match, from the archive as it is now, even if the job runs later.
    """
    given = request.query_params.multi_items()
    query = parse_match(given, refused=("format",))
    await jobs.check_room(client)
    as_of = await matcher.settle_as_of(query.search.as_of)
    job, targets, adding = new_id(), Targets(query.radius, MAX_POSITIONS, ""), False
    try:
        read = read_targets(request, targets)
        parts = await _keep(store, job, read)
        told: dict[str, Any] = {"parts": parts, "positions": targets.count, "as_of": as_of}
        told["parameters"] = [list(pair) for pair in given]
        adding = True
        row = await jobs.add(job, client, **told)
    except BaseException as error:
        # If the job may exist its positions stay; without a job they are swept later.
        if not adding or isinstance(error, TooMany):
            with contextlib.suppress(StoreUnavailable):
                await results.drop(store, job)
        raise
    answer = send_json(request, _described(row, settings.public_url), _FRESH)
    answer.status_code = HTTPStatus.ACCEPTED
    answer.headers["Location"] = f"{settings.public_url}/api/v1/jobs/{job}"
    return answer


async def _keep(store: ObjectStore, job: str, read: AsyncIterator[list[Target]]) -> list[int]:
    """Put the positions into the store as they arrive; returns the bytes of each part."""
    waiting: list[Target] = []
    parts: list[int] = []
    async for some in read:
        waiting += some
        while len(waiting) >= PART:
            parts.append(await results.put_part(store, job, len(parts), waiting[:PART]))
            del waiting[:PART]
    if waiting:
        parts.append(await results.put_part(store, job, len(parts), waiting))
    return parts


_FRESH: Final = {"Cache-Control": "no-store"}


@router.get("/jobs/{job}", response_model=Job, dependencies=ALONE)
async def get_job(
    request: Request, job: JobPath, jobs: JobsDependency, settings: SettingsDependency
) -> Response:
    """Progress of a job, and the address of its result."""
    return send_json(request, _described(await jobs.get(job), settings.public_url), _FRESH)


@router.delete("/jobs/{job}", status_code=HTTPStatus.NO_CONTENT, dependencies=ALONE)
async def delete_job(job: JobPath, jobs: JobsDependency, store: StoreDependency) -> Response:
    """Stop a job if it runs, and delete it with its result."""
    await jobs.remove(job)
    await results.drop(store, job)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.get(
    "/jobs/{job}/matches.parquet",
    response_class=Response,
    responses=bytes_responses(FORMATS["parquet"].media_type),
    dependencies=ALONE,
)
async def get_job_result(
    request: Request, job: JobPath, jobs: JobsDependency, store: StoreDependency
) -> Response:
    """The result of a finished job: a row for each match, nearest first at each position."""
    row = await jobs.get(job)
    if row.status != "done":
        raise NotFound(f"this job has no result: its status is {row.status}")
    piece = Piece(results.result_key(job), 0, row.size, job, "")
    return await send_file(request, store, piece, "matches.parquet", FORMATS["parquet"].media_type)


def _described(row: Row[Any], public_url: str) -> dict[str, Any]:
    """A job's row as API.md shapes it."""
    done = row.status == "done"
    where = f"{public_url}/api/v1/jobs/{row.id}/matches.parquet"
    return {
        **{name: getattr(row, name) for name in ("id", "status", "positions", "done", "matches")},
        **{name: getattr(row, name) for name in ("as_of", "error", "size")},
        **{name: _utc(getattr(row, name)) for name in ("created", "ended", "expires")},
        "result": where if done else None,
    }


def _utc(moment: datetime | None) -> str | None:
    text = None if moment is None else moment.isoformat(timespec="seconds")
    return text and text.replace("+00:00", "Z")
