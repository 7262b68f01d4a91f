"""What openapi.json says of watches."""

from typing import Any, Final

from app.openapi.match import match_body, match_parameters
from app.openapi.search import search_parameters
from app.openapi.streams import stream_parameters
from app.watches.asking import DROP, EXTEND, NOT_OF_CHANGES, NOT_OF_HITS
from app.watches.models import Part

Json = dict[str, Any]
_BEFORE: Final[Json] = {
    "name": "before",
    "in": "query",
    "required": False,
    "description": "A number (`lco_id`): only alerts with a smaller one.",
    "schema": {"type": "integer", "format": "int64", "minimum": 1, "examples": [1000000]},
}

_RADIUS: Final = (
    "Radius for positions that have none: degrees, at most 1; it may end in `d`, `'` or `\"`."
)
_OF_CHANGE: Final[tuple[Json, ...]] = (
    {
        "name": DROP,
        "in": "query",
        "required": False,
        "description": "What the watch is to be without: all its filters, or all its positions.",
        "schema": {"type": "string", "enum": list(Part), "examples": [Part.FILTERS]},
    },
    {
        "name": EXTEND,
        "in": "query",
        "required": False,
        "description": "Whether the positions of the body are added to those of the watch; "
        "without it they replace them.",
        "schema": {"type": "boolean", "default": False, "examples": [True]},
    },
)
_OF_STREAM: Final = ("since", "Last-Event-ID", "as_of", "fields")


def watch_parameters() -> list[Json]:
    """The query parameters of a new watch: those of a stream, and the radius of positions."""
    radius, *_ = match_parameters()
    asked = [p for p in stream_parameters() if p["in"] == "query" and p["name"] != "fields"]
    return [radius | {"description": _RADIUS}, *asked]


def change_parameters() -> list[Json]:
    """The query parameters of a change: those of a new watch but where it begins, and its own."""
    return [*_OF_CHANGE, *(p for p in watch_parameters() if p["name"] not in NOT_OF_CHANGES)]


def hit_stream_parameters() -> list[Json]:
    """The parameters of a stream of a watch's alerts."""
    return [p for p in stream_parameters() if p["name"] in _OF_STREAM]


def positions_body() -> Json:
    """The positions, which may be left out."""
    return match_body() | {"required": False}


def hit_parameters() -> list[Json]:
    """The query parameters of a list of a watch's alerts."""
    return [_BEFORE, *(p for p in search_parameters() if p["name"] not in NOT_OF_HITS)]
