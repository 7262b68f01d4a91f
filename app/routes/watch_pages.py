"""The pages of watches, and the forms that make and delete one."""

from http import HTTPStatus
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Depends, Request, Response

from app.alerts.archive import Archive
from app.delivery.asking import parse_address, parse_webhook
from app.delivery.described import describe_subscription, describe_webhook
from app.errors import BadParameter, BadParameters
from app.openapi.described import WatchPath
from app.pages.html import redirect
from app.pages.watchpage import SHOWN, Found, Sent, watch_page
from app.routes.dependencies import (
    ArchiveDependency,
    ClientDependency,
    PairsDependency,
    SettingsDependency,
    no_parameters,
)
from app.routes.mails import SubscriptionsDependency
from app.routes.resources import resources_of
from app.routes.watches import MakingDependency, WatchesDependency, read_found
from app.routes.webhooks import WebhooksDependency
from app.search.bodies import Pairs
from app.settings import Settings
from app.watches.described import describe_watch
from app.watches.watches import Watches

router = APIRouter(include_in_schema=False)


class Form(NamedTuple):
    """A form that only the owner of a watch can send."""

    secret: str
    rest: Pairs


async def read_form(given: PairsDependency) -> Form:
    """The secret in a form, and its other values. Raises BadParameters, and what a body raises."""
    secrets = [value.strip() for name, value in given if name == "secret"]
    if len(secrets) != 1:
        raise BadParameters([BadParameter("secret", "must be given, once")])
    return Form(secrets[0], [pair for pair in given if pair[0] != "secret"])


FormDependency = Annotated[Form, Depends(read_form)]


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
    return await _send_page(request, watch, watches, archive, settings)


@router.post("/watches/{watch}/")
async def delete_watch_by_form(
    request: Request, form: FormDependency, watch: WatchPath, watches: WatchesDependency
) -> Response:
    """Delete a watch, and show the main page."""
    if form.rest:
        raise BadParameters([BadParameter("secret", "must be given alone")])
    await watches.remove(watch, form.secret)
    return redirect(request, "/", HTTPStatus.SEE_OTHER)


@router.post("/watches/{watch}/webhook/")
async def put_webhook_by_form(
    *,
    request: Request,
    form: FormDependency,
    watch: WatchPath,
    client: ClientDependency,
    watches: WatchesDependency,
    archive: ArchiveDependency,
    settings: SettingsDependency,
    webhooks: WebhooksDependency,
) -> Response:
    """Have the alerts of a watch sent somewhere, and show it with the secret that signs."""
    wanted = parse_webhook(form.rest, settings.webhooks_to_loopback)
    await watches.check_secret(watch, form.secret)
    _, signing = await webhooks.put(watch, client, wanted.target, wanted.since)
    return await _send_page(request, watch, watches, archive, settings, signing=signing)


@router.post("/watches/{watch}/mail/")
async def put_mail_by_form(
    *,
    request: Request,
    form: FormDependency,
    watch: WatchPath,
    client: ClientDependency,
    watches: WatchesDependency,
    subscriptions: SubscriptionsDependency,
) -> Response:
    """Ask a mail address whether it wants the alerts of a watch, and show the watch."""
    address = parse_address(form.rest)
    await watches.check_secret(watch, form.secret)
    await subscriptions.put(watch, client, address)
    return redirect(request, f"/watches/{watch}/", HTTPStatus.SEE_OTHER)


async def _send_page(
    request: Request,
    watch: str,
    watches: Watches,
    archive: Archive,
    settings: Settings,
    *,
    signing: str = "",
) -> Response:
    """The page of a watch, with the secret that signs if that was just made."""
    row, resources = await watches.get(watch), resources_of(request)
    told = describe_watch(row, row.hits, settings.public_url)
    found = await read_found(watches, archive, watch, SHOWN)
    webhook = await resources.webhooks.find(watch) if resources.webhooks else None
    mail = await resources.subscriptions.find(watch) if resources.subscriptions else None
    # Their addresses are for their owners.
    sent = Sent(
        {"host": webhook.host, **describe_webhook(webhook)} if webhook else None,
        describe_subscription(mail) if mail else None,
        signing,
    )
    return watch_page(request, told, row, found, sent=sent)
