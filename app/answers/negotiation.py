"""Headers of a request, and a body that follows them: ETag, 304, compression, HTML."""

import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import Request, Response

from app.answers.accept import read_weights, weight_of
from app.answers.encoding import accepted_codings, coding_of

_WORTH_COMPRESSING: Final = 1000
"""Bytes; a smaller answer fits into one packet without compression."""
_HTML: Final = ("text/html", "application/xhtml+xml")
_MACHINES: Final = ("/api/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/static/")
"""Addresses whose errors are never pages."""
_FORMS: Final = ("/jobs/", "/watches/")
"""Addresses to which forms of pages are sent."""


def is_not_modified(request: Request, etag: str) -> bool:
    """Whether the client already holds this representation."""
    held = request.headers.get("if-none-match", "")
    tags = [tag.strip().removeprefix("W/") for tag in held.split(",")]
    return "*" in tags or etag in tags


def accepts_gzip(request: Request) -> bool:
    """Whether the client accepts gzip explicitly; one that says nothing may not know it."""
    return weight_of(accepted_codings(request.headers.get("accept-encoding", "")), "gzip") > 0


def wants_json(request: Request) -> bool:
    """Whether a request for a page wants JSON: by `format=json`, or an Accept that prefers it.

    MARS knew only the lower-case word, and a wildcard in Accept includes HTML.
    """
    if request.query_params.get("format") == "json":
        return True
    given = _accepted(request)
    html = max(weight_of(given, kind) for kind in _HTML)
    return weight_of(given, "application/json") > html


def wants_page(request: Request) -> bool:
    """Whether an error should be a page: for a browser, and not at an address for machines."""
    path = request.url.path
    machine = path.startswith(_MACHINES) or (
        request.method != "GET" and not path.startswith(_FORMS)
    )
    if machine or wants_json(request):
        return False
    return any(_accepted(request).get(kind, 0) > 0 for kind in _HTML)


def _accepted(request: Request) -> dict[str, float]:
    """The media ranges of Accept with their q; without the header everything is accepted."""
    return read_weights(request.headers.get("accept", "*/*"))


def send_bytes(
    request: Request,
    content: bytes,
    media_type: str,
    headers: Mapping[str, str],
    status: int = HTTPStatus.OK,
    *,
    squeezed: bool = False,
) -> Response:
    """The content under a strong ETag of its own for each encoding.

    It is compressed as the client prefers if that helps: not if it is `squeezed` already.
    """
    tag = hashlib.sha256(content).hexdigest()[:24]
    coding = coding_of(request) if len(content) >= _WORTH_COMPRESSING and not squeezed else None
    etag = f'"{tag}-{coding.name}"' if coding else f'"{tag}"'
    sent = {"ETag": etag, "Vary": "Accept-Encoding", **headers}
    if status == HTTPStatus.OK and is_not_modified(request, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=sent)
    if coding:
        sent["Content-Encoding"] = coding.name
        content = coding.whole(content)
    return Response(content, status, sent, media_type)
