"""Small proxies that stand before a real server, as others do where we are run."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from posixpath import normpath
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import httpx

from tests.servers import listening, running

PIECE = 16_384


@dataclass
class Cutting:
    """A proxy that closes connections, and how many it has closed."""

    address: str
    cut: int = 0


@asynccontextmanager
async def cutting(target: str | None, after: int) -> AsyncIterator[Cutting]:
    """A TCP proxy that closes each connection once so many bytes have come back through it."""

    async def back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        most = after
        while most > 0 and (piece := await reader.read(min(PIECE, most))):
            writer.write(piece)
            await writer.drain()
            most -= len(piece)
        if most <= 0:
            proxy.cut += 1
            await asyncio.sleep(0.05)  # What was sent arrives before the end does.

    async with _between(target, lambda: (_carry, back)) as address:
        proxy = Cutting(address)
        yield proxy


@asynccontextmanager
async def thinking(target: str | None, about: bytes, seconds: float) -> AsyncIterator[str]:
    """A TCP proxy that answers a request with these bytes in one piece so much later."""

    def pair() -> tuple[Carry, Carry]:
        waits = False

        async def there(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal waits
            while piece := await reader.read(PIECE):
                waits = about in piece
                writer.write(piece)
                await writer.drain()

        async def back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while piece := await reader.read(PIECE):
                await asyncio.sleep(seconds if waits else 0)
                writer.write(piece)
                await writer.drain()

        return there, back

    async with _between(target, pair) as address:
        yield address


Carry = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""Takes what comes on one side of a connection to the other."""


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(PIECE):
        writer.write(piece)
        await writer.drain()


@asynccontextmanager
async def _between(
    target: str | None, pair: Callable[[], tuple[Carry, Carry]]
) -> AsyncIterator[str]:
    """The address of a proxy before `target`; `pair` tells of each connection what goes there and
    what comes back."""
    assert target is not None
    host, port = urlsplit(target).hostname, urlsplit(target).port
    tasks: set[asyncio.Task[None]] = set()

    async def carried(
        carry: Carry, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        # The other side may close first: that is what a proxy passes on.
        with suppress(ConnectionError), closing(writer):
            await carry(reader, writer)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, ahead = await asyncio.open_connection(host, port)
        there, back = pair()
        for each in (carried(there, reader, ahead), carried(back, behind, writer)):
            task = asyncio.create_task(each)
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class Stripping:
    """A proxy that serves a program below a path, and what it was asked for beside that path."""

    address: str
    """With the path, without a slash behind it."""
    path: str
    client: httpx.AsyncClient
    target: str = ""
    beside: list[str] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request, handed on as nginx does: with the path read, shortened and quoted anew."""
        if scope["type"] != "http":
            return
        asked = unquote(scope["raw_path"].decode())
        clean = normpath(asked).replace("//", "/") + ("/" if asked[1:].endswith("/") else "")
        if not clean.startswith(f"{self.path}/"):
            self.beside.append(clean)
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body"})
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        place = httpx.URL(self.target).copy_with(
            raw_path=quote(clean.removeprefix(self.path)).encode()
            + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        )
        kept = [(name, value) for name, value in scope["headers"] if name != b"connection"]
        work = asyncio.create_task(self._hand_on(scope["method"], place, kept, body, send))
        # A client that goes takes its request with it: a stream would never end otherwise.
        gone = asyncio.create_task(receive())
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        for task in (work, gone):
            task.cancel()
        await asyncio.wait({work, gone})
        if not work.cancelled():
            work.result()

    async def _hand_on(
        self, method: str, place: httpx.URL, kept: Any, body: bytes, send: Any
    ) -> None:
        async with self.client.stream(method, place, headers=kept, content=body) as answer:
            sent = [(k, v) for k, v in answer.headers.raw if k.lower() != b"transfer-encoding"]
            start = {"type": "http.response.start", "status": answer.status_code, "headers": sent}
            await send(start)
            async for chunk in answer.aiter_raw():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body"})


@asynccontextmanager
async def stripping(path: str) -> AsyncIterator[Stripping]:
    """A proxy that takes a path off; its target is to be set once that runs."""
    with listening() as (listener, address):
        async with httpx.AsyncClient(timeout=30, verify=False) as client:
            proxy = Stripping(address + path, path, client)
            async with running(proxy, listener):
                yield proxy
