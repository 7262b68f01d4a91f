"""The forms on the page of a watch that have its alerts sent somewhere."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.delivery.asking import Wanted, parse_address, parse_webhook
from app.openapi.described import WatchPath
from app.pages.html import redirect
from app.routes.dependencies import ArchiveDependency, ClientDependency, SettingsDependency
from app.routes.watches.mails import SubscriptionsDependency
from app.routes.watches.watch_forms import FormDependency
from app.routes.watches.watch_making import WatchesDependency
from app.routes.watches.watch_pages import show_watch
from app.routes.watches.webhooks import WebhooksDependency

router = APIRouter(prefix="/watches", include_in_schema=False)


async def read_webhook_form(form: FormDependency, settings: SettingsDependency) -> Wanted:
    """The webhook that a form asks for. Raises BadParameters."""
    return parse_webhook(form.given, settings.webhooks_to_loopback)


async def read_mail_form(form: FormDependency) -> str:
    """The mail address in a form. Raises BadParameters."""
    return parse_address(form.given)


@router.post("/{watch}/webhook/")
async def put_webhook_by_form(
    *,
    request: Request,
    form: FormDependency,
    wanted: Annotated[Wanted, Depends(read_webhook_form)],
    watch: WatchPath,
    client: ClientDependency,
    watches: WatchesDependency,
    archive: ArchiveDependency,
    webhooks: WebhooksDependency,
) -> Response:
    """Have the alerts of a watch sent somewhere, and show it with the secret that signs."""
    row = await watches.check_secret(watch, form.need_secret())
    _, signing = await webhooks.put(watch, client, wanted.target, wanted.since)
    return await show_watch(request, row, watches, archive, signing)


@router.post("/{watch}/mail/")
async def put_mail_by_form(
    *,
    request: Request,
    form: FormDependency,
    address: Annotated[str, Depends(read_mail_form)],
    watch: WatchPath,
    client: ClientDependency,
    watches: WatchesDependency,
    subscriptions: SubscriptionsDependency,
) -> Response:
    """Ask a mail address whether it wants the alerts of a watch, and show the watch."""
    await watches.check_secret(watch, form.need_secret())
    await subscriptions.put(watch, client, address)
    return redirect(request, f"/watches/{watch}/", HTTPStatus.SEE_OTHER)
