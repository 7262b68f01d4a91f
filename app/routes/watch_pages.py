"""The pages of watches, and the forms that make and delete one."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Row

from app.delivery.asking import parse_webhook
from app.delivery.described import describe_webhook
from app.errors import BadParameter, BadParameters
from app.openapi.described import WatchPath
from app.pages.html import redirect
from app.pages.watchpage import SHOWN, Found, watch_page
from app.routes.dependencies import (
    ArchiveDependency,
    ClientDependency,
    PairsDependency,
    SettingsDependency,
    no_parameters,
)
from app.routes.resources import resources_of
from app.routes.watches import MakingDependency, WatchesDependency, read_found
from app.routes.webhooks import WebhooksDependency
from app.search.bodies import Pairs
from app.watches.described import describe_watch

router = APIRouter(include_in_schema=False)


@router.post("/watches/")
async def make_by_form(
    request: Request,
    given: PairsDependency,
    making: MakingDependency,
    settings: SettingsDependency,
) -> Response:
    """Make a watch of a search, and show it with its secret."""
    row, secret = await making.make(given)
    told = describe_watch(row, 0, settings.public_url)
    return watch_page(request, told, row, Found([], {}), secret=secret)


@router.get("/watches/{watch}/", dependencies=[Depends(no_parameters)])
async def get_watch_page(
    request: Request,
    watch: WatchPath,
    watches: WatchesDependency,
    archive: ArchiveDependency,
    settings: SettingsDependency,
) -> Response:
    """A watch: what it looks for, its newest alerts, where they are sent."""
    row = await watches.get(watch)
    told = describe_watch(row, row.hits, settings.public_url)
    found = await read_found(watches, archive, watch, SHOWN)
    webhooks = resources_of(request).webhooks
    sent = await webhooks.find(watch) if webhooks else None
    return watch_page(request, told, row, found, webhook=sent and _describe(sent))


@router.post("/watches/{watch}/")
async def delete_watch_by_form(
    request: Request, given: PairsDependency, watch: WatchPath, watches: WatchesDependency
) -> Response:
    """Delete a watch, and show the main page."""
    secret, rest = _take_secret(given)
    if rest:
        raise BadParameters([BadParameter("secret", "must be given alone")])
    await watches.remove(watch, secret)
    return redirect(request, "/", HTTPStatus.SEE_OTHER)


@router.post("/watches/{watch}/webhook/")
async def put_webhook_by_form(
    *,
    request: Request,
    given: PairsDependency,
    watch: WatchPath,
    client: ClientDependency,
    watches: WatchesDependency,
    archive: ArchiveDependency,
    settings: SettingsDependency,
    webhooks: WebhooksDependency,
) -> Response:
    """Have the alerts of a watch sent somewhere, and show it with the secret that signs."""
    secret, rest = _take_secret(given)
    wanted = parse_webhook(rest, settings.webhooks_to_loopback)
    await watches.check_secret(watch, secret)
    sent, signing = await webhooks.put(watch, client, wanted.target, wanted.since)
    row = await watches.get(watch)
    told = describe_watch(row, row.hits, settings.public_url)
    found = await read_found(watches, archive, watch, SHOWN)
    return watch_page(request, told, row, found, webhook=_describe(sent) | {"secret": signing})


def _describe(sent: Row[Any]) -> dict[str, Any]:
    """A webhook as pages show it: its host alone, as the rest of an address may be a secret."""
    return describe_webhook(sent) | {"host": sent.host, "url": None, "secret": ""}


def _take_secret(given: Pairs) -> tuple[str, Pairs]:
    """The secret of a form, and its other values. Raises BadParameters."""
    secrets = [value.strip() for name, value in given if name == "secret"]
    if len(secrets) != 1:
        raise BadParameters([BadParameter("secret", "must be given, once")])
    return secrets[0], [pair for pair in given if pair[0] != "secret"]
