"""A real HTTP proxy before the S3 server, which misbehaves as its switch says."""

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Final

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

SLOW_S: Final = 1.0
"""Before an answer, and before each half of its body."""
_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "expect"})
"""Headers of one connection alone."""
_REFUSED: Final = "<?xml version='1.0'?><Error><Code>{}</Code><Message>{}</Message></Error>"


class Mode(StrEnum):
    """What the proxy does with a request."""

    WELL = "hands it on"
    FAILS = "answers 500"
    REFUSES = "answers 503"
    FORBIDS = "answers 403"
    SLOW = "answers slowly"
    RESETS = "resets connections"
    PARTIAL = "breaks bodies off"
    SILENT = "never answers"


_ERRORS: Final = {
    Mode.FAILS: (500, "InternalError"),
    Mode.REFUSES: (503, "SlowDown"),
    Mode.FORBIDS: (403, "AccessDenied"),
}


class Proxy:
    """The proxy, its switch, and what met it while it misbehaved."""

    def __init__(self, target: str, session: aiohttp.ClientSession) -> None:
        self.address = ""
        self.mode = Mode.WELL
        self.met: Counter[str] = Counter()
        """Requests by method."""
        self._target = target
        self._session = session

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One request, as the switch stands when it comes."""
        mode = self.mode
        if mode is Mode.WELL:
            return await self._hand_on(request, await request.read())
        self.met[request.method] += 1
        return await _WAYS[mode](self, request)

    async def _refuse(self, request: web.Request) -> web.StreamResponse:
        status, code = _ERRORS[self.mode] if self.mode in _ERRORS else _ERRORS[Mode.FAILS]
        await request.read()
        text = "" if request.method == "HEAD" else _REFUSED.format(code, self.mode)
        return web.Response(status=status, text=text, content_type="application/xml")

    async def _reset(self, request: web.Request) -> web.StreamResponse:
        """A packet of TCP with RST, in the midst of a body where there is one."""
        await request.content.read(1)
        _cut(request)
        return web.Response()

    async def _stay_silent(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        await asyncio.sleep(3600)  # its client gives up; then aiohttp cancels this
        return web.Response()

    async def _slowly(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        await asyncio.sleep(SLOW_S)
        return await self._hand_on(request, body, pause=SLOW_S)

    async def _break_off(self, request: web.Request) -> web.StreamResponse:
        """Half of a body comes: of a put at the server, of a get at the client."""
        body = await request.read()
        if request.method == "PUT":
            await self._begin(request, body)
            _cut(request)
            return web.Response()
        return await self._hand_on(request, body, cut=request.method == "GET")

    async def _hand_on(
        self, request: web.Request, body: bytes, *, pause: float = 0.0, cut: bool = False
    ) -> web.StreamResponse:
        async with self._asked(request, body) as told:
            whole = await told.read()
            answer = web.StreamResponse(status=told.status, headers=_kept(told.headers))
            answer.content_length = int(told.headers.get("Content-Length", len(whole)))
            await answer.prepare(request)
            middle = len(whole) // 2
            await answer.write(whole[:middle])
            if cut and whole:
                await asyncio.sleep(0.05)  # what was sent arrives before the end does
                _cut(request)
                return answer
            await asyncio.sleep(pause if whole else 0)
            await answer.write(whole[middle:])
            await answer.write_eof()
            return answer

    def _asked(self, request: web.Request, body: bytes) -> "aiohttp.client._RequestContextManager":
        # The signature is of this path and these headers, so they go on as they came.
        place = URL(self._target + request.raw_path, encoded=True)
        headers = _kept(request.headers)
        return self._session.request(request.method, place, headers=headers, data=body or None)

    async def _begin(self, request: web.Request, body: bytes) -> None:
        """Send half of what was announced, and close."""
        where = URL(self._target)
        _, writer = await asyncio.open_connection(where.host, where.port)
        head = [f"PUT {request.raw_path} HTTP/1.1"]
        head += [f"{name}: {value}" for name, value in _kept(request.headers).items()]
        writer.write("\r\n".join([*head, "", ""]).encode() + body[: len(body) // 2])
        await writer.drain()
        writer.close()


_WAYS: Final[dict[Mode, Callable[[Proxy, web.Request], Awaitable[web.StreamResponse]]]] = {
    Mode.FAILS: Proxy._refuse,
    Mode.REFUSES: Proxy._refuse,
    Mode.FORBIDS: Proxy._refuse,
    Mode.SLOW: Proxy._slowly,
    Mode.RESETS: Proxy._reset,
    Mode.PARTIAL: Proxy._break_off,
    Mode.SILENT: Proxy._stay_silent,
}


def _kept(headers: "CIMultiDict[str] | object") -> CIMultiDict[str]:
    kept: CIMultiDict[str] = CIMultiDict(headers)  # type: ignore[arg-type]
    for name in _HOP:
        kept.popall(name, None)
    return kept


def _cut(request: web.Request) -> None:
    """End the connection by RST."""
    if request.transport is not None:
        held = request.transport.get_extra_info("socket")
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()


@asynccontextmanager
async def misbehaving(port: int) -> AsyncIterator[Proxy]:
    """A proxy of the server at a port of loopback; it behaves well at first."""
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        proxy = Proxy(f"http://127.0.0.1:{port}", session)
        app = web.Application(client_max_size=2**30)  # an application answers `Expect`
        app.router.add_route("*", "/{path:.*}", proxy.answer)
        runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            proxy.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield proxy
        finally:
            await runner.cleanup()
