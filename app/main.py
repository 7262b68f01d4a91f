"""`uvicorn --factory app.main:create_app`: the app, put together."""

import gc
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache, partial
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute

from app.alerts.access.archive import Archive, open_archive, open_lasting
from app.alerts.asking.queries import check_archive
from app.alerts.jobs import search_kind
from app.alerts.output.fragments import Fragments
from app.alerts.output.items import alert_items
from app.alerts.output.scribe import PROGRAM as SCRIBE
from app.bounds import Bounds
from app.clients import networks_of
from app.columns.columns import open_columns
from app.delivery.due import open_due
from app.delivery.mailing import open_mailing
from app.delivery.sending import open_webhooks
from app.errors import DATABASE_ERRORS, reason_of
from app.jobs.queue import open_jobs
from app.jobs.worker import JOB_PATIENCE_S, run_worker
from app.live.tail import Tail, open_tail
from app.mars.items import legacy_items
from app.match.crossmatch import Matcher
from app.match.jobs import match_kind
from app.metrics import Metrics
from app.middleware import Surroundings
from app.names.resolver import open_names
from app.openapi.document import describe
from app.problems import add_error_handlers
from app.ratelimit import RateLimit
from app.regions.kept import find_region, open_regions
from app.routes import health
from app.routes.api import (
    alert_groups,
    alerts,
    cutouts,
    fields,
    jobs,
    match,
    names,
    nights,
    objects,
    regions,
    search_jobs,
    statistics,
    streams,
)
from app.routes.pages import (
    alert_page,
    docs,
    help,
    job_pages,
    legacy,
    night_pages,
    object_page,
    region_pages,
    static,
    statistics_page,
)
from app.routes.resources import Resources
from app.routes.vo import coverage, rows, tap, uws, vosi
from app.routes.watches import mail_pages, mails, sending_forms, watch_pages, watches, webhooks
from app.settings import Settings
from app.statistics.overview import open_overview
from app.vo.jobs import TAP, tap_kind
from app.vo.running import open_tap
from app.watches.matching import open_watching
from app.watches.watches import Watches
from archive import logs, memory
from archive.errors import SchemaOutdated
from archive.objects import open_store
from archive.surveys import SURVEYS

log = logging.getLogger(__name__)
# The first that fits an address answers.
ROUTES: Final = (
    streams,
    alert_groups,
    alerts,
    cutouts,
    objects,
    fields,
    match,
    regions,
    search_jobs,
    jobs,
    watches,
    webhooks,
    mails,
    nights,
    statistics,
    names,
    health,
    docs,
    static,
    help,
    object_page,
    alert_page,
    night_pages,
    job_pages,
    region_pages,
    watch_pages,
    sending_forms,
    mail_pages,
    statistics_page,
    tap,
    uws,
    rows,
    coverage,
    vosi,
    legacy,
)
SWITCH_S: Final = 0.001
"""After so long a thread that works lets the loop go on. By Python's own 5 ms an object, for which
the database is asked several times, took 46 ms beside lists that others sent, and not 10."""
EXPOSED: Final = (
    "ETag Link X-Request-ID X-Alerts-Shown X-Alerts-Total RateLimit RateLimit-Policy Retry-After "
    "Location Content-Disposition Content-Range Accept-Ranges X-As-Of X-Truncated X-Next-Cursor "
    "X-Cone X-Count X-Count-Kind"
).split()


@cache
def _included() -> list[BaseRoute]:
    """The routes, which take 0.1 s to be made ready: once for all apps of a process."""
    router = APIRouter(generate_unique_id_function=lambda route: route.name)
    for routes in ROUTES:
        router.include_router(routes.router)
    return router.routes


def create_app(settings: Settings | None = None) -> FastAPI:
    """An app with these settings; without any, with those of the environment."""
    settings, metrics = settings or Settings(), Metrics()
    sys.setswitchinterval(SWITCH_S)
    memory.give_back()
    app = FastAPI(
        title="MARS",
        version="1",
        summary="Alerts of the Zwicky Transient Facility",
        description="Search the public alert archive; light curves, cutouts, original packets. "
        "A query parameter without a value counts as absent.",
        lifespan=lambda app: _lifespan(app, settings, metrics),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # problems.py leads there, below the path of a proxy too
        routes=_included(),
    )
    app.state.settings = settings
    add_error_handlers(app)
    app.add_middleware(RateLimit, settings=settings)
    app.add_middleware(Bounds)
    app.add_middleware(Surroundings, metrics=metrics)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["*"],
        expose_headers=EXPOSED,
    )
    app.openapi = cache(lambda: describe(app))  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI, settings: Settings, metrics: Metrics) -> AsyncIterator[None]:
    """Open the database and the store; without them the app starts all the same, and says so."""
    logs.configure(settings.log_level)
    async with (
        memory.giving_back(),
        open_store(settings) as store,
        open_columns(settings, SURVEYS[0], store, SCRIBE) as columns,
        open_archive(settings) as database,
    ):
        archive = database._replace(columns=columns)
        metrics.watch(archive)
        async with (
            open_names(settings, archive) as resolver,
            open_overview(archive) as overview,
            open_tail(archive, settings.streams_per_client) as tail,
            open_jobs(settings, {TAP: settings.tap_jobs_per_client}) as made,
            open_tap(settings) as tap,
            open_regions(settings) as regions,
            open_watching(settings, archive, tail, regions) as watched,
            _open_deliveries(settings, watched, archive, tail, metrics) as delivered,
        ):
            app.state.resources = resources = Resources(
                archive=archive,
                store=store,
                names=resolver,
                matcher=Matcher(archive),
                jobs=made,
                regions=regions,
                metrics=metrics,
                **_kept(settings),
                overview=overview,
                tail=tail,
                watches=watched,
                **delivered,
                tap=tap,
            )
            async with _run_jobs(resources, settings):
                await _look_at_schema(resources)
                _spare_the_collector()
                yield


@asynccontextmanager
async def _open_deliveries(
    settings: Settings, watches: Watches | None, archive: Archive, tail: Tail, metrics: Metrics
) -> AsyncIterator[dict[str, Any]]:
    """The resources by which alerts of watches are sent to those who asked for it."""
    async with open_due() as due:
        sender = partial(open_webhooks, settings=settings, watches=watches, archive=archive)
        mailer = partial(open_mailing, settings=settings, watches=watches, archive=archive)
        async with (
            sender(tail=tail, due=due, tries=metrics.webhook_tries) as webhooks,
            mailer(tail=tail, due=due, tries=metrics.mail_tries) as subscriptions,
        ):
            yield {"webhooks": webhooks, "subscriptions": subscriptions}


def _kept(settings: Settings) -> dict[str, Any]:
    """The resources that are made of settings alone."""
    api = f"{settings.public_url}/api/v1"
    return {
        "proxies": networks_of(settings.trusted_proxies),
        "fragments": Fragments(alert_items, api),
        "legacy_fragments": Fragments(legacy_items, api),
    }


async def _look_at_schema(resources: Resources) -> None:
    """Note whether the database has the schema of this program; each request asks until it has."""
    try:
        await check_archive(resources.archive)
        resources.schema.is_current = True
    except (SchemaOutdated, *DATABASE_ERRORS) as error:
        log.error("not ready", extra={"reason": reason_of(error), "error": repr(error)})


@asynccontextmanager
async def _run_jobs(resources: Resources, settings: Settings) -> AsyncIterator[None]:
    """Run jobs of every kind, and publish alerts, beside the requests."""
    url, store, archive = settings.public_url, resources.store, resources.archive
    patient = resources.matcher.reading(archive.patient(JOB_PATIENCE_S))
    async with open_lasting(archive, settings, JOB_PATIENCE_S) as lasting:
        kinds = (
            match_kind(patient, store, url),
            search_kind(lasting, url, partial(find_region, regions=resources.regions)),
            tap_kind(resources.tap, store, url),
        )
        metrics = resources.metrics
        async with (
            run_worker(resources.jobs, kinds, store, settings, metrics.job_troubles),
            _publish(resources, settings),
        ):
            yield


@asynccontextmanager
async def _publish(resources: Resources, settings: Settings) -> AsyncIterator[None]:
    """Publish alerts where settings name brokers: only then aiokafka is imported, 5 MB."""
    if not settings.publish_kafka_servers:
        yield
        return
    from app.delivery.publishing import publishing  # noqa: PLC0415

    async with publishing(
        settings=settings,
        watches=resources.watches,
        archive=resources.archive,
        tail=resources.tail,
        write=resources.fragments.of,
        sent=resources.metrics.published,
    ):
        yield


@cache
def _spare_the_collector() -> None:
    """Exclude permanent objects from garbage collection: each pass took 0.2 s without answers.

    Once per process; otherwise the remains of its other apps would stay too.
    """
    gc.collect()
    gc.freeze()
