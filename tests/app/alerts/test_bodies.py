"""Texts as filters: a solar-system body in any spelling, and whatever else a column may hold."""

from collections.abc import AsyncIterator

import pytest

from tests import packets
from tests.app.answers.test_formats import HARD
from tests.app.conftest import Served, fresh_archive, serving, take_in

ODD = "(99942) apophis"
"""A spelling that is not ZTF's: it is found as it is written."""
STORED = ["2830", "2010CG48", "73P-BB", "P/2010WK", ODD, HARD, " padded\t"]
SPELLINGS = {
    "2830": ["2830", "02830", "(2830)", "2830 Greenwich", " 2830 "],
    "2010CG48": ["2010CG48", "2010 CG48", "2010 cg48"],
    "73P-BB": ["73P-BB", "73p-bb", "73P-BB/Schwassmann-Wachmann 3"],
    "P/2010WK": ["P/2010 WK (LINEAR)"],
    ODD: [ODD],
    HARD: [HARD],
    " padded\t": [" padded\t"],
}
CASES = [(body, spelling) for body, spellings in SPELLINGS.items() for spelling in spellings]


@pytest.fixture(scope="module")
async def bodies() -> AsyncIterator[Served]:
    messages = [
        packets.packet(candid=3_300_100_000_000_015_001 + n * 10**10, cutouts=None, ssnamenr=name)
        for n, name in enumerate(STORED)
    ]
    async with fresh_archive() as settings:
        await take_in(settings, messages, "ztf_20260131_programid1")
        async with serving(settings) as client:
            yield Served(client, settings)


@pytest.mark.parametrize(("body", "spelling"), CASES)
async def test_every_door_knows_every_spelling(bodies: Served, body: str, spelling: str) -> None:
    queries = [{"ssnamenr": spelling}, {"where": f"ssnamenr:{spelling}"}]
    if "," not in spelling:
        queries += [{"ssnamenr__in": f"none,{spelling}"}, {"where": f"ssnamenr__in:{spelling}"}]
    for query in queries:
        found = (await bodies.alerts(query))["items"]
        assert [item["ssnamenr"] for item in found] == [body], query
    asked = {"ssnamenr": spelling}
    listed = (await bodies.client.get("/", params=asked | {"format": "json"})).json()["results"]
    assert [row["candidate"]["ssnamenr"] for row in listed] == [body]
    bulk = (await bodies.client.post("/", json={"queries": [asked]})).json()
    assert bulk["total"] == 1
    page = await bodies.client.get("/", params=asked, headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert f"/{listed[0]['lco_id']}/" in page.text
    objects = (await bodies.client.get("/api/v1/objects", params=asked)).json()["items"]
    assert [item["object_id"] for item in objects] == [listed[0]["objectId"]]


async def test_pages_and_cursors_of_a_body_go_on(bodies: Served) -> None:
    query = {"ssnamenr__in": "2010 CG48,73p-bb,2830", "limit": 1}
    walked, page = [], await bodies.alerts(query)
    while page["next"]:
        walked += page["items"]
        page = await bodies.alerts(query | {"cursor": page["next"]})
    names = [item["ssnamenr"] for item in [*walked, *page["items"]]]
    assert sorted(names) == ["2010CG48", "2830", "73P-BB"]


async def test_what_no_text_can_hold_is_refused(bodies: Served) -> None:
    for address, status in (("/api/v1/alerts", 422), ("/?format=json", 400)):
        answer = await bodies.client.get(address, params={"format": "json", "ssnamenr": "a\0b"})
        assert answer.status_code == status
        assert "ssnamenr: holds a NUL" in answer.json()["detail"]


async def test_the_search_box_leads_to_a_body(bodies: Served) -> None:
    """A number is an alert's if there is such an alert, else a minor planet's with alerts."""
    for typed, page in (("1", "/1/"), ("2830", "/?ssnamenr=2830"), ("02830", "/?ssnamenr=2830")):
        answer = await bodies.client.get("/search", params={"q": typed})
        assert (answer.status_code, answer.headers["location"]) == (303, page)
    for address in ("/search?q=2831", "/api/v1/resolve?name=2831"):
        answer = await bodies.client.get(address)
        assert answer.status_code == 404
        assert "no alert with lco_id 2831" in answer.json()["detail"]
        assert "ssnamenr=2831" in answer.json()["detail"]
