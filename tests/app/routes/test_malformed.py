"""Requests that no honest client sends, byte for byte: a problem document, and never a 500."""

import asyncio
from urllib.parse import urlsplit

import orjson
import pytest

from tests.app import sky
from tests.app.conftest import Served

ALERTS, MATCH = "/api/v1/alerts", "/api/v1/match?radius=1"
AVRO = f"/api/v1/alerts/{sky.FIRST}/avro"


async def send(served: Served, request: bytes) -> tuple[int, str, bytes]:
    """Status, media type and body of the answer to these very bytes."""
    port = urlsplit(str(served.client.base_url)).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    lines = head.decode("latin-1").lower().split("\r\n")
    kinds = [line.partition(": ")[2] for line in lines if line.startswith("content-type")]
    return int(lines[0].split()[1]), kinds[0].partition(";")[0], body


def get(target: str, *headers: bytes) -> bytes:
    lines = [f"GET {target} HTTP/1.1".encode(), b"Host: x", b"Connection: close", *headers]
    return b"\r\n".join([*lines, b"", b""])


def post(body: bytes, *headers: bytes) -> bytes:
    length = b"Content-Length: %d" % len(body)
    lines = [f"POST {MATCH} HTTP/1.1".encode(), b"Host: x", b"Connection: close", length, *headers]
    return b"\r\n".join([*lines, b"", body])


JSON, XML = b"Content-Type: application/json", b"Content-Type: application/x-votable+xml"
CASES = [
    (get(f"{ALERTS}/%ff%fe"), 404),
    (get(f"{ALERTS}/%ed%a0%80"), 404),
    (get("/api/v1/objects/a%00b"), 404),
    (get("/objects/%ed%a0%80/"), 404),
    (get("/api/v1/resolve?name=%ed%a0%80%00"), 422),
    (get("/api/v1/resolve?name=m31&name=m33"), 422),
    (get(f"{ALERTS}?object_id=a%00b"), 422),
    (get(f"{ALERTS}?object_id={'a' * 60_000}"), 422),
    (get(f"{ALERTS}?limit=1&limit=2"), 422),
    (get(f"{ALERTS}?limit={'9' * 5000}"), 422),
    (get(f"{ALERTS}?ra__gt=1e999999999"), 422),
    (get(f"{ALERTS}?{'a=1&' * 10_000}"), 422),
    (get("/?objectId=%00&format=json"), 400),
    (get(AVRO, b"Range: bytes=999999999-"), 416),
    (b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404),
    (post(b"[]"), 415),
    (post(b"[]", b"Content-Type: \xff\xfe"), 415),
    (post(b"[]", b"Content-Type: application/octet-stream"), 415),
    (post(b"", JSON), 400),
    (post(b'[{"ra":1,"dec":2,"id":"\xff"}]', JSON), 400),
    (post(b'[{"ra":1,"dec":2,"id":"\\ud800"}]', JSON), 422),
    (post(b'[{"ra":1e400,"dec":2}]', JSON), 422),
    (post(b'[{"ra":' + b"9" * 5000 + b',"dec":2}]', JSON), 400),
    (post(b'[{"ra":NaN,"dec":2}]', JSON), 400),
    (post(b"[" * 100_000, JSON), 400),
    (post(b"\x1f\x8b\x08\x00", JSON, b"Content-Encoding: gzip"), 400),
    (post(b'<?xml version="1.0" encoding="nonsense"?><VOTABLE/>', XML), 400),
    (post("<VOTABLE/>".encode("utf-16"), XML), 400),
]


@pytest.mark.parametrize(("request_bytes", "status"), CASES)
async def test_it_is_refused_with_a_problem(
    served: Served, request_bytes: bytes, status: int
) -> None:
    got, kind, body = await send(served, request_bytes)
    assert (got, kind) == (status, "application/problem+json"), body[:500]
    assert orjson.loads(body)["status"] == status


@pytest.mark.parametrize(
    "headers",
    [
        [b"Accept: \xff;q=x,,,"],
        [b"If-None-Match: \xff"],
        [b"X-Forwarded-For: \xff"],
        [b"X-Request-ID: \xff"],
        [b"X-A: " + b"a" * 100_000],
        [b"X-%d: a" % n for n in range(2000)],
    ],
)
async def test_headers_that_cannot_be_read_are_as_good_as_none(
    served: Served, headers: list[bytes]
) -> None:
    got, kind, _ = await send(served, get(f"{ALERTS}?limit=1", *headers))
    assert (got, kind) == (200, "application/json")


@pytest.mark.parametrize(
    "request_bytes",
    [
        get(f"{ALERTS}?object_id=\xff"),
        get(f"{ALERTS}?object_id={'a' * 100_000}"),
        b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    ],
)
async def test_what_is_no_http_the_server_refuses_before_the_app(
    served: Served, request_bytes: bytes
) -> None:
    """uvicorn's own words: its parser gives up, so there is no request to answer with a problem."""
    got, kind, body = await send(served, request_bytes)
    assert (got, kind, body) == (400, "text/plain", b"Invalid HTTP request received.")
