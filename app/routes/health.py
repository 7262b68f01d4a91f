"""The state of the app, for machines: /healthz, /readyz, /metrics."""

import asyncio
import logging
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Literal

import orjson
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from app.alerts.access.servers import DatabaseRole
from app.alerts.asking import queries
from app.answers.models import Model
from app.errors import RETRY_AFTER_S, reason_of
from app.openapi.described import problem_responses
from app.routes.dependencies import StoreDependency
from app.routes.resources import resources_of

log = logging.getLogger(__name__)
router = APIRouter(tags=["operation"], responses=problem_responses(429, 500))


class Health(Model):
    """Whether the process works."""

    status: Literal["ok"]


class ReadinessStatus(StrEnum):
    """Whether the app can answer."""

    READY = "ready"
    NOT_READY = "not ready"


class DatabaseServer(Model):
    """One of several database servers, as it was seen within the last few seconds."""

    address: str
    role: DatabaseRole | None
    """None: it does not answer."""
    batch: int | None
    batches_behind: int | None
    seconds_behind: float | None
    in_use: bool


class Readiness(Model):
    """Whether the app can answer, and the reason if not."""

    status: ReadinessStatus
    database: str
    store: str
    servers: list[DatabaseServer]


@router.get("/healthz", response_model=Health)
async def get_health() -> Response:
    """200 while the process works."""
    return _answer(HTTPStatus.OK, {"status": "ok"})


@router.get(
    "/readyz",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "Not ready; the body says why"}},
)
async def get_readiness(request: Request, store: StoreDependency) -> Response:
    """200 if schema, database and object store are ready; else 503 with the reason.

    With several database servers one that answers is enough. `servers` shows each of them: what it
    is, the newest batch that it has, how many batches it lacks and the age of the oldest of these
    (null while no primary answers), and whether requests are sent there.
    """
    resources = resources_of(request)
    answers = await asyncio.gather(
        queries.check_archive(resources.archive), store.ping(), return_exceptions=True
    )
    database, bucket = (reason_of(a) if isinstance(a, Exception) else "ok" for a in answers)
    for error in answers:
        if isinstance(error, Exception):
            log.warning("not ready", extra={"error": repr(error)})
    ready = database == bucket == "ok"
    resources.schema.is_current = database == "ok"
    body = {
        "status": "ready" if ready else "not ready",
        "database": database,
        "store": bucket,
        "servers": [server._asdict() for server in resources.archive.watch.servers],
    }
    return _answer(HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, body)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def get_metrics(request: Request) -> Response:
    """Counters and times for Prometheus."""
    content = generate_latest(resources_of(request).metrics.registry)
    return Response(content, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _answer(status: HTTPStatus, body: dict[str, Any]) -> Response:
    headers = {"Cache-Control": "no-store"}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = RETRY_AFTER_S
    return Response(orjson.dumps(body), status, headers, media_type="application/json")
