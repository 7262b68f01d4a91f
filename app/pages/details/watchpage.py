"""The page of a watch, with its newest alerts, and the same as an Atom feed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import asyncpg
from fastapi import Request, Response
from markupsafe import Markup
from sqlalchemy import Row

from app.answers.negotiation import send_bytes
from app.pages.details.jobpage import describe_filter, filters_of
from app.pages.html import ENVIRONMENT, format_fixed, render
from app.pages.lists.listing import headers
from app.pages.lists.results import write_rows
from app.pages.plots.sparkline import Curve, write_spark
from app.settings import settings_of
from app.watches.asking import MAX_POSITIONS

SHOWN: Final = 100
"""Alerts on the page."""
TOLD: Final = 50
"""Alerts in the feed."""
FEED: Final = "application/atom+xml"
_FRESH: Final = {"Cache-Control": "no-store"}


Curves = Mapping[str, Curve]
"""Light curves of objects, by name."""
NO_FIELDS: Final[Mapping[str, str]] = MappingProxyType({"radius": '2"'})
"""The form before anybody has filled it in."""


class Found(NamedTuple):
    """The newest alerts of a watch, the newest first, and when each was found."""

    rows: Sequence[asyncpg.Record]
    moments: Mapping[int, datetime]


class Sent(NamedTuple):
    """Where the alerts of a watch are sent, as JSON; the page shows no address."""

    webhook: Mapping[str, Any] | None
    """With its host."""
    mail: Mapping[str, Any] | None
    topic: Mapping[str, Any] | None
    """Its `name` in Kafka, and the `error` for which it is not continued."""
    signing: str = ""
    """The secret that signs, if it has just been made."""
    typed: Mapping[str, str] = MappingProxyType({})
    """A form that was refused, as it was filled in."""
    unsent: str = ""
    """Why it was."""


NOWHERE: Final = Sent(None, None, None)


def words_of(row: Row[Any]) -> list[str]:
    """The filters of a watch, and its positions, in words."""
    words = [describe_filter(name, value) for name, value in filters_of(row.filters)]
    near = f"near {row.positions:,} position{'' if row.positions == 1 else 's'}"
    return [*words, near] if row.positions else words


def form_page(
    request: Request, fields: Mapping[str, str], refused: str = "", status: int = HTTPStatus.OK
) -> Response:
    """The form that makes a watch of a list; `refused` says why nothing came of it."""
    return render(
        request,
        "watches.html",
        status=status,
        headers=_FRESH,
        refused=refused,
        fields=fields,
        most=MAX_POSITIONS,
    )


def watch_page(
    request: Request,
    told: Mapping[str, Any],
    row: Row[Any],
    found: Found,
    *,
    curves: Curves = MappingProxyType({}),
    secret: str = "",
    sent: Sent = NOWHERE,
    fields: Mapping[str, str] = NO_FIELDS,
    refused: str = "",
    status: int = HTTPStatus.OK,
) -> Response:
    """The page of a watch whose JSON is `told`; with its secret if it has just been made.

    `refused` says why nothing came of a change, whose form was filled in with `fields`.
    """
    settings = settings_of(request)
    return render(
        request,
        "watch.html",
        status=HTTPStatus.CREATED if secret else status,
        headers=_FRESH,
        watch=told,
        words=words_of(row),
        secret=secret,
        **sent._asdict(),
        sends=settings.webhooks,
        mails=bool(settings.mail_from),
        columns=[header.column for header in headers({})],
        rows=found.rows,
        body=write_rows(
            found.rows,
            settings.base_path,
            lambda alert: _curve_cell(curves, alert["object_id"]),
        ),
        fields={"query": told["query"], **fields},
        refused=refused,
        most=MAX_POSITIONS,
        stream=f"/api/v1/watches/{row.id}/stream?fields=candid",
    )


def _curve_cell(curves: Curves, name: str) -> Markup:
    return Markup('<td class="thumb">{}</td>').format(write_spark(curves.get(name, ())))


def send_feed(request: Request, told: Mapping[str, Any], row: Row[Any], found: Found) -> Response:
    """The feed of a watch, RFC 4287."""
    entries = [
        {
            "candid": alert["candid"],
            "object_id": alert["object_id"],
            "title": f"{alert['object_id']}: {format_fixed(alert['magpsf'], 2)} mag in "
            f"{alert['filter'] or 'an unknown band'}",
            "updated": found.moments[alert["lco_id"]].isoformat(timespec="seconds"),
        }
        for alert in found.rows
    ]
    updated = max((entry["updated"] for entry in entries), default=told["created"])
    xml = ENVIRONMENT.get_template("feed.xml").render(
        url=settings_of(request).public_url,
        watch=told,
        title=", ".join(words_of(row)),
        updated=updated,
        entries=entries,
    )
    return send_bytes(request, xml.encode(), FEED, {"Cache-Control": "no-cache"})
