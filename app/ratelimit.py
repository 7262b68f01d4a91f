"""Requests per client: one token bucket each, and the headers that show its state.

GCRA, the virtual-scheduling form of the bucket (ITU-T I.371, annex A): one time a client is all
the state there is. Headers as draft-ietf-httpapi-ratelimit-headers has them. The limit is one
process's; behind several workers a client has that many buckets.
"""

import math
import time
from http import HTTPStatus
from typing import Final

from cachetools import LRUCache
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.clients import client_of, is_loopback, networks_of
from app.problems import problem_response
from app.settings import Settings

MAX_CLIENTS: Final = 10_000
"""Clients that are remembered; beyond this the one unseen for longest starts afresh."""


class RateLimit:
    """Refuses clients above the limit; loopback has none."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._interval = 1 / settings.rate_limit_per_s if settings.rate_limit_per_s else 0.0
        self._burst = settings.rate_limit_burst
        self._trusted = networks_of(settings.trusted_proxies)
        self._due: LRUCache[str, float] = LRUCache(MAX_CLIENTS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = client_of(scope, self._trusted) if scope["type"] == "http" else ""
        if not self._interval or not client or is_loopback(client):
            await self.app(scope, receive, send)
            return
        left, wait = self._take(client, time.monotonic())
        window = math.ceil(self._burst * self._interval)
        told = {
            "RateLimit-Policy": f'"client";q={self._burst};w={window}',
            "RateLimit": f'"client";r={left};t={math.ceil(wait or self._interval)}',
        }
        if wait:
            retry = {**told, "Retry-After": str(math.ceil(wait))}
            detail = (
                f"too many requests: at most {1 / self._interval:g} a second; wait {wait:.2f} s"
            )
            refusal = problem_response(Request(scope), HTTPStatus.TOO_MANY_REQUESTS, detail, retry)
            await refusal(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(told)
            await send(message)

        await self.app(scope, receive, answer)

    def _take(self, client: str, now: float) -> tuple[int, float]:
        """Requests that are left, and the seconds to wait: 0 if this request may pass."""
        due = max(self._due.get(client, now), now)
        ahead = due - now
        allowed = (self._burst - 1) * self._interval
        passes = ahead <= allowed
        self._due[client] = due + self._interval if passes else due
        left = int((allowed - ahead) / self._interval + 1e-9) if passes else 0
        return left, 0.0 if passes else ahead - allowed
