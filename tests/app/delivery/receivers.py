"""Receivers on loopback: real sockets, with good manners or with bad ones."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
from standardwebhooks import Webhook

from app.delivery.messages import CHALLENGE

HANGS_S = 120


@dataclass(frozen=True)
class Request:
    """What arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def told(self) -> Any:
        return orjson.loads(self.body)["data"]

    @property
    def is_challenge(self) -> bool:
        return bool(orjson.loads(self.body)["type"] == CHALLENGE)

    def verify(self, secret: str) -> None:
        Webhook(secret).verify(self.body, self.headers)


Behaviour = Callable[[Request, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@dataclass
class Receiver:
    """Keeps what arrives; answers challenges, and messages as its behaviour does."""

    behaviour: Behaviour
    address: str = ""
    connections: int = 0
    requests: list[Request] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def messages(self) -> list[Request]:
        return [one for one in self.requests if not one.is_challenge]

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for what makes it true."""
        async with asyncio.timeout(HANGS_S), self.arrived:
            await self.arrived.wait_for(true)

    async def until_messages(self, count: int) -> list[Request]:
        await self.until(lambda: len(self.messages) >= count)
        return self.messages

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            request = await _read(reader)
            async with self.arrived:
                self.requests.append(request)
                self.arrived.notify_all()
            await until_either(
                (agree if request.is_challenge else self.behaviour)(request, writer),
                reader.read(),  # ends when the sender leaves
            )
        writer.close()


async def until_either(*doings: Coroutine[Any, Any, Any]) -> None:
    tasks = [asyncio.create_task(one) for one in doings]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers["content-length"]))
    return Request(first.split()[1], headers, body)


def answer(status: int, body: bytes = b"", more: str = "") -> Behaviour:
    """A receiver that answers so."""

    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    return behave


async def agree(request: Request, writer: asyncio.StreamWriter) -> None:
    """To the challenge."""
    word = orjson.dumps({"challenge": request.told["challenge"]})
    await answer(200, word)(request, writer)


take = answer(204)


async def hang(request: Request, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def close(request: Request, writer: asyncio.StreamWriter) -> None:
    """In the middle of an answer."""
    writer.write(b"HTTP/1.1 20")
    await writer.drain()


async def answer_half(request: Request, writer: asyncio.StreamWriter) -> None:
    """Less of a body than was promised."""
    word = request.told.get("challenge", "")
    writer.write(f"HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\n{word}".encode())
    await writer.drain()


async def reset(request: Request, writer: asyncio.StreamWriter) -> None:
    """The connection, without an answer."""
    taken = writer.get_extra_info("socket")
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def swell(request: Request, writer: asyncio.StreamWriter) -> None:
    """Ten megabytes of one header."""
    writer.write(b"HTTP/1.1 200 X\r\nA: " + b"b" * 10_000_000 + b"\r\n\r\n")
    await writer.drain()


async def drip(request: Request, writer: asyncio.StreamWriter) -> None:
    """Headers without an end, one by one: no single wait is long."""
    writer.write(b"HTTP/1.1 200 X\r\n")
    while True:
        writer.write(b"A: b\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


def endless(status: int) -> Behaviour:
    """A body without an end, as fast as anyone takes it."""

    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 1000000000\r\n\r\n".encode())
        while True:
            writer.write(b" " * 65536)
            await writer.drain()

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Each once, the last from then on."""
    left = list(behaviours)

    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(request, writer)

    return behave


@asynccontextmanager
async def receiving(
    behaviour: Behaviour = take, certificate: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    receiver = Receiver(behaviour)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=certificate)
    port = server.sockets[0].getsockname()[1]
    receiver.address = f"{'https' if certificate else 'http'}://127.0.0.1:{port}/hook"
    try:
        yield receiver
    finally:
        server.close()
