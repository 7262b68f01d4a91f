"""What one request may bring: bounds on its headers, its parameters and its body.

They stand before every route, so that none can forget them. The address, 64 kB at most, is bounded
by the server, one value by values.py, and the number of requests by ratelimit.py.
"""

import asyncio
from contextlib import suppress
from http import HTTPStatus
from typing import Final, NamedTuple

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import BadBody, BodyTooLarge, BodyTooSlow, RequestError, UnknownCoding
from app.gunzip import Gunzip
from app.problems import problem_response

MAX_HEADERS: Final = 131_072
"""Bytes of all headers, each with 32 more, as HTTP/2 counts them (RFC 9113, section 6.5.2)."""
_OF_A_HEADER: Final = 32
MAX_PARAMETERS: Final = 64
"""Parameters in an address; `where` is not among them and may be there as often again."""


class Body(NamedTuple):
    """How much a body may hold, expanded too, and how long all in all it may be waited for."""

    max_bytes: int
    max_seconds: float


ANY_BODY: Final = Body(1_000_000, 60.0)
BODIES: Final[dict[str, Body]] = {
    "/api/v1/match": Body(5_000_000, 60.0),
    "/api/v1/match/jobs": Body(200_000_000, 900.0),
    "/api/v1/search/jobs": Body(100_000, 30.0),
    "/api/v1/regions": Body(5_100_000, 60.0),
    "/regions/": Body(5_100_000, 60.0),
    "/api/v1/watches": Body(5_000_000, 25.0),
    "/watches/": Body(5_100_000, 60.0),
    "/jobs/": Body(100_000, 30.0),
    "/vo/tap/sync": Body(20_000_000, 120.0),
    "/vo/tap/async": Body(20_000_000, 120.0),
}
"""Those of some paths; at all others a body is bounded by ANY_BODY."""
WITH_TOKEN: Final = Body(200_000_000, 900.0)
"""That of a request with an operator's token, once its route has found it to be good."""
_INCOMING: Final = "mars.incoming"
"""Where a scope holds the body that arrives."""
_GZIP: Final = ("gzip", "x-gzip")
_PIECE: Final = 65_536
"""Bytes of a gzipped body that are expanded at a time."""
LINGER_S: Final = 2.0
"""Seconds in which the rest of a body that is not read may come before the connection is closed."""


class Bounds:
    """Refuses what is beyond the bounds, and lets no route wait for a body longer than they say."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # In the scope itself: in a copy nobody outside would see which route was found.
        scope[_INCOMING] = body = _Incoming(scope, receive, send)
        app = _refusal(scope) or self.app
        await app(scope, body.receive, body.send)


def _refusal(scope: Scope) -> ASGIApp | None:
    """The answer to a request beyond a bound; made without reading the part that is too large."""
    size = sum(len(name) + len(value) + _OF_A_HEADER for name, value in scope["headers"])
    if size > MAX_HEADERS:
        detail = f"the headers are too large: at most {MAX_HEADERS:,} bytes are allowed"
        bare = {**scope, "query_string": b"", "headers": []}
        return problem_response(Request(bare), HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail)
    query: bytes = b"&" + scope["query_string"]
    filters = query.count(b"&where=")
    if filters > MAX_PARAMETERS or query.count(b"&") - filters > MAX_PARAMETERS:
        detail = f"too many parameters: at most {MAX_PARAMETERS} are allowed, and as many `where`"
        typed = scope["path"].startswith("/api/")
        status = HTTPStatus.UNPROCESSABLE_ENTITY if typed else HTTPStatus.BAD_REQUEST
        return problem_response(Request({**scope, "query_string": b""}), status, detail)
    return None


def raise_bound(scope: Scope, bound: Body) -> None:
    """Let the body of a request, of which nothing has been read yet, be larger."""
    scope[_INCOMING].bound = bound


class _Incoming:
    """A request's body as it arrives, and the answer, which does not wait for the rest of it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.bound = BODIES.get(scope["path"], ANY_BODY)
        headers = Headers(scope=scope)
        told = headers.get("content-length", "")
        self._told = int(told[:20]) if told.isdecimal() else 0
        self._unread = self._told > 0 or "transfer-encoding" in headers
        self._size, self._waited = 0, 0.0
        self._answered = self._closing = False
        # Without a body there is nothing to expand.
        coding = headers.get("content-encoding", "").strip().lower() if self._unread else ""
        self._gunzip = Gunzip() if coding in _GZIP else None
        self._is_foreign = coding not in ("", "identity", *_GZIP)
        self._expanded = 0

    async def receive(self) -> Message:
        """The next piece, expanded.

        Raises BodyTooLarge, BodyTooSlow, UnknownCoding, BadBody where the client has gone.
        """
        if self._is_foreign:
            return self._end(UnknownCoding("Content-Encoding must be gzip, or be left out"))
        if self._gunzip is not None:
            return await self._receive_gzip(self._gunzip)
        return await self._receive_as_sent()

    async def _receive_gzip(self, gunzip: Gunzip) -> Message:
        try:
            while not (piece := gunzip.read(_PIECE)) and self._unread:
                message = await self._receive_as_sent()
                if message["type"] != "http.request":
                    return message
                gunzip.feed(message.get("body", b""))
            if not piece:
                gunzip.check_end()
                self._gunzip = None
        except BadBody as error:
            return self._end(error)
        self._expanded += len(piece)
        if self._expanded > self.bound.max_bytes:
            return self._end(self._too_large())
        return {"type": "http.request", "body": piece, "more_body": bool(piece)}

    async def _receive_as_sent(self) -> Message:
        if not self._unread:
            return await self._receive()
        if self._told > self.bound.max_bytes:
            return self._end(self._too_large())
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with asyncio.timeout(self.bound.max_seconds - self._waited):
                message = await self._receive()
        except TimeoutError:
            slow = f"the body took longer than {self.bound.max_seconds:g} s to arrive"
            return self._end(BodyTooSlow(slow))
        self._waited += clock() - began
        if message["type"] != "http.request":
            return self._end(BadBody("the connection closed before the whole body arrived"))
        self._size += len(message.get("body", b""))
        if self._size > self.bound.max_bytes:
            return self._end(self._too_large())
        self._unread = message.get("more_body", False)
        return message

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            f"the body is too large: at most {self.bound.max_bytes:,} bytes are allowed"
        )

    def _end(self, error: RequestError) -> Message:
        """Raise the error; once the answer has begun, end the body instead."""
        if not self._answered:
            raise error
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Send the next piece; close the connection after the last if the body has not ended."""
        if message["type"] == "http.response.start":
            self._answered, self._closing = True, self._unread
            if self._closing:
                MutableHeaders(scope=message)["Connection"] = "close"
        elif self._closing and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._linger()
            message = {**message, "body": b""}
        await self._send(message)

    async def _linger(self) -> None:
        """Read what is still arriving: closing the connection at once would lose the answer."""
        left = self.bound.max_bytes
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while left > 0:
                    message = await self._receive()
                    if not message.get("more_body", False):
                        return
                    left -= len(message["body"])
