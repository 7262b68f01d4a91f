"""HEAD on every address answers as GET does, but for the body."""

import httpx
import pytest

from tests.app import sky
from tests.app.addresses import addresses
from tests.app.conftest import Served

FORMATS = ("?format=csv", "?format=parquet&limit=1000", "?format=jsonl&limit=1001")
OF_ONE_ANSWER = {"date", "x-request-id", "content-length", "transfer-encoding"}
"""Headers that differ from one answer to the next, or that RFC 9110 lets a HEAD leave out."""


def said(answer: httpx.Response) -> dict[str, str]:
    return {n: v for n, v in answer.headers.items() if n not in OF_ONE_ANSWER}


async def check(served: Served, path: str, headers: dict[str, str]) -> int:
    """How long the body of the GET is."""
    whole = await served.client.get(path, headers=headers)
    for more in ({}, {"Range": "bytes=0-9"}, {"Range": "bytes=999999999-"}):
        head = await served.client.head(path, headers=headers | more)
        assert (head.status_code, said(head)) == (whole.status_code, said(whole)), (path, more)
        assert head.content == b""
        # A compressed body is as long as it was sent, not as long as it reads.
        length = head.headers.get("content-length")
        assert length in (None, whole.headers.get("content-length")), (path, more)
    return len(whole.content)


@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_head_is_get_without_the_body(served: Served, coding: str) -> None:
    asked = [address.path for address in addresses("GET") if address.path != "/metrics"]
    lengths = [await check(served, path, {"Accept-Encoding": coding}) for path in asked]
    assert sum(length > 0 for length in lengths) > len(asked) / 2
    for path in ("/api/v1/alerts", "/api/v1/nights", "/api/v1/fields"):
        for query in FORMATS[: 3 if path == "/api/v1/alerts" else 1]:
            await check(served, path + query, {"Accept-Encoding": coding})


async def test_every_get_route_has_head(served: Served) -> None:
    for address in {a._replace(method="") for a in addresses("GET")}:
        head = await served.client.head(address.path)
        assert head.status_code != 405, address


async def test_the_length_is_the_true_one_where_it_is_known(served: Served) -> None:
    head = await served.client.head(
        f"/api/v1/alerts/{sky.FIRST}/avro", headers={"Range": "bytes=0-9"}
    )
    assert int(head.headers["content-length"]) == len(sky.curve_packet(sky.FIRST))
    zipped = await served.client.head(f"/api/v1/objects/{sky.OBJECT}/cutouts.zip")
    assert "content-length" not in zipped.headers
