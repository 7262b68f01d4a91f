"""A webhook, and a digest by mail, as their JSON."""

from typing import Any

from sqlalchemy import Row

from app.delivery.models import WebhookStatus
from archive import times


def describe_webhook(row: Row[Any]) -> dict[str, Any]:
    """The JSON of a webhook, from its row."""
    waits = row.tries > 0 and row.status != WebhookStatus.ENDED
    return {
        **{name: getattr(row, name) for name in ("url", "status", "cursor", "reach", "tries")},
        "tried": times.write_utc(row.tried),
        "outcome": row.outcome,
        "next_try": times.write_utc(row.due) if waits else None,
        "created": times.write_utc(row.created),
    }


def describe_subscription(row: Row[Any]) -> dict[str, Any]:
    """The JSON of a digest by mail, from its row."""
    return {
        **{name: getattr(row, name) for name in ("address", "status", "cursor", "outcome")},
        "tried": times.write_utc(row.tried),
        "created": times.write_utc(row.created),
    }
