"""The webhook of a watch: asked for, looked at, deleted, by whoever has the watch's secret."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.answers.bodies import send_json
from app.delivery.asking import Wanted, parse_webhook
from app.delivery.described import describe_webhook
from app.delivery.models import NewWebhook, Webhook
from app.delivery.webhooks import Webhooks
from app.errors import NoWebhooks
from app.openapi.described import PROBLEMS, WatchPath, problem_responses
from app.openapi.match import REFUSED_BODIES
from app.openapi.webhooks import webhook_body
from app.routes.dependencies import ClientDependency, PairsDependency, SettingsDependency
from app.routes.resources import resources_of
from app.routes.watches.watch_making import WatchesDependency
from app.routes.watches.watches import ALONE, FRESH, secret_of

router = APIRouter(prefix="/api/v1/watches", tags=["watches"], responses=PROBLEMS)
_SECRET = problem_responses(403)


async def get_webhooks(request: Request, watches: WatchesDependency) -> Webhooks:
    """The webhooks. Raises NoWebhooks, and as get_watches does."""
    webhooks = resources_of(request).webhooks
    if webhooks is None:
        raise NoWebhooks
    return webhooks


WebhooksDependency = Annotated[Webhooks, Depends(get_webhooks)]


async def read_webhook(given: PairsDependency, settings: SettingsDependency) -> Wanted:
    """The webhook that is asked for. Raises BadParameters, and what a body raises."""
    return parse_webhook(given, settings.webhooks_to_loopback)


WantedDependency = Annotated[Wanted, Depends(read_webhook)]


@router.put(
    "/{watch}/webhook",
    response_model=NewWebhook,
    responses=REFUSED_BODIES | _SECRET,
    openapi_extra={"requestBody": webhook_body()},
)
async def put_webhook(
    *,
    request: Request,
    watch: WatchPath,
    wanted: WantedDependency,
    client: ClientDependency,
    watches: WatchesDependency,
    webhooks: WebhooksDependency,
) -> Response:
    """Have the alerts of a watch sent to an address, signed as Standard Webhooks are.

    The watch's secret stands in `Authorization: Bearer`. The answer holds, this once, the secret
    that signs. First comes a challenge, `{"type": "webhook.challenge", "data": {"challenge": …}}`,
    which the receiver answers with a 2xx and `{"challenge": …}`. Then each message holds up to 100
    alerts of a range of numbers; one that is not answered with a 2xx is tried again, ten times over
    three days. What was there before is replaced.
    """
    await watches.check_secret(watch, secret_of(request))
    row, secret = await webhooks.put(watch, client, wanted.target, wanted.since)
    return send_json(request, describe_webhook(row) | {"secret": secret}, FRESH)


@router.get("/{watch}/webhook", response_model=Webhook, dependencies=ALONE, responses=_SECRET)
async def get_webhook(
    request: Request, watch: WatchPath, watches: WatchesDependency, webhooks: WebhooksDependency
) -> Response:
    """How far the webhook of a watch has come; the watch's secret in `Authorization: Bearer`."""
    await watches.check_secret(watch, secret_of(request))
    return send_json(request, describe_webhook(await webhooks.get(watch)), FRESH)


@router.delete(
    "/{watch}/webhook",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=ALONE,
    responses=_SECRET,
)
async def delete_webhook(
    request: Request, watch: WatchPath, watches: WatchesDependency, webhooks: WebhooksDependency
) -> Response:
    """Send no more; the watch's secret in `Authorization: Bearer`."""
    await watches.check_secret(watch, secret_of(request))
    await webhooks.remove(watch)
    return Response(status_code=HTTPStatus.NO_CONTENT)
