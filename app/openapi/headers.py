"""What openapi.json says about every answer: its headers, and 304."""

from typing import Any, Final

Json = dict[str, Any]

_TEXT: Final[Json] = {"type": "string"}
_SECONDS: Final[Json] = {"type": "integer", "minimum": 0}
_HEADERS: Final[dict[str, tuple[str, Json]]] = {
    "Content-Disposition": ("File name for saving the answer; not with JSON.", _TEXT),
    "Content-Range": ("Range of bytes in this answer, and the total number.", _TEXT),
    "ETag": ("Identifies exactly these bytes; send it as If-None-Match. Not with a stream.", _TEXT),
    "Location": ("Address of the new resource.", _TEXT | {"format": "uri"}),
    "RateLimit": ("Requests left for this client; absent without a limit.", _TEXT),
    "RateLimit-Policy": ("The limit for this client; absent without a limit.", _TEXT),
    "Retry-After": ("Seconds to wait before the next request.", _SECONDS),
    "X-Request-ID": (
        "Id of the request in the server's log: the client's own, or a new one.",
        _TEXT,
    ),
}
_LIMIT: Final = ("RateLimit", "RateLimit-Policy")
_OF_STATUS: Final[dict[str, tuple[str, ...]]] = {
    "200": ("ETag", *_LIMIT),
    "201": ("Location", *_LIMIT),
    "202": ("Location", *_LIMIT),
    "204": _LIMIT,
    "206": ("Content-Range", "ETag", *_LIMIT),
    "304": ("ETag", *_LIMIT),
    "416": ("Content-Range",),
    "429": ("Retry-After", *_LIMIT),
    "503": ("Retry-After",),
}
_NO_FILE: Final = ("application/json", "application/problem+json", "text/event-stream")
_API: Final = "/api/"


def add_headers(document: Json) -> None:
    """Describe the headers of all answers, and 304 for those that a client may cache."""
    document["components"]["headers"] = {
        name: {"description": words, "schema": schema} for name, (words, schema) in _HEADERS.items()
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            responses = operation["responses"]
            kept = method == "get" and path.startswith(_API) and not _is_endless(responses)
            if kept:
                responses.setdefault("304", {"description": "Not modified"})
            for status, response in responses.items():
                names = [n for n in _OF_STATUS.get(status, ()) if kept or n != "ETag"]
                if path.startswith(_API) and response.get("content", {}).keys() - {*_NO_FILE}:
                    names.append("Content-Disposition")
                told = {n: {"$ref": f"#/components/headers/{n}"} for n in (*names, "X-Request-ID")}
                response["headers"] = response.get("headers", {}) | told
            operation["responses"] = dict(sorted(responses.items()))


def _is_endless(responses: Json) -> bool:
    """Whether an answer is a stream of events, which no client can keep."""
    return "text/event-stream" in responses["200"].get("content", {})
