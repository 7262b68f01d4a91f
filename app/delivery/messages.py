"""What webhooks send: the challenge, and the alerts of a range of numbers."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import orjson
from sqlalchemy import Row

from app.alerts.output.items import chosen_items
from app.delivery.posting import Message

FIELDS: Final = (
    *("lco_id", "candid", "object_id", "time", "ra", "dec", "filter", "magpsf", "sigmapsf"),
    "links",
)
"""Of an alert in a message."""
ALERTS: Final = "watch.alerts"
CHALLENGE: Final = "webhook.challenge"


def message_of(
    row: Row[Any],
    alerts: Sequence[asyncpg.Record],
    found: Mapping[int, datetime],
    public_url: str,
) -> Message:
    """The message of a webhook's range, from the rows of its alerts: always the same bytes.

    `found` says when each was found; the last of these moments is that of the message.
    """
    told = {
        "watch": row.watch,
        "page": f"{public_url}/watches/{row.watch}/",
        "after": row.cursor,
        "upto": row.reach,
        "alerts": chosen_items(FIELDS, alerts, f"{public_url}/api/v1"),
    }
    name = f"{row.watch}_{row.cursor}_{row.reach}"
    return Message(name, _body(ALERTS, max(found.values(), default=row.created), told))


def challenge_of(row: Row[Any]) -> Message:
    """The first message of a webhook: its receiver answers with the word in it."""
    word = _word_of(row)
    return Message(f"challenge_{word}", _body(CHALLENGE, row.created, {"challenge": word}))


def answers(row: Row[Any], body: bytes) -> bool:
    """Whether an answer has the challenge's word, as its only text or as JSON.

    A whole message that is sent back is none: programs that repeat what they get agree to nothing.
    """
    word = _word_of(row)
    if body.strip() == word.encode():
        return True
    try:
        return bool(json.loads(body) == {"challenge": word})
    except (ValueError, RecursionError):
        return False


def _word_of(row: Row[Any]) -> str:
    # Kept nowhere: who does not know the secret cannot guess it.
    return hmac.new(row.secret.encode(), row.url.encode(), hashlib.sha256).hexdigest()[:32]


def _body(kind: str, moment: datetime, told: Mapping[str, Any]) -> bytes:
    when = moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return orjson.dumps({"type": kind, "timestamp": when, "data": told})
