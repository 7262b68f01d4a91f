"""The pages of watches, and the forms that make and delete one."""

from http import HTTPStatus

from fastapi import APIRouter, Depends, Request, Response

from app.errors import BadParameter, BadParameters
from app.openapi.described import WatchPath
from app.pages.html import redirect
from app.pages.watchpage import SHOWN, Found, watch_page
from app.routes.dependencies import (
    ArchiveDependency,
    PairsDependency,
    SettingsDependency,
    no_parameters,
)
from app.routes.watch_making import MakingDependency, OwnerDependency, WatchesDependency
from app.routes.watches import read_found
from app.watches.described import describe_watch

router = APIRouter(include_in_schema=False)


@router.post("/watches/")
async def make_by_form(
    request: Request,
    given: PairsDependency,
    owner: OwnerDependency,
    making: MakingDependency,
    settings: SettingsDependency,
) -> Response:
    """Make a watch of a search, and show it with its secret."""
    row, secret = await making.make(owner, given)
    told = describe_watch(row, settings.public_url)
    return watch_page(request, told, row, Found([], {}), secret)


@router.get("/watches/{watch}/", dependencies=[Depends(no_parameters)])
async def get_watch_page(
    request: Request,
    watch: WatchPath,
    watches: WatchesDependency,
    archive: ArchiveDependency,
    settings: SettingsDependency,
) -> Response:
    """A watch: what it looks for, its newest alerts."""
    row = await watches.get(watch)
    told = describe_watch(row, settings.public_url)
    return watch_page(request, told, row, await read_found(watches, archive, watch, SHOWN))


@router.post("/watches/{watch}/")
async def delete_watch_by_form(
    request: Request, given: PairsDependency, watch: WatchPath, watches: WatchesDependency
) -> Response:
    """Delete a watch, and show the main page."""
    if [name for name, _ in given] != ["secret"]:
        raise BadParameters([BadParameter("secret", "must be given, once and alone")])
    await watches.remove(watch, given[0][1].strip())
    return redirect(request, "/", HTTPStatus.SEE_OTHER)
