"""A JSON answer and the link to the next page."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response

from app.formats import json_bytes
from app.negotiation import send


def send_json(
    request: Request, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Response:
    """The body as JSON, which clients may keep for a moment."""
    age = request.app.state.settings.cache_max_age_s
    kept = {"Cache-Control": f"public, max-age={age}", **(headers or {})}
    return send(request, json_bytes(body), "application/json", kept)


def next_link(request: Request, public_url: str, token: str | None) -> dict[str, str]:
    """The RFC 8288 header that leads to the next page; none on the last."""
    if token is None:
        return {}
    kept = [(k, v) for k, v in request.query_params.multi_items() if k != "cursor" and v.strip()]
    query = urlencode([*kept, ("cursor", token)])
    return {"Link": f'<{public_url}{request.url.path}?{query}>; rel="next"'}
