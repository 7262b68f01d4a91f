"""What a search costs, judged by what it asks for; and that a glance finds the page itself."""

from collections.abc import Iterator
from urllib.parse import parse_qsl

import httpx
import pytest

from app.alerts.access.archive import Archive
from app.alerts.sql import search_sql, statements
from app.alerts.sql.costs import Cost, cost_of, cost_of_all
from app.mars.form import read_form
from app.search.search import Search, parse_search
from tests.app.conftest import Served

LITTLE = [
    *("", "cone=10,20,0.5", "cone=10,20,10%22&sort=rb", "object_id=ZTF18abcdxyz&sort=magpsf"),
    *("candid=1,2,3&magpsf__lt=5", "ssnamenr=433", "jd__gt=2460000&jd__lt=2460001", "sort=lco_id"),
    *("sort=-candid&candid__lt=5", "polygon=10,20,10.4,20,10.2,20.4&rb__gte=0.9"),
    *("cone=10,20,5&object_id=ZTF18abcdxyz", "ssnamenr__in=(433),2010 CG48"),
    "object_id=" + ", ".join(f"ZTF18aaaa{n:03}" for n in range(20)),
]
OPEN = [
    *("magpsf__lt=5", "where=chipsf__gt:50", "jd__lt=2460000&rb__gte=0.9", "as_of=3"),
    *("sort=candid&jd__lt=2460000", "lco_id__gt=7", "ssnamenr__isnull=false"),
]
MUCH = [
    *("cone=10,20,0.6", "polygon=10,20,12,20,11,21", "limit=1001&format=csv"),
    *("jd__gt=2460000&jd__lt=2460001&sort=magpsf", "cone=10,20,10&magpsf__lt=5"),
    "object_id=" + ",".join(f"ZTF18aaaa{n:03}" for n in range(21)),
]
CASES = [
    (q, c)
    for c, many in ((Cost.LITTLE, LITTLE), (Cost.OPEN, OPEN), (Cost.MUCH, MUCH))
    for q in many
]


@pytest.mark.parametrize(("query", "cost"), CASES)
def test_cost(query: str, cost: Cost) -> None:
    assert cost_of(parse_search(parse_qsl(query))) is cost


def test_cost_in_the_words_of_mars() -> None:
    def of(skip: int = 0, **given: str) -> Cost:
        return cost_of(read_form(given.items()).search, skip)

    assert of() is of(skip=20_000) is Cost.LITTLE
    assert of(skip=20_001) is of(sort_value="magpsf") is Cost.MUCH
    # So wide a cone leads to nothing: it is one more filter of a walk.
    assert of(cone="10,20,170") is of(magpsf__lte="11.5") is Cost.OPEN


def test_to_count_costs_what_all_matches_cost() -> None:
    for query in LITTLE[1:7]:
        held = "jd" not in query
        assert cost_of_all(parse_search(parse_qsl(query))) is (Cost.LITTLE if held else Cost.MUCH)
    assert cost_of_all(Search()) is cost_of_all(parse_search([("rb__gte", "0.9")])) is Cost.MUCH


@pytest.fixture
def short_glances(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """Only seven alerts are seen at a glance; tells for each whether that was enough."""
    search_sql.glance_statement.cache_clear()
    monkeypatch.setattr(search_sql, "GLANCE", 7)
    enough: list[bool] = []
    fetch = Archive.fetch

    async def told(self: Archive, statement: statements.Statement, **values: object):  # type: ignore[no-untyped-def]
        rows = await fetch(self, statement, **values)
        if rows and "whole" in rows[0].keys():  # noqa: SIM118 - a record is no dict
            enough.append(bool(rows[0]["whole"]) or len(rows) > 2)
        return rows

    monkeypatch.setattr(Archive, "fetch", told)
    yield enough
    search_sql.glance_statement.cache_clear()


async def _walked(client: httpx.AsyncClient, query: str) -> list[str]:
    """All that a search finds, two at a time, there and back again."""
    found: list[str] = []
    more: dict[str, str] = {}
    while True:
        answer = await client.get(
            f"/api/v1/alerts?{query}&limit=2",
            params=None if not more else {**dict(parse_qsl(query)), "limit": "2", **more},
        )
        body = answer.raise_for_status().json()
        found += [item["candid"] for item in body["items"]]
        if body["next"] is None:
            break
        more = {"cursor": body["next"]}
    if more:
        before = {**dict(parse_qsl(query)), "limit": "2", "cursor": body["prev"]}
        led_back = (await client.get("/api/v1/alerts", params=before)).json()["items"]
        ours = len(body["items"])
        assert [item["candid"] for item in led_back] == found[-ours - 2 : -ours]
    return found


QUERIES = [
    *("rb__gte=0.5", "dec__gt=60", "filter=r&sort=jd", "sort=-candid&rb__lt=0.9", "as_of=1"),
    *("sort=object_id&magpsf__gt=15&dec__lt=0", "isdiffpos=false", "sort=lco_id&filter=i"),
]


async def test_pages_at_a_glance_hold_what_one_page_holds(
    served: Served, request: pytest.FixtureRequest
) -> None:
    whole = [await served.candids(f"{query}&limit=1000") for query in QUERIES]
    enough = request.getfixturevalue("short_glances")
    assert [await _walked(served.client, query) for query in QUERIES] == whole
    assert set(enough) == {True, False}
