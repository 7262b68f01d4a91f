"""The forms on the page of a watch that have its alerts sent somewhere."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, Request, Response

from app.alerts.access.archive import Archive
from app.delivery.asking import parse_address, parse_webhook
from app.errors import RequestError
from app.openapi.described import WatchPath
from app.pages.html import redirect
from app.routes.dependencies import ArchiveDependency, ClientDependency, SettingsDependency
from app.routes.watches.mails import SubscriptionsDependency
from app.routes.watches.watch_forms import Form, FormDependency
from app.routes.watches.watch_making import WatchesDependency
from app.routes.watches.watch_pages import show_watch
from app.routes.watches.webhooks import WebhooksDependency
from app.watches.watches import Watches

router = APIRouter(prefix="/watches", include_in_schema=False)


def _refused(form: Form, error: RequestError) -> dict[str, Any]:
    """A form as it was filled in, and why it was not taken."""
    return {"sending": {"typed": dict(form.given), "unsent": str(error)}, "status": error.status}


@router.post("/{watch}/webhook/")
async def put_webhook_by_form(
    *,
    request: Request,
    form: FormDependency,
    watch: WatchPath,
    client: ClientDependency,
    watches: WatchesDependency,
    archive: ArchiveDependency,
    webhooks: WebhooksDependency,
    settings: SettingsDependency,
) -> Response:
    """Have the alerts of a watch sent somewhere, and show it with the secret that signs.

    With the reason, if that is refused.
    """
    row = await watches.get(watch)
    try:
        wanted = parse_webhook(form.given, settings.webhooks_to_loopback)
        await watches.check_secret(watch, form.need_secret())
        _, signing = await webhooks.put(watch, client, wanted.target, wanted.since)
    except RequestError as error:
        return await show_watch(request, row, watches, archive, **_refused(form, error))
    return await show_watch(request, row, watches, archive, {"signing": signing})


@router.post("/{watch}/mail/")
async def put_mail_by_form(
    *,
    request: Request,
    form: FormDependency,
    watch: WatchPath,
    client: ClientDependency,
    watches: WatchesDependency,
    archive: ArchiveDependency,
    subscriptions: SubscriptionsDependency,
) -> Response:
    """Ask a mail address whether it wants the alerts of a watch, and show the watch.

    With the reason, if that is refused.
    """
    row = await watches.get(watch)
    try:
        address = parse_address(form.given)
        await watches.check_secret(watch, form.need_secret())
        await subscriptions.put(watch, client, address)
    except RequestError as error:
        return await show_watch(request, row, watches, archive, **_refused(form, error))
    return redirect(request, f"/watches/{watch}/", HTTPStatus.SEE_OTHER)


class Ending(NamedTuple):
    """A form that ends what a watch sends, and what its page is made of."""

    request: Request
    form: Form
    watch: str
    watches: Watches
    archive: Archive


async def read_ending(
    request: Request,
    form: FormDependency,
    watch: WatchPath,
    watches: WatchesDependency,
    archive: ArchiveDependency,
) -> Ending:
    """The form of a request."""
    return Ending(request, form, watch, watches, archive)


EndingDependency = Annotated[Ending, Depends(read_ending)]


@router.post("/{watch}/webhook/end/")
async def end_webhook_by_form(ending: EndingDependency, webhooks: WebhooksDependency) -> Response:
    """Send nothing to a program any more, and show the watch."""
    return await _end(ending, webhooks.remove)


@router.post("/{watch}/mail/end/")
async def end_mail_by_form(
    ending: EndingDependency, subscriptions: SubscriptionsDependency
) -> Response:
    """Send no more mails, and show the watch."""
    return await _end(ending, subscriptions.remove)


async def _end(ending: Ending, remove: Callable[[str], Awaitable[None]]) -> Response:
    """End what a watch sends; with the reason, if that is refused."""
    request, form, watch, watches, archive = ending
    row = await watches.get(watch)
    try:
        await watches.check_secret(watch, form.need_secret())
        await remove(watch)
    except RequestError as error:
        return await show_watch(request, row, watches, archive, **_refused(form, error))
    return redirect(request, f"/watches/{watch}/", HTTPStatus.SEE_OTHER)
