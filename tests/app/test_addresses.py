"""Every link of every page and answer leads somewhere, whatever alerts and objects are called."""

import html
import re
from collections.abc import Iterator
from itertools import chain, count
from posixpath import normpath
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.addresses import CANDID_DIGITS, alert_address, quote_object_id, unquote_object_id
from archive.surveys.ztf.columns import DERIVED
from tests import packets
from tests.app.conftest import Served, fresh_archive, serving, serving_below, take_in
from tests.app.stored import TEXTS, drawn

(LONGEST,) = (column.longest for column in DERIVED if column.name == "object_id")
HTML = {"accept": "text/html"}
CANDIDS = (1, -1, 7, -5, 10**13, 10**14, -(10**13), 2**63 - 1, -(2**63), 3_310_100_000_000_015_000)
ODD = [
    *(".", "..", "...", "/", "//", "/a", "a/", "a/b", "a//b", "a/../b", "a/alerts", ".\u0301"),
    *("~", "~2e", "~612f62", "%2F", "%2e%2e", "100%", "+", "a?b=c#d", "a;b=c", "a\\..\\b"),
    *(" ", " a ", "ZTF18 abc", "tab\tand\nline", "alerts", "x/cutouts.png", "Röntgen ☄/日本"),
    *("<script>", "\x01\x7f\x85", 'it\'s "quoted"', "\u202eltr"),
]
OTHERS = ("#", "http", "data:")
"""Places on the same page, and on other hosts."""
ENDLESS = ("/?", "/search", "/api/v1/alerts?", "/static/")
"""Searches, and files that are on every page."""
_OBJECTS_SEARCH = re.compile("/[?]objectId=[^&]*")
_HEADING = re.compile("<h1>(.*?)</h1>", re.DOTALL)
# What a form sends is nothing to follow.
_LINK = re.compile(r'(?<! method="post") (?:href|src|action|data-fits|hx-get)="([^"]*)"')


@given(TEXTS)
@example("")
def test_an_object_id_stands_in_a_path_and_comes_back(object_id: str) -> None:
    part = quote_object_id(object_id)
    assert part.isascii()
    assert unquote_object_id(unquote(part)) == object_id
    stays_as_it_is(f"/objects/{part}/")


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_candid_is_no_lco_id_in_a_path(candid: int) -> None:
    part = alert_address(candid).strip("/")
    assert int(part) == candid
    assert len(part.lstrip("-")) >= CANDID_DIGITS


def stays_as_it_is(address: str) -> None:
    """No client and no proxy finds a shorter spelling of the path, before or after it is quoted."""
    path = unquote(urlsplit(address).path)
    assert path == "/" or normpath(path) == path.removesuffix("/"), address


def texts_of(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts_of(inner)


def links_of(answer: httpx.Response, base: str) -> Iterator[str]:
    """Where an answer leads, which is nowhere on this host but below `base`."""
    kind = answer.headers["content-type"].partition(";")[0]
    found = [link["url"] for link in answer.links.values()]
    if kind == "text/html":
        found += map(html.unescape, _LINK.findall(answer.text))
    if kind == "application/json":
        found += [text for text in texts_of(answer.json()) if text.startswith("http")]
    host = f"{answer.url.scheme}://{answer.url.netloc.decode()}"
    for address in found:
        path = address.removeprefix(host)
        assert path.startswith((f"{base}/", *OTHERS)), (str(answer.url), address)
        own = path.removeprefix(base)
        if _OBJECTS_SEARCH.fullmatch(own) or not own.startswith((*OTHERS, *ENDLESS)):
            yield path


async def walk(client: httpx.AsyncClient, base: str, start: list[str]) -> dict[str, httpx.Response]:
    """All that can be reached by links, with what was answered."""
    found: dict[str, httpx.Response] = {}
    waiting = [base + path for path in start]
    while waiting:
        address = waiting.pop()
        if address not in found:
            stays_as_it_is(address)
            found[address] = await client.get(address, headers=HTML)
            assert found[address].status_code == 200, (address, found[address].text[:300])
            waiting += links_of(found[address], base)
    return found


async def test_every_link_leads_somewhere() -> None:
    """Below a path of a host, too, whose proxy reads addresses and writes them anew."""
    given = [name for name in (*ODD, *drawn(TEXTS, 4)[:5]) if 0 < len(name) <= LONGEST]
    names = dict.fromkeys(given)
    candids = chain(CANDIDS, count(-(10**15), -1))
    async with fresh_archive() as settings:
        messages = [
            packets.packet(
                candid=candid,
                object_id=name,
                jd=2461072.5 + n / 1000,
                pid=n,
                # Some lie on one another, so that pages name their neighbours.
                ra=10.0 + n // 5,
                dec=1.0,
                cutouts=packets.AS_SIMULATED if candid in CANDIDS else None,
            )
            for n, (name, candid) in enumerate(zip(names, candids, strict=False))
        ]
        await take_in(settings, messages, "ztf_20260131_programid1")
        async with (
            serving_below(settings, "/mars") as proxy,
            httpx.AsyncClient(base_url=proxy.address.removesuffix("/mars"), timeout=30) as client,
        ):
            stored = (await client.get("/mars/api/v1/alerts?limit=1000")).json()["items"]
            assert {alert["object_id"] for alert in stored} == names.keys()
            assert {int(alert["candid"]) for alert in stored} >= set(CANDIDS)
            start = ["/", "/nights/", "/docs", "/api/v1/objects?cone=15,1,10&limit=1000"]
            found = await walk(client, "/mars", start)
            assert proxy.beside == []
            pages = [page for path, page in found.items() if path.startswith("/mars/objects/")]
            shown = [name for page in pages for name in _HEADING.findall(page.text)]
            assert {html.unescape(name) for name in shown} == names.keys()
            for name in names:
                part = quote_object_id(name)
                for what in ("", "/alerts", "/lightcurve"):
                    answer = await client.get(f"/mars/api/v1/objects/{part}{what}")
                    assert answer.status_code == 200, (name, what)
                    assert name in texts_of(answer.json()), (name, what)


SLASHLESS = [
    *("/help", "/nights", "/nights/20260131", "/latest", "/objects/a", "/objects/a%3Fb%23c"),
    *("/1", "/1/photometry", "/1/cutout/Science", "/js9/1", "/sky/1"),
]


@pytest.mark.parametrize("path", SLASHLESS)
async def test_a_slash_too_few_is_mended(served: Served, path: str) -> None:
    async with serving(served.settings, prefix="/mars") as client:
        for query in ("", "?x=1", "?x=a%20b&y=%2F&z"):
            answer = await client.get(path + query, headers={"host": "inner:8000"})
            assert answer.status_code == 308, path
            assert answer.headers["location"] == f"/mars{path}/{query}"


@pytest.mark.parametrize("path", ["/docs", "/api/v1/alerts", "/api/v1/nights", "/openapi.json"])
async def test_a_slash_too_many_is_mended(served: Served, path: str) -> None:
    for slashes in ("/", "//"):
        answer = await served.client.get(f"{path}{slashes}?limit=1")
        assert (answer.status_code, answer.headers["location"]) == (308, f"{path}?limit=1")
