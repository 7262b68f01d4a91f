"""TAP: queries as jobs, by UWS 1.1. The id of a job is its secret, so nobody gets a list."""

import asyncio
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from sqlalchemy import Row

from app.answers.stored import Piece, send_file
from app.answers.votable import write_error
from app.errors import BadQuery, NotFound
from app.jobs import results
from app.jobs.queue import PENDING, Jobs, new_id
from app.routes.dependencies import (
    ClientDependency,
    JobsDependency,
    SettingsDependency,
    StoreDependency,
    TapDependency,
)
from app.routes.vo.forms import AskedDependency
from app.search.values import read_number
from app.vo.documents import XML, render
from app.vo.jobs import (
    ENDED,
    PHASES,
    TAP,
    describe,
    kept_parameters,
    media_type,
    read_time,
    result_file,
    utc,
)
from app.vo.parameters import read_uploads

router = APIRouter(prefix="/vo/tap/async", include_in_schema=False)
_FRESH: Final = {"Cache-Control": "no-store"}
_LOOK_S: Final = 0.25
MAX_WAIT_S: Final = 60.0
_BOTH: Final = ["GET", "POST"]


async def _job(jobs: Jobs, job: str) -> Row[Any]:
    row = await jobs.get(job)
    if row.kind != TAP:
        raise NotFound("no such job of TAP")
    return row


def _text(text: str) -> Response:
    return Response(text, media_type="text/plain", headers=_FRESH)


def _xml(text: str) -> Response:
    return Response(text, media_type=XML, headers=_FRESH)


def _see(address: str) -> Response:
    return Response(status_code=HTTPStatus.SEE_OTHER, headers={"Location": address, **_FRESH})


@router.get("")
async def list_jobs() -> Response:
    """An empty list: who knows the id of a job may read and delete it."""
    return _xml(render("jobs"))


@router.post("")
async def start_job(
    asked: AskedDependency,
    tap: TapDependency,
    *,
    client: ClientDependency,
    jobs: JobsDependency,
    store: StoreDependency,
    settings: SettingsDependency,
) -> Response:
    """Make a job; with PHASE=RUN it is queued at once."""
    phase = _read_phase(asked.parameters.get("PHASE"), ("RUN",))
    _check_any(asked.parameters)
    await jobs.check_room(client, TAP)
    job, parts = new_id(), []
    for n, part in enumerate(read_uploads(asked.parameters.get("UPLOAD", "")).values()):
        parts.append(await results.put_part(store, job, n, asked.part(part)))
    await jobs.add(
        job,
        client,
        kind=TAP,
        status="queued" if phase else PENDING,
        file=result_file(asked.parameters),
        parts=parts,
        parameters=kept_parameters(asked.parameters),
    )
    return _see(f"{settings.public_url}/vo/tap/async/{job}")


def _check_any(given: dict[str, str]) -> None:
    """Raise BadQuery where nothing is given that a job has."""
    if not kept_parameters(given):
        raise BadQuery("there are no parameters of a job: LANG=ADQL and QUERY, for instance")


def _read_number(name: str, text: str) -> float:
    try:
        return read_number(text)
    except ValueError:
        raise BadQuery(f"{name} must be a number of seconds, not {text[:20]!r}") from None


def _read_phase(given: str | None, known: tuple[str, ...]) -> str | None:
    if given is None or given.upper() in known:
        return given and given.upper()
    raise BadQuery(f"PHASE must be {' or '.join(known)}, not {given[:20]!r}")


@router.get("/{job}")
async def get_job(
    request: Request, job: str, jobs: JobsDependency, settings: SettingsDependency
) -> Response:
    """The job; with WAIT once its phase has changed, or after so many seconds."""
    row = await _job(jobs, job)
    given = {name.upper(): value for name, value in request.query_params.multi_items()}
    if "WAIT" in given:
        row = await _changed(jobs, row, given["WAIT"], given.get("PHASE"))
    return _xml(describe(row, settings.public_url, settings.job_statement_timeout_s))


async def _changed(jobs: Jobs, row: Row[Any], wait: str, phase: str | None) -> Row[Any]:
    """The job once its phase is another than `phase` (or than it was), or has waited so long."""
    seconds = _read_number("WAIT", wait)
    seconds = MAX_WAIT_S if seconds < 0 else min(seconds, MAX_WAIT_S)
    before = phase.upper() if phase else PHASES[row.status]
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    while row.status not in ENDED and PHASES[row.status] == before and clock() < until:
        await asyncio.sleep(_LOOK_S)
        row = await _job(jobs, row.id)
    return row


@router.post("/{job}")
async def act_on_job(
    asked: AskedDependency,
    job: str,
    jobs: JobsDependency,
    store: StoreDependency,
    settings: SettingsDependency,
) -> Response:
    """ACTION=DELETE, or parameters of a job that is pending."""
    given = asked.parameters
    if given.get("ACTION", "").upper() == "DELETE":
        return await delete_job(job, jobs, store, settings)
    if "PHASE" not in given:
        _check_any(given)
    await _set_parameters(given, await _job(jobs, job), jobs)
    if _read_phase(asked.parameters.get("PHASE"), ("RUN", "ABORT")):
        return await set_phase(asked, job, jobs, settings)
    return _see(f"{settings.public_url}/vo/tap/async/{job}")


async def _set_parameters(given: dict[str, str], row: Row[Any], jobs: Jobs) -> None:
    more = dict(kept_parameters(given))
    if not more:
        return
    if "UPLOAD" in more:
        raise BadQuery("tables are uploaded as the job is made, not later")
    whole = dict(row.parameters) | more
    told = {"parameters": kept_parameters(whole), "file": result_file(whole)}
    if not await jobs.change(row.id, **told):
        raise BadQuery("parameters can be set only while the job is PENDING")


@router.delete("/{job}")
async def delete_job(
    job: str, jobs: JobsDependency, store: StoreDependency, settings: SettingsDependency
) -> Response:
    """Stop a job if it runs, and delete it with its result."""
    await _job(jobs, job)
    await jobs.remove(job)
    await results.drop(store, job)
    return _see(f"{settings.public_url}/vo/tap/async")


@router.get("/{job}/phase")
async def get_phase(job: str, jobs: JobsDependency) -> Response:
    """The phase alone."""
    return _text(PHASES[(await _job(jobs, job)).status])


@router.post("/{job}/phase")
async def set_phase(
    asked: AskedDependency, job: str, jobs: JobsDependency, settings: SettingsDependency
) -> Response:
    """RUN or ABORT."""
    phase = _read_phase(asked.parameters.get("PHASE", ""), ("RUN", "ABORT"))
    row = await _job(jobs, job)
    if phase == "RUN":
        await jobs.release(row.id)
    else:
        await jobs.abort(row.id)
    return _see(f"{settings.public_url}/vo/tap/async/{job}")


@router.api_route("/{job}/executionduration", methods=_BOTH)
async def get_duration(
    request: Request,
    asked: AskedDependency,
    job: str,
    jobs: JobsDependency,
    settings: SettingsDependency,
) -> Response:
    """How long the query may take [s]; it is the same for all, whatever is asked for."""
    if request.method == "POST":
        _read_number("EXECUTIONDURATION", asked.parameters.get("EXECUTIONDURATION", ""))
    await _job(jobs, job)
    if request.method == "POST":
        return _see(f"{settings.public_url}/vo/tap/async/{job}")
    return _text(f"{settings.job_statement_timeout_s:.0f}")


@router.api_route("/{job}/destruction", methods=_BOTH)
async def get_destruction(
    request: Request,
    asked: AskedDependency,
    job: str,
    jobs: JobsDependency,
    settings: SettingsDependency,
) -> Response:
    """When the job is deleted; it can be set to an earlier time."""
    if request.method == "GET":
        return _text(utc((await _job(jobs, job)).expires))
    when = read_time(asked.parameters.get("DESTRUCTION", ""))
    await jobs.expire((await _job(jobs, job)).id, when)
    return _see(f"{settings.public_url}/vo/tap/async/{job}")


@router.get("/{job}/quote")
async def get_quote(job: str, jobs: JobsDependency) -> Response:
    """When it may be done: nobody knows."""
    await _job(jobs, job)
    return _text("")


@router.get("/{job}/owner")
async def get_owner(job: str, jobs: JobsDependency) -> Response:
    """Whose it is: whoever knows its id."""
    await _job(jobs, job)
    return _text("")


@router.api_route("/{job}/parameters", methods=_BOTH)
async def get_parameters(
    request: Request,
    asked: AskedDependency,
    job: str,
    jobs: JobsDependency,
    settings: SettingsDependency,
) -> Response:
    """Its parameters."""
    if request.method == "POST":
        _check_any(asked.parameters)
    row = await _job(jobs, job)
    if request.method == "POST":
        await _set_parameters(asked.parameters, row, jobs)
        return _see(f"{settings.public_url}/vo/tap/async/{job}")
    return _xml(render("parameters", parameters=row.parameters))


@router.get("/{job}/results")
async def get_results(job: str, jobs: JobsDependency, settings: SettingsDependency) -> Response:
    """Its results: one, once it has ended well."""
    row = await _job(jobs, job)
    address = f"{settings.public_url}/vo/tap/async/{row.id}"
    told = {"phase": PHASES[row.status], "address": address, "media_type": media_type(row.file)}
    return _xml(render("results", job=row, **told))


@router.get("/{job}/results/result")
async def get_result(
    request: Request, job: str, jobs: JobsDependency, store: StoreDependency
) -> Response:
    """The table."""
    row = await _job(jobs, job)
    if row.status != "done":
        raise NotFound(f"this job has no result: its phase is {PHASES[row.status]}")
    piece = Piece(results.result_key(row.id, row.file), 0, row.size, row.id, "")
    return await send_file(request, store, piece, row.file, media_type(row.file))


@router.get("/{job}/error")
async def get_error(job: str, jobs: JobsDependency) -> Response:
    """Why it failed, as a VOTable."""
    row = await _job(jobs, job)
    if row.status != "failed":
        raise NotFound(f"this job has no error: its phase is {PHASES[row.status]}")
    return Response(write_error(row.error), media_type="application/x-votable+xml", headers=_FRESH)
