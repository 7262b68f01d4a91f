"""Models of webhooks and of digests by mail."""

from enum import StrEnum

from pydantic import Field

from app.answers.models import Model
from app.search.models import Instant


class WebhookStatus(StrEnum):
    """How far a webhook is."""

    UNCONFIRMED = "unconfirmed"
    ACTIVE = "active"
    ENDED = "ended"


class SubscriptionStatus(StrEnum):
    """How far a digest by mail is."""

    UNCONFIRMED = "unconfirmed"
    ASKED = "asked"
    ACTIVE = "active"
    ENDED = "ended"


class Subscription(Model):
    """A mail address to which the new alerts of a watch are sent."""

    address: str = Field(description="the mail address")
    status: SubscriptionStatus = Field(
        description="unconfirmed before the question was sent, asked until its link was followed; "
        "ended after ten failed tries, or where the address is refused"
    )
    cursor: int = Field(description="number (`lco_id`) up to which all was sent")
    tried: Instant | None = Field(description="when the last try ended, RFC 3339, UTC")
    outcome: str | None = Field(description="what came of it, in words")
    created: Instant = Field(description="when it was asked for, RFC 3339, UTC")


class Webhook(Model):
    """An address to which the alerts of a watch are sent."""

    url: str = Field(description="where it leads")
    status: WebhookStatus = Field(
        description="unconfirmed until the receiver has answered the challenge; ended after ten "
        "failed tries of one message, or after a 410"
    )
    cursor: int = Field(description="number (`lco_id`) up to which the receiver has taken all")
    reach: int | None = Field(
        description="number up to which the message goes that is under way; each try sends the same"
    )
    tries: int = Field(description="failed tries of that message, or of the challenge")
    tried: Instant | None = Field(description="when the last try ended, RFC 3339, UTC")
    outcome: str | None = Field(description="what came of it, in words")
    next_try: Instant | None = Field(
        description="when a message that failed is tried again, not before; RFC 3339, UTC"
    )
    created: Instant = Field(description="when it was asked for, RFC 3339, UTC")


class NewWebhook(Webhook):
    """A webhook that has just been made."""

    secret: str = Field(
        description="signs the messages (Standard Webhooks), shown this once: verify with it that "
        "they come from here"
    )
