"""The pages of watches, and the forms that make, change and delete one."""

from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Row

from app.alerts.archive import Archive
from app.errors import QueryTooCostly, RequestError
from app.objects.groups import read_curves
from app.openapi.described import WatchPath
from app.pages.html import redirect
from app.pages.watchpage import NO_FIELDS, SHOWN, Curves, Found, form_page, watch_page
from app.routes.dependencies import ArchiveDependency, SettingsDependency, no_parameters
from app.routes.watch_forms import FormDependency
from app.routes.watch_making import MakingDependency, OwnerDependency, WatchesDependency
from app.routes.watches import read_found
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
    request: Request,
    watch: WatchPath,
    watches: WatchesDependency,
    archive: ArchiveDependency,
    settings: SettingsDependency,
) -> Response:
    """A watch: what it looks for, its newest alerts."""
    row = await watches.get(watch)
    found, curves = await _read_shown(watches, archive, row)
    told = describe_watch(row, settings.public_url)
    return watch_page(request, told, row, found, curves=curves)


async def _read_shown(watches: Watches, archive: Archive, row: Row[Any]) -> tuple[Found, Curves]:
    """The newest alerts of a watch, and the light curves of their objects."""
    found = await read_found(watches, archive, row.id, SHOWN)
    names = sorted({alert["object_id"] for alert in found.rows})
    try:
        return found, await read_curves(archive.hasty(CURVES_S), names)
    except QueryTooCostly:
        return found, {}


@router.post("/{watch}/")
async def delete_by_form(
    request: Request, watch: WatchPath, form: FormDependency, watches: WatchesDependency
) -> Response:
    """Delete a watch, and show the main page."""
    await watches.remove(watch, form.secret)
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
    settings: SettingsDependency,
) -> Response:
    """Change a watch, and show it; with the reason, if that is refused."""
    row = await watches.get(watch)
    try:
        await watches.check_secret(watch, form.secret)
        await making.change(row, form.given, form.read)
    except RequestError as error:
        found, curves = await _read_shown(watches, archive, row)
        told = describe_watch(row, settings.public_url)
        again: dict[str, Any] = {"fields": form.fields, "refused": str(error)}
        return watch_page(request, told, row, found, curves=curves, status=error.status, **again)
    return redirect(request, f"/watches/{watch}/", HTTPStatus.SEE_OTHER)
