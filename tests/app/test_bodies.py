"""Bodies at every route that takes one: slow, without end, longer than they say, gzipped."""

import asyncio
import gzip
import logging
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import bounds
from app.bounds import Body
from app.errors import BadBody
from app.gunzip import Gunzip
from tests.app import sky
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


SECRET_FIRST: Final = ("/api/v1/watches/{watch}",)
"""Of strangers nothing is read there: tests/app/watches knows the secret."""


def taking_a_body() -> list[Address]:
    found = [one for one in addresses(*METHODS) if one.pattern not in SECRET_FIRST]
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


# -------------------------------------------------------------------------------------------------
# Gzipped
# -------------------------------------------------------------------------------------------------


def expand(body: bytes, sent: int, most: int) -> bytes:
    """What is read of a body that comes in pieces of `sent` bytes."""
    gunzip, found = Gunzip(), bytearray()
    for start in range(0, len(body), sent):
        gunzip.feed(body[start : start + sent])
        while piece := gunzip.read(most):
            assert len(piece) <= most
            found += piece
    gunzip.check_end()
    return bytes(found)


@given(
    st.lists(st.binary(max_size=300) | st.integers(0, 9000).map(bytes), min_size=1, max_size=4),
    st.integers(1, 500),
    st.sampled_from([1, 7, 258, 65_536]),
)
def test_gzip_is_expanded_however_it_comes(members: list[bytes], sent: int, most: int) -> None:
    body = b"".join(map(gzip.compress, members))
    assert expand(body, sent, most) == b"".join(members)
    with pytest.raises(BadBody, match="gzip"):
        expand(body[:-1], sent, most)
    with pytest.raises(BadBody, match="gzip"):
        expand(body + b"x", sent, most)


GZIPPED: Final = {"content-encoding": "gzip"}
POSITION: Final = b'{"positions": [{"id": "a", "ra": 150, "dec": 30, "radius": 1}]}'


@pytest.mark.parametrize("coding", ["gzip", "X-GZIP"])
async def test_a_gzipped_body_is_read_as_a_plain_one(served: Served, coding: str) -> None:
    bulk = b'{"queries": [{"candid": %d}]}' % sky.FIRST
    for path, kind, body in (
        ("/", "application/json", bulk),
        ("/api/v1/match?limit=3", "application/json", POSITION),
        ("/api/v1/match?limit=3", "text/csv", b"id,ra,dec,radius\na,150,30,1\n"),
    ):
        plain = {"content-type": kind}
        wanted = await served.client.post(path, content=body, headers=plain)
        assert wanted.status_code == 200
        squeezed = plain | {"content-encoding": coding}
        answer = await served.client.post(path, content=gzip.compress(body), headers=squeezed)
        assert (answer.status_code, answer.json()) == (200, wanted.json())
    headers = plain | GZIPPED
    job = await served.client.post(
        "/api/v1/match/jobs", content=gzip.compress(body), headers=headers
    )
    assert (job.status_code, job.json()["positions"]) == (202, 1)
    await served.client.delete(f"/api/v1/jobs/{job.json()['id']}")


async def test_a_gzipped_body_is_bounded_by_what_it_expands_to(served: Served) -> None:
    """Ten megabytes in ten kilobytes, and as much in one piece."""
    bomb = gzip.compress(b" " * 10_000_000)[: MAX_BYTES - 1]
    for address in taking_a_body():
        answer = await served.client.request(
            address.method,
            address.path,
            params={"radius": 1},
            content=bomb,
            headers=GZIPPED | {"content-type": "application/json"},
        )
        assert answer.status_code in REFUSED, (address, answer.text)
        assert "at most 2,000 bytes are allowed" in answer.text


@pytest.mark.parametrize(
    "body", [b"{}", b"", gzip.compress(POSITION, mtime=0)[:-1], b"\x1f\x8b" + POSITION]
)
async def test_what_is_no_gzip_is_said_to_be_none(served: Served, body: bytes) -> None:
    for address in taking_a_body():
        headers = GZIPPED | {"content-type": "application/json"}
        answer = await served.client.request(
            address.method, address.path, params={"radius": 1}, content=body, headers=headers
        )
        # Cone search answers 200 to what is no search (1.03, section 2.3), DataLink to no ids.
        is_answer = not body and address.path in ("/vo/scs", "/vo/datalink/links")
        # A form on the page of a watch is looked at with its watch, which this app does not keep.
        is_form = not body and re.search("/watches/.*/(webhook|mail)/", address.path)
        refused = (200,) if is_answer else (503,) if is_form else (400, 422)
        assert answer.status_code in refused, (address, answer.text)
        assert "gzip" in answer.text or not body


@pytest.mark.parametrize("coding", ["br", "deflate", "zstd", "gzip, gzip", "nonsense"])
async def test_other_codings_are_refused_with_the_one_that_is_read(
    served: Served, coding: str
) -> None:
    for address in taking_a_body():
        headers = {"content-encoding": coding, "content-type": "application/json"}
        answer = await served.client.request(
            address.method, address.path, params={"radius": 1}, content=b"{}", headers=headers
        )
        assert answer.status_code == 415, (address, answer.text)
        assert "Content-Encoding must be gzip" in answer.text
        assert answer.headers["accept-encoding"] == "gzip"
