"""What openapi.json says of every answer: the headers that come with it, and 304."""

from typing import Any, Final

Json = dict[str, Any]

_TEXT: Final[Json] = {"type": "string"}
_SECONDS: Final[Json] = {"type": "integer", "minimum": 0}
_HEADERS: Final[dict[str, tuple[str, Json]]] = {
    "Content-Disposition": ("The name under which to keep the file; not with JSON.", _TEXT),
    "Content-Range": ("Which bytes these are, and of how many.", _TEXT),
    "ETag": ("Names these very bytes: give it back as If-None-Match. Not with a stream.", _TEXT),
    "Location": ("The address of what was made.", _TEXT | {"format": "uri"}),
    "RateLimit": ("What is left of the client's share; not where there is no limit.", _TEXT),
    "RateLimit-Policy": ("That share; not where there is no limit.", _TEXT),
    "Retry-After": ("Seconds to wait before asking again.", _SECONDS),
    "X-Request-ID": ("The request's id in the server's log: the one it came with, or ours.", _TEXT),
}
_LIMIT: Final = ("RateLimit", "RateLimit-Policy")
_OF_STATUS: Final[dict[str, tuple[str, ...]]] = {
    "200": ("ETag", *_LIMIT),
    "202": ("Location", *_LIMIT),
    "204": _LIMIT,
    "206": ("Content-Range", "ETag", *_LIMIT),
    "304": ("ETag", *_LIMIT),
    "416": ("Content-Range",),
    "429": ("Retry-After", *_LIMIT),
    "503": ("Retry-After",),
}
_NO_FILE: Final = ("application/json", "application/problem+json")
_API: Final = "/api/"


def add_headers(document: Json) -> None:
    """Say of all answers which headers they have, and of those that a client may keep 304."""
    document["components"]["headers"] = {
        name: {"description": words, "schema": schema} for name, (words, schema) in _HEADERS.items()
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            responses = operation["responses"]
            kept = method == "get" and path.startswith(_API)
            if kept:
                responses.setdefault("304", {"description": "Not modified"})
            for status, response in responses.items():
                names = [n for n in _OF_STATUS.get(status, ()) if kept or n != "ETag"]
                if path.startswith(_API) and response.get("content", {}).keys() - {*_NO_FILE}:
                    names.append("Content-Disposition")
                told = {n: {"$ref": f"#/components/headers/{n}"} for n in (*names, "X-Request-ID")}
                response["headers"] = response.get("headers", {}) | told
            operation["responses"] = dict(sorted(responses.items()))
