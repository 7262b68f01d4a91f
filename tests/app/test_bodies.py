"""Bodies that come slowly, never end or lie about their length, at every route that takes one."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import pytest

from app import bounds
from app.bounds import Body
from tests.app.addresses import Address, addresses
from tests.app.conftest import Served

METHODS: Final = ("POST", "PUT", "PATCH")
MAX_BYTES: Final = 2000
MAX_SECONDS: Final = 0.3
PATIENCE_S: Final = 20.0
"""How long a test waits for what must come."""
CHUNKED: Final = "Transfer-Encoding: chunked"
REFUSED: Final = (400, 413)
"""MARS's own address answers 400 to what is too large."""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that a test can reach; they are looked up for each request."""
    body = Body(MAX_BYTES, MAX_SECONDS)
    monkeypatch.setattr(bounds, "ANY_BODY", body)
    monkeypatch.setattr(bounds, "BODIES", dict.fromkeys(bounds.BODIES, body))
    monkeypatch.setattr(bounds, "LINGER_S", 0.2)


class Told(NamedTuple):
    status: int
    head: str
    body: bytes


async def blanks(chunked: bool = False, apart_s: float = 0.0) -> AsyncIterator[bytes]:
    """JSON that does not begin: piece after piece, as long as somebody takes them."""
    piece = b" " if apart_s else b" " * 500
    while True:
        yield b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
        await asyncio.sleep(apart_s)


async def nothing() -> AsyncIterator[bytes]:
    return
    yield b""


async def exchange(
    served: Served, address: Address, header: str, pieces: AsyncIterator[bytes]
) -> Told:
    """The answer to a body of these pieces, once the server has ended the connection."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", urlsplit(str(served.client.base_url)).port
    )
    lines = [
        f"{address.method} {address.path}?radius=1 HTTP/1.1",
        *("Host: x", "Content-Type: application/json", header, "", ""),
    ]
    writer.write("\r\n".join(lines).encode())

    async def send() -> None:
        async for piece in pieces:
            writer.write(piece)
            await writer.drain()

    sending, answer = asyncio.create_task(send()), bytearray()
    try:
        async with asyncio.timeout(PATIENCE_S):
            # Who goes on sending into a closed connection has it reset, the answer in hand.
            with suppress(ConnectionResetError):
                while piece := await reader.read(65_536):
                    answer += piece
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        writer.close()
    head, _, body = bytes(answer).partition(b"\r\n\r\n")
    return Told(int(head.split()[1]), head.decode().lower(), body)


def taking_a_body() -> list[Address]:
    found = addresses(*METHODS)
    assert {address.path for address in found} >= {"/", *bounds.BODIES}
    return found


@pytest.mark.parametrize("address", taking_a_body())
async def test_a_slow_body_is_given_up(served: Served, address: Address) -> None:
    length = "Content-Length: 1000"
    answers = await asyncio.gather(
        exchange(served, address, length, blanks(apart_s=0.1)),
        exchange(served, address, CHUNKED, blanks(chunked=True, apart_s=0.1)),
        exchange(served, address, length, nothing()),
        exchange(served, address, CHUNKED, nothing()),
    )
    for told in answers:
        assert told.status == 408, told
        assert b"the body took longer than 0.3 s to arrive" in told.body
        assert "connection: close" in told.head


async def test_a_body_without_end_is_given_up(served: Served) -> None:
    for address in taking_a_body():
        told = await exchange(served, address, CHUNKED, blanks(chunked=True))
        assert told.status in REFUSED, (address, told)
        assert b"the body is too large: at most 2,000 bytes are allowed" in told.body


async def test_a_body_that_says_it_is_too_large_is_not_waited_for(served: Served) -> None:
    for address in taking_a_body():
        told = await exchange(served, address, f"Content-Length: {10**15}", nothing())
        assert told.status in REFUSED, (address, told)
        assert b"the body is too large: at most 2,000 bytes are allowed" in told.body


async def test_a_body_longer_than_it_says_is_read_as_far_as_that(served: Served) -> None:
    for address in taking_a_body():
        told = await exchange(served, address, "Content-Length: 3", blanks())
        assert told.status in (400, 422), (address, told)


@pytest.mark.parametrize("path", ["/healthz", "/", "/api/v1/alerts?format=csv", "/nowhere"])
async def test_a_body_that_nobody_reads_ends_the_connection(served: Served, path: str) -> None:
    for header, pieces in (
        ("Content-Length: 1000", nothing()),
        (CHUNKED, blanks(chunked=True)),
        (CHUNKED, blanks(chunked=True, apart_s=0.05)),
    ):
        told = await exchange(served, Address("GET", path, path), header, pieces)
        assert told.status in (200, 404, 422)
        assert "connection: close" in told.head
        assert told.body


async def test_a_client_that_goes_away_is_no_error_of_ours(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    port = urlsplit(str(served.client.base_url)).port
    for address in taking_a_body():
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"{address.method} {address.path}?radius=1 HTTP/1.1\r\nHost: x\r\n"
        writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 9\r\n\r\n[".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    told = await exchange(served, taking_a_body()[0], "Content-Length: 1000", nothing())
    assert told.status == 408
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_body_within_the_bounds_keeps_the_connection(served: Served) -> None:
    for address in taking_a_body():
        answer = await served.client.request(
            address.method, address.path, params={"radius": 1}, json={"queries": []}
        )
        assert answer.status_code in (200, 400, 422)
        assert answer.headers.get("connection") != "close"
