"""A webhook, and a digest by mail, as their JSON."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row

from app.delivery.models import WebhookStatus


def describe_webhook(row: Row[Any]) -> dict[str, Any]:
    """The JSON of a webhook, from its row."""
    waits = row.tries > 0 and row.status != WebhookStatus.ENDED
    return {
        **{name: getattr(row, name) for name in ("url", "status", "cursor", "reach", "tries")},
        "tried": _utc(row.tried),
        "outcome": row.outcome,
        "next_try": _utc(row.due) if waits else None,
        "created": _utc(row.created),
    }


def describe_subscription(row: Row[Any]) -> dict[str, Any]:
    """The JSON of a digest by mail, from its row."""
    return {
        **{name: getattr(row, name) for name in ("address", "status", "cursor", "outcome")},
        "tried": _utc(row.tried),
        "created": _utc(row.created),
    }


def _utc(moment: datetime | None) -> str | None:
    text = None if moment is None else moment.isoformat(timespec="seconds")
    return text and text.replace("+00:00", "Z")
