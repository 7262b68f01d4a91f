"""HTML or JSON? What a request's headers ask for."""

import re
from collections.abc import Mapping
from typing import Final

from fastapi import Request

_HTML: Final = ("text/html", "application/xhtml+xml")
_MACHINES: Final = ("/api/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/static/")
"""Addresses whose errors are never pages."""


def wants_json(request: Request) -> bool:
    """Whether a page's address is asked for JSON: by `format=json`, or an Accept that prefers it.

    MARS knew the lower-case word alone, and a wildcard in Accept speaks for HTML as well.
    """
    if request.query_params.get("format") == "json":
        return True
    weights = _weights(request)
    return _weight(weights, "application/json") > max(_weight(weights, kind) for kind in _HTML)


def wants_page(request: Request) -> bool:
    """Whether an error should be a page: a browser asks, and not for what only machines read."""
    machine = request.url.path.startswith(_MACHINES) or request.method != "GET"
    if machine or wants_json(request):
        return False
    return any(_weights(request).get(kind, 0) > 0 for kind in _HTML)


def _weights(request: Request) -> dict[str, float]:
    """The media ranges of Accept with their q; what cannot be read counts as 0."""
    weights = {}
    for part in request.headers.get("accept", "*/*").lower().split(","):
        name, *parameters = (word.strip() for word in part.split(";"))
        q = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        weights[name] = float(q) if re.fullmatch(r"[01](\.\d{0,3})?", q) else 0.0
    return weights


def _weight(weights: Mapping[str, float], kind: str) -> float:
    """The q of a media type; the most exact range counts (RFC 9110)."""
    ranges = (kind, f"{kind.partition('/')[0]}/*", "*/*")
    return next((weights[name] for name in ranges if name in weights), 0.0)
