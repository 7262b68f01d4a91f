"""The digest of a watch by mail: asked for, looked at, stopped, by who has the watch's secret."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.answers.bodies import send_json
from app.delivery.asking import parse_address
from app.delivery.described import describe_subscription
from app.delivery.models import Subscription
from app.delivery.subscriptions import Subscriptions
from app.errors import NoMail
from app.openapi.described import PROBLEMS, WatchPath, problem_responses
from app.openapi.match import REFUSED_BODIES
from app.openapi.webhooks import address_body
from app.routes.dependencies import ClientDependency, PairsDependency
from app.routes.resources import resources_of
from app.routes.watches.watch_making import WatchesDependency
from app.routes.watches.watches import ALONE, FRESH, secret_of

router = APIRouter(prefix="/api/v1/watches", tags=["watches"], responses=PROBLEMS)
_SECRET = problem_responses(403)


async def get_subscriptions(request: Request, watches: WatchesDependency) -> Subscriptions:
    """The digests. Raises NoMail, and as get_watches does."""
    subscriptions = resources_of(request).subscriptions
    if subscriptions is None:
        raise NoMail
    return subscriptions


async def read_address(given: PairsDependency) -> str:
    """The mail address that is asked for. Raises BadParameters, and what a body raises."""
    return parse_address(given)


SubscriptionsDependency = Annotated[Subscriptions, Depends(get_subscriptions)]
AddressDependency = Annotated[str, Depends(read_address)]


@router.put(
    "/{watch}/mail",
    response_model=Subscription,
    responses=REFUSED_BODIES | _SECRET,
    openapi_extra={"requestBody": address_body()},
)
async def put_mail(
    *,
    request: Request,
    watch: WatchPath,
    address: AddressDependency,
    client: ClientDependency,
    watches: WatchesDependency,
    subscriptions: SubscriptionsDependency,
) -> Response:
    """Have the new alerts of a watch sent to a mail address, once a day at most.

    The watch's secret stands in `Authorization: Bearer`. The address first gets a link, and nothing
    else before somebody follows that within two days and agrees. What was there is replaced.
    """
    await watches.check_secret(watch, secret_of(request))
    row = await subscriptions.put(watch, client, address)
    return send_json(request, describe_subscription(row), FRESH)


@router.get("/{watch}/mail", response_model=Subscription, dependencies=ALONE, responses=_SECRET)
async def get_mail(
    request: Request,
    watch: WatchPath,
    watches: WatchesDependency,
    subscriptions: SubscriptionsDependency,
) -> Response:
    """Where a watch's mails go, and how far; the watch's secret in `Authorization: Bearer`."""
    await watches.check_secret(watch, secret_of(request))
    return send_json(request, describe_subscription(await subscriptions.get(watch)), FRESH)


@router.delete(
    "/{watch}/mail", status_code=HTTPStatus.NO_CONTENT, dependencies=ALONE, responses=_SECRET
)
async def delete_mail(
    request: Request,
    watch: WatchPath,
    watches: WatchesDependency,
    subscriptions: SubscriptionsDependency,
) -> Response:
    """Send no more mails; the watch's secret in `Authorization: Bearer`."""
    await watches.check_secret(watch, secret_of(request))
    await subscriptions.remove(watch)
    return Response(status_code=HTTPStatus.NO_CONTENT)
