"""Around every request: its id, HEAD, security headers, the log line, the metrics."""

import logging
import re
import time
import uuid
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.metrics import Metrics
from app.problems import answer_unforeseen

log = logging.getLogger("app.access")

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}", re.ASCII)
_SECURITY: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    # Stamps and answers may be used by any page; CORS says so too.
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
NOT_STARTED: Final = 0
"""The status of a request whose answer has not begun; logged so if the client went away."""
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Surroundings:
    """Wraps routes and error table, so that refused and failed requests are logged too."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, request_id = time.perf_counter(), _request_id(scope)
        method, status = scope["method"], NOT_STARTED
        if head := method == "HEAD":
            # Every GET route answers HEAD: the body is made only if needed, and dropped.
            # Range is GET's alone (RFC 9110, section 14.2).
            whole = [header for header in scope["headers"] if header[0] != b"range"]
            scope = {**scope, "method": "GET", "headers": whole, "head": True}

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in _SECURITY.items():
                    headers.setdefault(name, value)
            elif head:
                message = {**message, "body": b""}
            await send(message)

        try:
            await self.app(scope, receive, answer)
        except Exception as error:
            if status != NOT_STARTED:
                raise
            response = await answer_unforeseen(Request(scope), error)
            await response(scope, receive, answer)
        finally:
            seconds = time.perf_counter() - began
            _count(self._metrics, scope, method, status, seconds)
            told = {"method": method, "path": scope["path"], "status": status}
            log.info(
                "request", extra=told | {"ms": round(seconds * 1e3, 2), "request_id": request_id}
            )


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _count(metrics: Metrics, scope: Scope, method: str, status: int, seconds: float) -> None:
    """Count by the route's pattern: the number of paths is unlimited."""
    route = getattr(scope.get("route"), "path", "none")
    known = method if method in _METHODS else "other"
    metrics.requests.labels(known, route, status).inc()
    metrics.seconds.labels(known, route).observe(seconds)
