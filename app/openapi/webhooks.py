"""What openapi.json says of webhooks."""

from typing import Any, Final

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


def webhook_body() -> Json:
    """The body of a new webhook."""
    schema = {"$ref": f"#/components/schemas/{WANTED}"}
    form = {"schema": schema, "example": "url=https://example.org/mars"}
    return {
        "description": "The webhook, as a JSON object or a form.",
        "required": True,
        "content": {"application/json": {"schema": schema}, FORM: form},
    }
