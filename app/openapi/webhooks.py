"""What openapi.json says of webhooks, and of digests by mail."""

from typing import Any, Final

from app.delivery.subscriptions import ADDRESS, MAX_ADDRESS
from app.delivery.targets import MAX_URL
from app.search.bodies import FORM

Json = dict[str, Any]
WANTED: Final = "WantedWebhook"
WANTED_SCHEMA: Final[Json] = {
    "type": "object",
    "title": WANTED,
    "description": "Where the alerts of a watch are to be sent.",
    "properties": {
        "url": {
            "type": "string",
            "maxLength": MAX_URL,
            "description": "An address that begins with https://, at a public host, port 443 or "
            "8443.",
        },
        "since": {
            "type": "integer",
            "format": "int64",
            "minimum": 0,
            "description": "A number (`lco_id`): the alerts that follow it are sent, as far as the "
            "watch has kept them. Without it those that are found from now on; a webhook that is "
            "replaced goes on where it was.",
        },
    },
    "required": ["url"],
    "additionalProperties": False,
    "examples": [{"url": "https://example.org/mars"}],
}


ADDRESSED: Final = "WantedMail"
ADDRESSED_SCHEMA: Final[Json] = {
    "type": "object",
    "title": ADDRESSED,
    "description": "Whither the new alerts of a watch are to be sent by mail.",
    "properties": {
        "address": {
            "type": "string",
            "maxLength": MAX_ADDRESS,
            "pattern": f"^{ADDRESS}$",
            "description": "A mail address, which is asked first.",
        },
    },
    "required": ["address"],
    "additionalProperties": False,
    "examples": [{"address": "name@example.org"}],
}


def address_body() -> Json:
    """The body of a new digest by mail."""
    return _body(ADDRESSED, "The address, as a JSON object or a form.", "address=name@example.org")


def webhook_body() -> Json:
    """The body of a new webhook."""
    return _body(WANTED, "The webhook, as a JSON object or a form.", "url=https://example.org/mars")


def _body(name: str, words: str, form: str) -> Json:
    schema = {"$ref": f"#/components/schemas/{name}"}
    content = {
        "application/json": {"schema": schema},
        FORM: {"schema": schema, "example": form},
    }
    return {"description": words, "required": True, "content": content}
