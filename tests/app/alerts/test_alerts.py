"""Lists and single alerts over HTTP."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from app.alerts.models import AlertList
from app.objects.point_models import AlertWithHistory
from app.search.selection import ALERT_KEYS
from tests.app import sky
from tests.app.conftest import Served

ALERTS = "/api/v1/alerts"


async def walk(served: Served, query: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """Every page of a search, by the cursor in the body."""
    pages, cursor = [], None
    while True:
        body = await served.alerts(query | ({"cursor": cursor} if cursor else {}))
        pages.append(body["items"])
        assert body["truncated"] is (body["next"] is not None)
        if (cursor := body["next"]) is None:
            return pages


async def test_shape(served: Served) -> None:
    body = await served.alerts({"limit": 1000})
    AlertList.model_validate(body)
    assert {tuple(item) for item in body["items"]} == {ALERT_KEYS}
    assert body["as_of"] == 2


async def test_newest_first(served: Served) -> None:
    items = (await served.alerts({"limit": 1000}))["items"]
    keys = [(item["jd"], int(item["candid"])) for item in items]
    assert keys == sorted(keys, reverse=True)
    assert len(keys) == len(sky.positions()) + 6


@pytest.mark.parametrize("sort", ["-jd", "jd", "candid", "-candid", "object_id", "-lco_id"])
async def test_pages_cover_all_exactly_once(served: Served, sort: str) -> None:
    whole = await served.candids({"limit": 1000, "sort": sort})
    pages = await walk(served, {"limit": 50, "sort": sort})
    assert [item["candid"] for page in pages for item in page] == whole
    assert all(pages)


@pytest.mark.parametrize("sort", ["rb", "-rb", "magpsf", "-ssnamenr", "isdiffpos", "-time"])
async def test_pages_of_a_cone_by_any_field(served: Served, sort: str) -> None:
    query = {"cone": "0,90,2", "sort": sort}
    whole = (await served.alerts(query | {"limit": 1000}))["items"]
    pages = await walk(served, query | {"limit": 7})
    assert [item for page in pages for item in page] == whole
    values = [item[sort.strip("-")] for item in whole if item[sort.strip("-")] is not None]
    assert values == sorted(values, reverse=sort.startswith("-"))
    assert all(item[sort.strip("-")] is None for item in whole[len(values) :])


async def test_link_header_leads_on(served: Served) -> None:
    answer = await served.client.get(ALERTS, params={"limit": 3, "cone": "0,90,1d"})
    url, relation = answer.headers["link"].split("; ")
    assert relation == 'rel="next"'
    assert parse_qs(urlsplit(url[1:-1]).query)["cursor"] == [answer.json()["next"]]
    following = await served.client.get(url[1:-1])
    assert following.json()["items"][0]["candid"] != answer.json()["items"][-1]["candid"]


async def test_cursor_of_another_search(served: Served) -> None:
    body = await served.alerts({"limit": 3})
    answer = await served.client.get(ALERTS, params={"cursor": body["next"], "rb__gte": "0"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "cursor"


async def test_as_of_repeats_an_answer(served: Served) -> None:
    now, then = (
        await served.candids({"limit": 1000}),
        await served.candids({"limit": 1000, "as_of": 1}),
    )
    assert set(now) - set(then) == {str(sky.LATE), str(sky.THIRD)}
    for query in ({"cone": "150,30,2"}, {"object_id": sky.OBJECT}):
        items = (await served.alerts({**query, "as_of": 1}))["items"]
        assert items
        assert all(item["batch"] == 1 for item in items)
    answer = await served.client.get(ALERTS, params={"as_of": 3})
    assert answer.status_code == 422


async def test_a_printed_bound_finds_its_alert(served: Served) -> None:
    items = (await served.alerts({"limit": 10}))["items"]
    assert len(items) == 10
    for item in items:
        for name in ("magpsf", "sigmapsf", "fwhm"):
            printed = item[name]
            assert float(np.float32(printed)) != printed or printed == round(printed, 2)
            query = [("candid", item["candid"])] + [
                (f"{name}{op}", str(printed)) for op in ("", "__gte", "__lte", "__in")
            ]
            assert await served.candids(query) == [item["candid"]]
            assert await served.candids([*query[:1], (f"{name}__gt", str(printed))]) == []
        for name in ("jd", "mjd", "time"):
            query = [("candid", item["candid"]), (name, str(item[name]))]
            assert await served.candids(query) == [item["candid"]]


async def test_null_matches_no_comparison(served: Served) -> None:
    known = {"limit": 1000, "rb__gte": "-1e30"}
    missing = await served.alerts({"limit": 1000, "rb__isnull": "true"})
    assert missing["items"]
    assert all(item["rb"] is None for item in missing["items"])
    found = await served.candids(known)
    assert len(found) + len(missing["items"]) == len(await served.candids({"limit": 1000}))
    assert await served.candids({"rb__isnull": "true", "rb__lt": "5"}) == []


async def test_object_lists_and_solar_system_bodies(served: Served) -> None:
    query = {"object_id": f"{sky.OBJECT}, ZTF26nostamp"}
    assert len(await served.candids(query)) == 4
    bodies = await served.alerts({"ssnamenr": "433", "sort": "-magpsf"})
    assert {item["ssnamenr"] for item in bodies["items"]} == {"433"}
    assert await served.candids({"ssnamenr": "null"}) == []


async def test_where_is_the_same_filter(served: Served) -> None:
    by_name = await served.candids({"magpsf__lte": "16", "rb__gte": "0.3", "limit": 1000})
    query = [("where", "magpsf__lte:16"), ("where", "rb__gte:0.3"), ("limit", "1000")]
    assert by_name == await served.candids(query) != []


async def test_nothing_found_is_an_empty_list(served: Served) -> None:
    body = await served.alerts({"object_id": "ZTF00nothing"})
    assert body == {"items": [], "next": None, "prev": None, "truncated": False, "as_of": 2}


async def test_one_alert(served: Served) -> None:
    answer = await served.client.get(f"{ALERTS}/{sky.THIRD}")
    item = answer.json()
    AlertWithHistory.model_validate(item)
    listed = (await served.alerts({"candid": sky.THIRD}))["items"][0]
    assert {key: item[key] for key in listed} == listed
    points = [(point["kind"], point["pid"]) for point in item["history"]]
    detections = [("detection", candid // 10**6) for candid in (sky.FIRST, sky.SECOND, sky.THIRD)]
    assert sorted(points) == sorted(
        [
            *detections,
            ("earlier_detection", sky.BEFORE // 10**6),
            ("upper_limit", 3_304_100_000_015),
            ("forced", 3_304_100_000_015),
            ("forced", sky.FIRST // 10**6),
        ]
    )
    assert [p["jd"] for p in item["history"]] == sorted(p["jd"] for p in item["history"])
    forced = [p for p in item["history"] if p["kind"] == "forced"]
    assert {p["from_candid"] for p in forced} == {str(sky.THIRD)}


async def test_null_links(served: Served) -> None:
    links = (await served.alerts({"candid": sky.NO_STAMPS}))["items"][0]["links"]
    assert (links["science"], links["template"], links["difference"]) == (None, None, None)
    assert links["avro"].endswith(f"{sky.NO_STAMPS}/avro")
    withheld = (await served.alerts({"candid": sky.WITHHELD}))["items"][0]["links"]
    assert withheld["avro"] is None
    assert withheld["science"] is not None


@pytest.mark.parametrize("candid", ["1", "abc", str(2**63), "-1", "%00", "1.5"])
async def test_unknown_alert(served: Served, candid: str) -> None:
    answer = await served.client.get(f"{ALERTS}/{candid}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
