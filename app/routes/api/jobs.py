"""Jobs: matches are sent here; each kind is watched, fetched and deleted here."""

import contextlib
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Row

from app.alerts.jobs import FILES, SEARCH, describe_search_job
from app.alerts.models import Suffix
from app.answers.bodies import send_json
from app.answers.formats import FORMATS
from app.answers.stored import Piece, headers_of, send_file
from app.errors import NotFound, TooMany
from app.jobs import results
from app.jobs.models import job_address
from app.jobs.queue import Jobs, new_id
from app.match.jobs import FILE, MATCH, MAX_POSITIONS, describe_match_job, keep_targets
from app.match.models import AnyJob, Job
from app.match.query import parse_match
from app.match.targets import Targets
from app.match.uploads import read_targets
from app.openapi.described import PROBLEMS, JobPath, bytes_responses, path_parameter
from app.openapi.match import REFUSED_BODIES, match_body, match_parameters
from app.routes.dependencies import (
    ClientDependency,
    JobsDependency,
    MatcherDependency,
    SettingsDependency,
    StoreDependency,
    no_parameters,
)
from archive.errors import StoreUnavailable
from archive.objects import ObjectStore

router = APIRouter(prefix="/api/v1", tags=["match"], responses=PROBLEMS)
ALONE: Final = [Depends(no_parameters)]
_MEDIA: Final = {f"alerts.{suffix}": FORMATS[name].media_type for name, suffix in FILES.items()}
_FRESH: Final = {"Cache-Control": "no-store"}
SuffixPath = Annotated[Suffix, path_parameter("how the file of the job ends", "", "parquet")]


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
        parts = await keep_targets(store, job, read_targets(request, targets))
        told: dict[str, Any] = {"parts": parts, "expected": targets.count, "as_of": as_of}
        told |= {"kind": MATCH, "file": FILE, "parameters": [list(pair) for pair in given]}
        adding = True
        row = await jobs.add(job, client, **told)
    except BaseException as error:
        # If the job may exist its positions stay; without a job they are swept later.
        if not adding or isinstance(error, TooMany):
            with contextlib.suppress(StoreUnavailable):
                await results.drop(store, job)
        raise
    answer = send_json(request, describe_match_job(row, settings.public_url), _FRESH)
    answer.status_code = HTTPStatus.ACCEPTED
    answer.headers["Location"] = job_address(settings.public_url, job)
    return answer


DESCRIBED: Final[dict[str, Callable[[Row[Any], str], dict[str, Any]]]] = {
    MATCH: describe_match_job,
    SEARCH: describe_search_job,
}
"""How a job of each kind is told."""


def describe_job(row: Row[Any], public_url: str) -> dict[str, Any]:
    """The JSON of a job. Raises NotFound for one of TAP, which UWS describes."""
    if row.kind not in DESCRIBED:
        raise NotFound(f"this is a job of TAP: {public_url}/vo/tap/async/{row.id}")
    return DESCRIBED[row.kind](row, public_url)


@router.get("/jobs/{job}", response_model=AnyJob, dependencies=ALONE)
async def get_job(
    request: Request, job: JobPath, jobs: JobsDependency, settings: SettingsDependency
) -> Response:
    """Progress of a job, and the address of its result. A search has `kind`, a match has not."""
    row = await jobs.get(job)
    return send_json(request, describe_job(row, settings.public_url), _FRESH)


@router.delete("/jobs/{job}", status_code=HTTPStatus.NO_CONTENT, dependencies=ALONE)
async def delete_job(job: JobPath, jobs: JobsDependency, store: StoreDependency) -> Response:
    """Stop a job if it runs, and delete it with its result."""
    await jobs.remove(job)
    await results.drop(store, job)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.get(
    f"/jobs/{{job}}/{FILE}",
    response_class=Response,
    responses=bytes_responses(FORMATS["parquet"].media_type),
    dependencies=ALONE,
)
async def get_job_result(
    request: Request, job: JobPath, jobs: JobsDependency, store: StoreDependency
) -> Response:
    """The result of a finished match: a row for each match, nearest first at each position."""
    return await _send_result(request, jobs, store, job, FILE)


@router.get(
    "/jobs/{job}/alerts.{suffix}",
    response_class=Response,
    responses=bytes_responses(*_MEDIA.values()),
    dependencies=ALONE,
)
async def get_search_result(
    request: Request,
    job: JobPath,
    suffix: SuffixPath,
    jobs: JobsDependency,
    store: StoreDependency,
) -> Response:
    """The result of a finished search, in the order of its `sort`."""
    return await _send_result(request, jobs, store, job, f"alerts.{suffix}")


async def _send_result(
    request: Request, jobs: Jobs, store: ObjectStore, job: str, file: str
) -> Response:
    """The file of a job. Raises NotFound."""
    row = await jobs.get(job)
    if row.file != file:
        raise NotFound(f"the result of this job is not {file} but {row.file}")
    if row.status != "done":
        raise NotFound(f"this job has no result: its status is {row.status}")
    media_type = _MEDIA.get(file, FORMATS["parquet"].media_type)
    if not row.size:
        # JSON Lines without a line; a store has no range of nothing.
        return Response(b"", headers=headers_of(f'"{job}"', file), media_type=media_type)
    piece = Piece(results.result_key(job, file), 0, row.size, job, "")
    return await send_file(request, store, piece, file, media_type)
