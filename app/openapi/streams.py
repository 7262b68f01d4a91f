"""What openapi.json says of streams."""

from typing import Any, Final

from app.live.asking import REFUSED
from app.live.events import MEDIA_TYPE
from app.openapi.search import search_parameters

Json = dict[str, Any]
_NUMBER: Final[Json] = {"type": "integer", "format": "int64", "minimum": 0}
_START: Final = (
    {
        "name": "since",
        "in": "query",
        "required": False,
        "description": "A number (`lco_id`): the stream begins with the first alert after it; 0: "
        "with the first of the archive. Without it, and without `as_of`, it begins now.",
        "schema": _NUMBER | {"examples": [0]},
    },
    {
        "name": "Last-Event-ID",
        "in": "header",
        "required": False,
        "description": "The id of the last event that arrived: what `since` is, and decides "
        "before it. Browsers send it by themselves.",
        "schema": _NUMBER | {"examples": [0]},
    },
)
_AS_OF: Final = "Batch number: the stream begins with the first alert after that batch."
_EVENTS: Final = (
    "id: 1021\nevent: alert\ndata: "
    '{"candid":"2600105490015010000","object_id":"ZTF18hkapgpi","magpsf":18.2}\n\n'
    "id: 1087\nevent: seen\ndata: 1087\n\n"
)


def stream_parameters() -> list[Json]:
    """The query parameters of a stream: those of a search that make sense, and where it begins."""
    of_search = [p for p in search_parameters() if p["name"] not in REFUSED]
    return [
        *_START,
        *(p | {"description": _AS_OF} if p["name"] == "as_of" else p for p in of_search),
    ]


def stream_responses() -> dict[int | str, Json]:
    """What a stream answers: events without an end."""
    content = {MEDIA_TYPE: {"schema": {"type": "string"}, "example": _EVENTS}}
    cone: Json = {"description": "position of `name`, as `ra,dec,radius`", "schema": _TEXT}
    return {200: {"description": "Events", "content": content, "headers": {"X-Cone": cone}}}


_TEXT: Final[Json] = {"type": "string"}
