"""The pages of watches, and the forms that make, change and delete one."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Row

from app.alerts.access.archive import Archive
from app.delivery.described import describe_subscription, describe_webhook
from app.delivery.published import find_topic
from app.errors import QueryTooCostly, RequestError
from app.objects.groups import read_curves
from app.openapi.described import WatchPath
from app.pages.details.watchpage import NO_FIELDS, SHOWN, Curves, Found, Sent, form_page, watch_page
from app.pages.html import redirect
from app.routes.dependencies import ArchiveDependency, SettingsDependency, no_parameters
from app.routes.resources import resources_of
from app.routes.watches.watch_forms import FormDependency
from app.routes.watches.watch_making import MakingDependency, OwnerDependency, WatchesDependency
from app.routes.watches.watches import read_found
from app.settings import settings_of
from app.watches.described import describe_watch
from app.watches.watches import Watches

router = APIRouter(prefix="/watches", include_in_schema=False)
_ALONE: Final = [Depends(no_parameters)]
CURVES_S: Final = 1.0
"""Time for the light curves of a page; without them it is shown all the same."""


@router.get("/", dependencies=_ALONE)
async def get_watches_page(request: Request) -> Response:
    """The form that makes a watch of a list of positions."""
    return form_page(request, NO_FIELDS)


@router.post("/")
async def make_by_form(
    *,
    request: Request,
    form: FormDependency,
    owner: OwnerDependency,
    making: MakingDependency,
    settings: SettingsDependency,
) -> Response:
    """Make a watch, and show it with its secret; the form again, with the reason, if refused."""
    try:
        row, secret = await making.make(owner, form.given, form.read)
    except RequestError as error:
        if not form.fields:
            raise
        return form_page(request, form.fields, str(error), error.status)
    told = describe_watch(row, settings.public_url)
    return watch_page(request, told, row, Found([], {}), secret=secret)


@router.get("/{watch}/", dependencies=_ALONE)
async def get_watch_page(
    request: Request, watch: WatchPath, watches: WatchesDependency, archive: ArchiveDependency
) -> Response:
    """A watch: what it looks for, its newest alerts, where they are sent."""
    return await show_watch(request, await watches.get(watch), watches, archive)


async def show_watch(
    request: Request,
    row: Row[Any],
    watches: Watches,
    archive: Archive,
    sending: Mapping[str, Any] = MappingProxyType({}),
    **more: Any,
) -> Response:
    """The page of a watch that is there already; `sending` as Sent has it, `more` as watch_page."""
    found = await read_found(watches, archive, row.id, SHOWN)
    curves = await _read_curves(archive, found)
    sent = (await _read_sent(request, watches, row.id))._replace(**sending)
    told = describe_watch(row, settings_of(request).public_url)
    return watch_page(request, told, row, found, curves=curves, sent=sent, **more)


async def _read_curves(archive: Archive, found: Found) -> Curves:
    """The light curves of the objects of some alerts; none if they take too long."""
    names = sorted({alert["object_id"] for alert in found.rows})
    try:
        return await read_curves(archive.hasty(CURVES_S), names)
    except QueryTooCostly:
        return {}


async def _read_sent(request: Request, watches: Watches, watch: str) -> Sent:
    """Where the alerts of a watch are sent; the addresses themselves are for their owners."""
    resources = resources_of(request)
    webhook = await resources.webhooks.find(watch) if resources.webhooks else None
    mail = await resources.subscriptions.find(watch) if resources.subscriptions else None
    is_published = bool(settings_of(request).publish_kafka_servers)
    topic = await find_topic(watches.engine, watch) if is_published else None
    return Sent(
        {"host": webhook.host, **describe_webhook(webhook)} if webhook else None,
        describe_subscription(mail) if mail else None,
        {"name": topic.name, "error": topic.error} if topic else None,
    )


@router.post("/{watch}/")
async def delete_by_form(
    request: Request, watch: WatchPath, form: FormDependency, watches: WatchesDependency
) -> Response:
    """Delete a watch, and show the main page."""
    await watches.remove(watch, form.need_secret())
    return redirect(request, "/", HTTPStatus.SEE_OTHER)


@router.post("/{watch}/change/")
async def change_by_form(
    *,
    request: Request,
    watch: WatchPath,
    watches: WatchesDependency,
    form: FormDependency,
    making: MakingDependency,
    archive: ArchiveDependency,
) -> Response:
    """Change a watch, and show it; with the reason, if that is refused."""
    secret, row = form.need_secret(), await watches.get(watch)
    try:
        await watches.check_secret(watch, secret)
        await making.change(row, form.given, form.read)
    except RequestError as error:
        again: dict[str, Any] = {"fields": form.fields, "refused": str(error)}
        return await show_watch(request, row, watches, archive, status=error.status, **again)
    return redirect(request, f"/watches/{watch}/", HTTPStatus.SEE_OTHER)
