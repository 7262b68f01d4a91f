"""Pages in both directions, the same for ever while alerts come in; cursors of other processes."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests import packets
from tests.app import sky
from tests.app.conftest import Served, fresh_archive, serving, take_in

TOPIC = "ztf_20260131_programid1"
SORTS = ["-jd", "jd", "candid", "-candid", "object_id", "-object_id", "lco_id", "-lco_id"]
SORTS_NEAR = ["rb", "-rb", "magpsf", "-magpsf", "ssnamenr", "-ssnamenr", "isdiffpos", "fid"]
POLE = {"cone": "0,90,2"}
EVERY_SORT = [*((sort, {}) for sort in SORTS), *((sort, POLE) for sort in SORTS_NEAR)]


@pytest.fixture
async def growing() -> AsyncIterator[Served]:
    """An archive of this test alone, whose alerts may become more."""
    async with fresh_archive() as settings:
        await take_in(settings, sky.first_batch(), TOPIC)
        async with serving(settings) as client:
            yield Served(client, settings)


async def there(served: Served, query: dict[str, Any]) -> list[dict[str, Any]]:
    """All pages, first to last."""
    pages = [await served.alerts(query)]
    while pages[-1]["next"] is not None:
        pages.append(await served.alerts(query | {"cursor": pages[-1]["next"]}))
    return pages


async def back(served: Served, query: dict[str, Any], last: Any) -> list[dict[str, Any]]:
    """All pages, from the last to the first."""
    pages = [last]
    while pages[-1]["prev"] is not None:
        pages.append(await served.alerts(query | {"cursor": pages[-1]["prev"]}))
    return pages


def rows(pages: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    return [page["items"] for page in pages]


@pytest.mark.parametrize(("sort", "near"), EVERY_SORT)
async def test_back_is_the_inverse_of_there(
    served: Served, sort: str, near: dict[str, str]
) -> None:
    query: dict[str, Any] = {"sort": sort, "limit": 23 if near else 40} | near
    forward = await there(served, query)
    assert len(forward) > 2
    assert forward[0]["prev"] is None
    backward = await back(served, query, forward[-1])
    assert rows(backward[::-1]) == rows(forward)
    assert all(page["next"] for page in backward[1:])
    again = await served.alerts(query | {"cursor": backward[-1]["next"]})
    assert again["items"] == forward[1]["items"]


async def test_the_page_before_the_second_ends_where_the_archive_does(served: Served) -> None:
    """With another limit the first page is short, and says that nothing is before it."""
    second = await served.alerts(
        {"limit": 5, "cursor": (await served.alerts({"limit": 5}))["next"]}
    )
    first = await served.alerts({"limit": 50, "cursor": second["prev"]})
    assert (len(first["items"]), first["prev"]) == (5, None)
    following = await served.alerts({"limit": 5, "cursor": first["next"]})
    assert following["items"] == second["items"]


def newcomers(number: int) -> list[bytes]:
    """Alerts that would stand before, between and after the others in every order."""
    base = [sky.BASE - 10**17, sky.BASE + 7 + 10_000_000_000, sky.BASE + 9 * 10**17]
    return [
        packets.packet(
            candid=candid + number * 10**13,
            ra=30.0 * n,
            dec=89.5,
            object_id=f"ZTF{n * 13:02d}new{number:04d}",
            magpsf=15.05 + n,
            rb=None if n == 1 else 0.3 * n,
            cutouts=None,
        )
        for n, candid in enumerate(base)
    ]


@pytest.mark.parametrize(("sort", "near"), EVERY_SORT[::3])
async def test_the_same_for_ever(growing: Served, sort: str, near: dict[str, str]) -> None:
    """A writer takes alerts in between any two pages."""
    query: dict[str, Any] = {"sort": sort, "limit": 30} | near
    quiet = await there(growing, query)
    page, seen, number = await growing.alerts(query), [], 0
    while True:
        number += 1
        await take_in(growing.settings, newcomers(number), TOPIC, 1000 + 10 * number)
        seen.append(page)
        if page["next"] is None:
            break
        page = await growing.alerts(query | {"cursor": page["next"]})
    assert rows(seen) == rows(quiet)
    assert rows(await back(growing, query, seen[-1]))[::-1] == rows(quiet)
    assert {p["as_of"] for p in seen} == {1}
    assert rows(await there(growing, query | {"as_of": 1})) == rows(quiet)
    now = [item for items in rows(await there(growing, query)) for item in items]
    assert len(now) == sum(map(len, rows(quiet))) + 3 * number


async def test_links_lead_both_ways(served: Served) -> None:
    query: dict[str, Any] = {"limit": 3, "cone": "0,90,1d"}
    body = await served.alerts(query)
    answer = await served.client.get("/api/v1/alerts", params=query | {"cursor": body["next"]})
    found = {}
    for link in answer.headers["link"].split(", <"):
        address, relation = link.strip("<").split(">; ")
        found[relation] = address
        assert parse_qs(urlsplit(address).query)["cone"] == ["0,90,1d"]
    assert list(found) == ['rel="next"', 'rel="prev"']
    before = await served.client.get(found['rel="prev"'])
    assert before.json()["items"] == body["items"]


async def test_tables_lead_back_too(served: Served) -> None:
    query: dict[str, Any] = {"limit": 3, "format": "csv", "fields": "candid"}
    first = await served.client.get("/api/v1/alerts", params=query)
    onward = query | {"cursor": first.headers["x-next-cursor"]}
    second = await served.client.get("/api/v1/alerts", params=onward)
    address = second.headers["link"].split(", <")[1].split(">")[0]
    assert (await served.client.get(address)).text == first.text
    short = await served.client.get(address.replace("limit=3", "limit=900"))
    assert short.text == first.text
    refused = await served.client.get(address.replace("limit=3", "limit=1001"))
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["parameter"] == "limit"


def test_a_cursor_outlives_its_process() -> None:
    """Another process, with other addresses and other hashes, has the same digest of a search."""
    code = (
        "from app.search.search import parse_search\n"
        "print(parse_search([('rb__gte', '0.5'), ('filter__in', 'g,r'), ('ra__gt', '350'), "
        "('ra__lt', '10'), ('polygon', '0,0,1,0,1,1'), ('sort', 'rb')]).digest)"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 16
