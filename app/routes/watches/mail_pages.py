"""The page behind the links of mails: a reader agrees there, and has mails stopped."""

from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from app.delivery.described import describe_subscription
from app.errors import BadParameter, BadParameters
from app.openapi.described import path_parameter
from app.pages.html import render
from app.routes.dependencies import no_parameters
from app.routes.watches.mails import SubscriptionsDependency
from app.search.examples import JOB

router = APIRouter(include_in_schema=False)
KeyPath = Annotated[str, path_parameter("the link of a mail", "^[A-Za-z0-9_-]{32}$", JOB)]
_FRESH = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class Answer(StrEnum):
    """What a reader's button says."""

    YES = "yes"
    NO = "no"


async def read_answer(request: Request) -> Answer:
    """The answer in a form, or that of a mail program's own button (RFC 8058).

    Raises BadParameters, and what a body raises.
    """
    await request.body()  # whose bounds hold whatever its type is
    form = await request.form()
    if form.get("List-Unsubscribe") == "One-Click":
        return Answer.NO
    try:
        return Answer(str(form.get("answer", "")))
    except ValueError:
        raise BadParameters([BadParameter("answer", "must be yes or no, in a form")]) from None


AnswerDependency = Annotated[Answer, Depends(read_answer)]


@router.get("/mail/{key}/", dependencies=[Depends(no_parameters)])
async def get_mail_page(
    request: Request, key: KeyPath, subscriptions: SubscriptionsDependency
) -> Response:
    """What mails are sent, and buttons: programs that follow links in mails press none."""
    row = await subscriptions.by_key(key)
    return _page(request, describe_subscription(row) | {"watch": row.watch})


@router.post("/mail/{key}/")
async def answer_mail(
    request: Request, key: KeyPath, answer: AnswerDependency, subscriptions: SubscriptionsDependency
) -> Response:
    """Begin, or stop, and say so."""
    if answer is Answer.NO:
        await subscriptions.stop(key)
        return _page(request, None)
    await subscriptions.confirm(key)
    row = await subscriptions.by_key(key)
    return _page(request, describe_subscription(row) | {"watch": row.watch})


def _page(request: Request, mail: dict[str, Any] | None) -> Response:
    return render(request, "mail.html", headers=_FRESH, mail=mail)
