"""Searches that run as jobs: what a list cannot answer in a few seconds."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Row

from app.alerts.asking.as_of import settle_as_of
from app.alerts.asking.paging import begin_after
from app.alerts.asking.searching import check_order
from app.alerts.jobs import FILES, SEARCH, describe_search_job, parse_job, settle_parameters
from app.alerts.models import SearchJob
from app.answers.bodies import send_json
from app.jobs.models import job_address
from app.jobs.queue import new_id
from app.names.places import locate
from app.openapi.described import PROBLEMS
from app.openapi.search_jobs import job_responses, query_body
from app.regions.kept import find_region
from app.routes.dependencies import (
    ArchiveDependency,
    ClientDependency,
    JobsDependency,
    NamesDependency,
    PairsDependency,
    SettingsDependency,
)
from app.routes.resources import resources_of

router = APIRouter(prefix="/api/v1/search", tags=["alerts"], responses=PROBLEMS)


async def start_search(
    request: Request,
    given: PairsDependency,
    *,
    client: ClientDependency,
    jobs: JobsDependency,
    archive: ArchiveDependency,
    names: NamesDependency,
    settings: SettingsDependency,
) -> Row[Any]:
    """Start the job of a request, and return its row.

    Raises BadParameters, TooMany, and what names.places.locate and alerts.paging.begin_after raise.
    """
    search = parse_job(given, settings.job_rows)
    await jobs.check_room(client)
    search, _ = await locate(search, names)
    search = await find_region(search, resources_of(request).regions)
    check_order(archive, search)
    search = await begin_after(archive, search)
    return await jobs.add(
        new_id(),
        client,
        kind=SEARCH,
        file=f"alerts.{FILES[search.format]}",
        parts=[],
        parameters=[list(pair) for pair in settle_parameters(given, search)],
        cap=search.limit,
        as_of=await settle_as_of(archive, search.as_of),
    )


StartedDependency = Annotated[Row[Any], Depends(start_search)]


@router.post(
    "/jobs",
    response_model=SearchJob,
    status_code=HTTPStatus.ACCEPTED,
    responses=job_responses(),
    openapi_extra={"requestBody": query_body()},
)
async def start_search_job(
    request: Request, row: StartedDependency, settings: SettingsDependency
) -> Response:
    """Run any search as a job, for what takes long or finds millions of alerts.

    The query is that of `/api/v1/alerts`: as query string, JSON object or form; a parameter
    that is given in two of them is refused. The answer and `Location` give the job's address.

    The result is a file (`format`: parquet, unless it is csv, votable or jsonl) from the archive as
    it is now, even if the job runs later. It holds up to `cap` alerts; if more match, the job and
    the file say so, and a job with the cursor `next` goes on behind it.
    """
    answer = send_json(
        request, describe_search_job(row, settings.public_url), {"Cache-Control": "no-store"}
    )
    answer.status_code = HTTPStatus.ACCEPTED
    answer.headers["Location"] = job_address(settings.public_url, row.id)
    return answer
