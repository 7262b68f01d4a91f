"""Searches grouped by object, against all real packets grouped by hand."""

import csv
import io
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests import packets
from tests.app import sky
from tests.app.conftest import Served, fresh_archive, serving, take_in
from tests.real_archive import Everything

GROUPS = "/api/v1/alerts/objects"
Candidate = dict[str, Any]
POSITIVE = {"t", "T", "true", "True", "y", "Y", "1"}
SEARCHES: dict[str, tuple[dict[str, Any], Callable[[Candidate], bool]]] = {
    "all": ({}, lambda _: True),
    "band": ({"filter": "g"}, lambda c: c["fid"] == 1),
    "bright": ({"magpsf__lte": 17.5}, lambda c: c["magpsf"] <= 17.5),
    "rare": ({"where": "fwhm__gte:5"}, lambda c: c["fwhm"] >= 5),
    "south": ({"dec__lt": 0, "rb__gte": 0.75}, lambda c: c["dec"] < 0 and c["rb"] >= 0.75),
    "none": ({"magpsf__lte": 5}, lambda c: c["magpsf"] <= 5),
}


async def all_pages(client: httpx.AsyncClient, query: dict[str, Any]) -> list[dict[str, Any]]:
    """Every object, page by page."""
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        more: dict[str, Any] = {} if cursor is None else {"cursor": cursor}
        answer = await client.get(GROUPS, params=query | more)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert len(body["items"]) <= query.get("limit", 100)
        assert body["truncated"] is (body["next"] is not None)
        items += body["items"]
        if (cursor := body["next"]) is None:
            return items


def grouped(everything: Everything, passes: Callable[[Candidate], bool]) -> list[dict[str, Any]]:
    """What is expected, from the packets alone."""
    own: dict[str, list[tuple[float, int, Candidate]]] = {}
    for candid, public in everything.packets.items():
        candidate = public.record["candidate"]
        if passes(candidate):
            found = own.setdefault(public.record["objectId"], [])
            found.append((candidate["jd"], candid, candidate))
    expected = []
    for name, matches in own.items():
        matches.sort(key=lambda match: match[:2])
        bright = [(c["magpsf"], n) for _, n, c in matches if c["isdiffpos"] in POSITIVE]
        expected.append(
            {
                "object_id": name,
                "matches": len(matches),
                "first_jd": matches[0][0],
                "last_jd": matches[-1][0],
                "last_candid": str(matches[-1][1]),
                "ra": matches[-1][2]["ra"],
                "brightest_candid": str(min(bright)[1]) if bright else None,
            }
        )
    order = {one["object_id"]: own[one["object_id"]][-1][:2] for one in expected}
    return sorted(expected, key=lambda one: order[one["object_id"]], reverse=True)


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("limit", [37, 1000])
async def test_as_by_hand_over_all_real_packets(
    everything: Everything, name: str, limit: int
) -> None:
    query, passes = SEARCHES[name]
    items = await all_pages(everything.client, query | {"limit": limit})
    expected = grouped(everything, passes)
    assert [{key: item[key] for key in (expected or [{}])[0]} for item in items] == expected
    assert (name == "none") is (expected == [])


async def test_a_cone(everything: Everything) -> None:
    items = await all_pages(everything.client, {"cone": '0.8143,16.1457,5"'})
    assert [(item["object_id"], item["matches"]) for item in items] == [("ZTF21abiuvdk", 34)]


async def test_what_arrives_between_two_pages_changes_nothing() -> None:
    """An object of the second page gets a newer alert, and a new object comes."""
    night = 10**15
    first = [
        packets.packet(candid=sky.BASE + n * night, object_id=f"ZTF26obj{n % 5}") for n in range(10)
    ]
    later = [
        packets.packet(candid=sky.BASE + 20 * night, object_id="ZTF26obj0"),
        packets.packet(candid=sky.BASE + 21 * night, object_id="ZTF26new"),
    ]
    async with fresh_archive() as settings:
        await take_in(settings, first, "ztf_20260131_programid1")
        async with serving(settings) as client:
            page = (await client.get(GROUPS, params={"limit": 2})).json()
            await take_in(settings, later, "ztf_20260201_programid1", first=10)
            names = [item["object_id"] for item in page["items"]]
            while page["next"]:
                asked = {"limit": 2, "cursor": page["next"]}
                page = (await client.get(GROUPS, params=asked)).json()
                names += [item["object_id"] for item in page["items"]]
            assert names == [f"ZTF26obj{n}" for n in (4, 3, 2, 1, 0)]
            then = await all_pages(client, {"as_of": page["as_of"]})
            assert [item["object_id"] for item in then] == names
            now = await all_pages(client, {})
            assert [item["object_id"] for item in now[:2]] == ["ZTF26new", "ZTF26obj0"]
            assert now[1]["matches"] == 3


async def test_a_table_holds_the_same(served: Served) -> None:
    body = (await served.client.get(GROUPS, params={"limit": 5})).json()
    answer = await served.client.get(GROUPS, params={"limit": 5, "format": "csv"})
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["object_id"] for row in rows] == [item["object_id"] for item in body["items"]]
    assert [row["matches"] for row in rows] == [str(item["matches"]) for item in body["items"]]
    assert answer.headers["x-next-cursor"] == body["next"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("sort=magpsf", "sort"),
        ("fields=candid", "fields"),
        ("limit=1001&format=csv", "limit"),
        ("cursor=nonsense", "cursor"),
        ("maqpsf__lt=3", "maqpsf__lt"),
    ],
)
async def test_what_it_cannot_do_it_says(served: Served, query: str, parameter: str) -> None:
    answer = await served.client.get(f"{GROUPS}?{query}")
    assert answer.status_code == 422
    assert [error["parameter"] for error in answer.json()["errors"]] == [parameter]


async def test_a_cursor_that_leads_back_is_refused(served: Served) -> None:
    first = (await served.client.get("/api/v1/alerts?limit=2")).json()
    second = (await served.client.get(f"/api/v1/alerts?limit=2&cursor={first['next']}")).json()
    answer = await served.client.get(f"{GROUPS}?limit=2&cursor={second['prev']}")
    assert (answer.status_code, "not a cursor of this list" in answer.text) == (422, True)


async def test_many_alerts_of_one_object_end_a_page_early(
    everything: Everything, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page looks at so many alerts and no more; it says that there may be more."""
    monkeypatch.setattr("app.objects.groups.STEPS", 1)
    monkeypatch.setattr("app.objects.groups.STEP", 50)
    monkeypatch.setattr("app.objects.groups.CHUNK", 20)
    items = await all_pages(everything.client, {"limit": 100})
    assert [item["object_id"] for item in items] == [
        one["object_id"] for one in grouped(everything, lambda _: True)
    ]
    first = (await everything.client.get(GROUPS, params={"limit": 100})).json()
    assert (len(first["items"]) < 100, first["truncated"]) == (True, True)
