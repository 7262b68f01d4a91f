"""The pages of jobs, and the forms that start and delete one."""

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Depends, Request, Response

from app.alerts.jobs import parameters_of
from app.errors import BadParameter, BadParameters, unknown_parameters
from app.jobs import results
from app.openapi.described import JobPath
from app.pages.details.jobpage import job_page
from app.pages.html import redirect
from app.routes.api.jobs import describe_job
from app.routes.api.search_jobs import StartedDependency
from app.routes.dependencies import (
    JobsDependency,
    PairsDependency,
    SettingsDependency,
    StoreDependency,
    no_parameters,
)

router = APIRouter(include_in_schema=False)
_DELETE: Final = "delete"


@router.post("/jobs/")
async def start_by_form(request: Request, row: StartedDependency) -> Response:
    """Start a search job, and show it."""
    return redirect(request, f"/jobs/{row.id}/", HTTPStatus.SEE_OTHER)


@router.get("/jobs/{job}/", dependencies=[Depends(no_parameters)])
async def get_job_page(
    request: Request, job: JobPath, jobs: JobsDependency, settings: SettingsDependency
) -> Response:
    """A job: its query, its progress, its result."""
    row = await jobs.get(job)
    told = describe_job(row, settings.public_url)
    return job_page(request, told, parameters_of(row), row.file)


@router.post("/jobs/{job}/")
async def delete_by_form(
    request: Request,
    given: PairsDependency,
    job: JobPath,
    jobs: JobsDependency,
    store: StoreDependency,
) -> Response:
    """Delete a job with its result, and show the main page."""
    if errors := unknown_parameters([name for name, _ in given], (_DELETE,)):
        raise BadParameters(errors)
    if given != [(_DELETE, "true")]:
        raise BadParameters([BadParameter(_DELETE, "must be true, and given once")])
    await jobs.remove(job)
    await results.drop(store, job)
    return redirect(request, "/", HTTPStatus.SEE_OTHER)
