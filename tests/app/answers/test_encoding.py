"""Compression: the coding that the client likes best, whole and streamed."""

import zlib
from typing import Any

import cramjam
import pytest
from fastapi import Request

from app.alerts.output import exports
from app.answers.encoding import CODINGS
from app.answers.negotiation import accepts_gzip
from tests.app.conftest import Served

ALERTS = "/api/v1/alerts"


def expanded(coding: str, data: bytes) -> bytes:
    if coding == "gzip":
        engine = zlib.decompressobj(31)
        plain = engine.decompress(data)
        assert engine.eof
        return plain
    return bytes({"zstd": cramjam.zstd, "br": cramjam.brotli}[coding].decompress(data))


async def raw(served: Served, accepted: str, **query: Any) -> tuple[dict[str, str], bytes]:
    headers = {"Accept-Encoding": accepted}
    async with served.client.stream("GET", ALERTS, params=query, headers=headers) as answer:
        return dict(answer.headers), b"".join([piece async for piece in answer.aiter_raw()])


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "gzip"),
        ("br", "br"),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", "br"),
        ("gzip;q=0.5, zstd;q=0.4", "gzip"),
        ("*", "zstd"),
        ("zstd;q=0, *", "gzip"),
        ("x-gzip", "gzip"),
        ("GZIP", "gzip"),
        ("deflate", None),
        ("identity", None),
        ("gzip;q=0", None),
        ("identity;q=1, gzip;q=0.5", None),
        ("gzip;q=nonsense", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("name", ["json", "csv", "votable", "jsonl"])
async def test_the_best_liked_coding(
    served: Served, accepted: str, coding: str | None, name: str
) -> None:
    _, plain = await raw(served, "identity", format=name)
    headers, data = await raw(served, accepted, format=name)
    assert headers.get("content-encoding") == coding
    assert (expanded(coding, data) if coding else data) == plain
    assert "Accept-Encoding" in headers["vary"]


async def test_gzip_refused_by_name_is_refused() -> None:
    scope = {"type": "http", "headers": [(b"accept-encoding", b"gzip;q=0, *")]}
    assert not accepts_gzip(Request(scope))
    assert accepts_gzip(Request(scope | {"headers": [(b"accept-encoding", b"x-gzip")]}))


async def test_an_etag_for_each_coding(served: Served) -> None:
    tags = [(await raw(served, c))[0]["etag"] for c in ("identity", "gzip", "zstd", "br")]
    assert len(set(tags)) == 4
    answer = await served.client.get(
        ALERTS, headers={"If-None-Match": tags[2], "Accept-Encoding": "zstd"}
    )
    assert answer.status_code == 304


async def test_what_is_compressed_stays(served: Served) -> None:
    headers, data = await raw(served, "zstd, gzip", format="parquet")
    assert "content-encoding" not in headers
    assert data.startswith(b"PAR1")


@pytest.mark.parametrize("coding", [c.name for c in CODINGS])
@pytest.mark.parametrize("name", ["csv", "votable", "jsonl"])
async def test_streams(
    served: Served, coding: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "CHUNK", 20)
    _, plain = await raw(served, "identity", format=name, limit=5000)
    headers, data = await raw(served, coding, format=name, limit=5000)
    assert headers["content-encoding"] == coding
    assert expanded(coding, data) == plain
    assert len(data) < len(plain) / 2
