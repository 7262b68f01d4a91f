"""MARS's own addresses on a hand-made sky; what the real one answered is compared elsewhere."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answers.bodies import encode_json
from app.bounds import ANY_BODY
from app.mars import items, walks
from app.mars.bulk import MAX_ALERTS, MAX_QUERIES
from app.mars.form import FORM, PAGE_SIZE, SORTS
from app.mars.items import CANDIDATE_KEYS
from app.search.cursor import Cursor
from tests import packets
from tests.app import sky
from tests.app.conftest import Served, database_of, fresh_archive, serving, take_in
from tests.conftest import url_of

KEYS = """jd wall_time fid filter pid diffmaglim pdiffimfilename programpi programid candid
isdiffpos tblid nid rcid field xpos ypos ra dec l b magpsf sigmapsf deltamaglatest deltamagref
chipsf magap sigmagap distnr magnr sigmagnr chinr sharpnr sky magdiff fwhm classtar mindtoedge
magfromlim seeratio aimage bimage aimagerat bimagerat elong nneg nbad rb rbversion drb drbversion
ssdistnr ssmagnr ssnamenr sumrat magapbig sigmagapbig ranr decnr ndethist ncovhist jdstarthist
jdendhist scorr tooflag objectidps1 sgmag1 srmag1 simag1 szmag1 sgscore1 distpsnr1 objectidps2
sgmag2 srmag2 simag2 szmag2 sgscore2 distpsnr2 objectidps3 sgmag3 srmag3 simag3 szmag3 sgscore3
distpsnr3 nmtchps rfid jdstartref jdendref nframesref dsnrms ssnrms dsdiff magzpsci magzpsciunc
magzpscirms nmatches clrcoeff clrcounc zpclrcov zpmed clrmed clrrms neargaia neargaiabright maggaia
maggaiabright exptime""".split()
JSON = {"Accept": "application/json"}
# A browser's.
HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
EVERY = [candid for candid, *_ in sky.positions()] + [
    *(sky.FIRST, sky.SECOND, sky.THIRD, sky.NO_STAMPS, sky.WITHHELD, sky.LATE)
]


async def page(client: httpx.AsyncClient, **given: Any) -> Any:
    answer = await client.get("/", params={"format": "json", **given})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def walk(client: httpx.AsyncClient, **given: Any) -> list[Any]:
    """All alerts, page after page."""
    results, number, more = [], 1, True
    while more:
        body = await page(client, page=number, **given)
        assert body["has_prev"] == (number > 1)
        results += body["results"]
        number, more = number + 1, body["has_next"]
    beyond = await client.get("/", params={"format": "json", "page": number, **given})
    assert beyond.status_code == 404
    return results


async def candids(client: httpx.AsyncClient, **given: Any) -> list[int]:
    return [item["candid"] for item in await walk(client, **given)]


async def refused(client: httpx.AsyncClient, body: Any) -> list[str]:
    """The parameters that the 400 to a POST names."""
    answer = await client.post("/", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return [error["parameter"] for error in answer.json()["errors"]]


async def test_alert(served: Served) -> None:
    body = await page(served.client, candid=sky.FIRST)
    assert list(body) == ["has_next", "has_prev", "results"]
    (item,) = body["results"]
    assert list(item) == ["avro", "candid", "candidate", "lco_id", "objectId", "publisher"]
    candidate = item["candidate"]
    assert list(candidate) == sorted(KEYS) == list(CANDIDATE_KEYS)
    assert (item["candid"], item["objectId"]) == (sky.FIRST, sky.OBJECT)
    assert candidate["magpsf"] == float(np.float32(17.123456))
    assert candidate["isdiffpos"] in ("t", "f")
    assert candidate["wall_time"].endswith(" GMT")
    original = await served.client.get(item["avro"])
    assert original.content == sky.curve_packet(sky.FIRST)


async def test_sentinels_nulls_and_empty_texts() -> None:
    made: dict[int, dict[str, Any]] = {
        sky.BASE: {"ssnamenr": "null", "objectidps2": -999, "sgmag2": -999.0, "magnr": -999.0},
        sky.BASE + 10**13: {"ssnamenr": "433", "distnr": None, "rb": None},
    }
    made[sky.BASE + 10**13] |= {"objectidps1": 1, "objectidps2": 2, "objectidps3": 3}
    async with fresh_archive() as settings:
        messages = [packets.packet(candid=c, cutouts=None, **made[c]) for c in made]
        await take_in(settings, messages, "ztf_20260131_programid1")
        async with serving(settings) as client:
            found = await page(client, sort_order="asc")
            first, second = (item["candidate"] for item in found["results"])
            assert [first[name] for name in made[sky.BASE]] == ["null", -999, -999.0, -999.0]
            assert isinstance(first["objectidps2"], int)
            assert isinstance(first["sgmag2"], float)
            assert [second[name] for name in ("ssnamenr", "distnr", "rb")] == ["433", None, None]
            assert await candids(client, objectidps=-999) == [sky.BASE]
            assert await candids(client, objectidps=2) == [sky.BASE + 10**13]
            assert await candids(client, magnr__lte=0) == await candids(client)
            assert await candids(client, distnr__lte=-1) == []
            # A sentinel sorts as the number that it is, a null above all.
            by = {order: await candids(client, sort_value="magnr", sort_order=order)
                  for order in ("asc", "desc")}  # fmt: skip
            assert by["asc"] == by["desc"][::-1] == sorted(made)
            assert (await candids(client, sort_value="rb"))[0] == sky.BASE + 10**13


async def test_pages_hold_every_alert_once(served: Served) -> None:
    found = await candids(served.client)
    assert sorted(found) == sorted(EVERY)
    assert len(found) > 3 * PAGE_SIZE
    for number in ("0", "-1", "5", "1000000", "9" * 30):
        answer = await served.client.get("/", params={"format": "json", "page": number})
        assert answer.status_code == 404
        assert "page" in answer.json()["detail"]
    for text in ("abc", "1.5", "", "1"):
        assert [i["candid"] for i in (await page(served.client, page=text))["results"]] == found[
            :100
        ]
    assert await candids(served.client, objectId="ZTF99zzzzzzz") == []


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"magpsf__gte": "15.5"},
        {"cone": "0,0,180"},
        {"cone": "0,90,60", "sort_value": "magpsf"},
        {"cone": "150,30,9", "sort_value": "id", "sort_order": "asc"},
        {"cone": "150,30,9", "rb__gte": "0"},
    ],
)
async def test_a_page_jumped_to_is_the_page_walked_to(
    served: Served, given: dict[str, str]
) -> None:
    async with serving(served.settings) as fresh:
        walked = await candids(served.client, **given)
        for number in range(-(-len(walked) // PAGE_SIZE), 0, -1):
            jumped = (await page(fresh, page=number, **given))["results"]
            cut = walked[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
            assert [item["candid"] for item in jumped] == cut
        assert len(set(walked)) == len(walked)


async def test_a_walk_neither_repeats_nor_loses_alerts_while_more_come_in() -> None:
    async with fresh_archive() as settings:
        old = [packets.packet(candid=sky.BASE + n, cutouts=None) for n in range(250)]
        new = [packets.packet(candid=sky.BASE + 10**13 + n, cutouts=None) for n in range(50)]
        await take_in(settings, old, "ztf_20260131_programid1")
        async with serving(settings) as client:
            first = await page(client)
            await take_in(settings, new, "ztf_20260131_programid1", 1000)
            rest = [await page(client, page=number) for number in (2, 3)]
            walked = [item["candid"] for body in (first, *rest) for item in body["results"]]
            assert sorted(walked) == [sky.BASE + n for n in range(250)]
            assert not rest[-1]["has_next"]
            again = await page(client, page=3)
            assert again["results"] == rest[-1]["results"]
            assert len(await candids(client)) == 300


async def test_a_page_jumped_to_begins_where_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(walks, "_now", lambda: clock[-1])
    async with fresh_archive() as settings:
        old = [packets.packet(candid=sky.BASE + n, cutouts=None) for n in range(250)]
        await take_in(settings, old, "ztf_20260131_programid1")
        async with serving(settings) as client:
            for order, ids in (("asc", range(250)), ("desc", range(249, -1, -1))):
                for column in ("candid", "jd", "rb"):
                    for number in (3, 3, 2, 2):
                        given = {"page": number, "sort_value": column, "sort_order": order}
                        found = (await page(client, **given))["results"]
                        cut = ids[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
                        assert [item["candid"] for item in found] == [sky.BASE + n for n in cut]
            late = [packets.packet(candid=sky.BASE + 10**13, cutouts=None)]
            await take_in(settings, late, "ztf_20260131_programid1", 1000)
            newest = {"page": 3, "sort_value": "jd", "sort_order": "desc"}
            assert len((await page(client, **newest))["results"]) == 50
            clock.append(walks.KEPT_S)
            assert len((await page(client, **newest))["results"]) == 51


def test_the_pages_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walks, "MOST_CLIENTS", 3)
    monkeypatch.setattr(walks, "MOST_OF_CLIENT", 2)
    kept, start = walks.Walks(), Cursor("", 0, None, 0)
    for page_number in range(2, 6):
        for client in ("greedy", "greedy", "b", "c"):
            kept._remember(client, "digest", page_number, start)
    assert {client: list(own) for client, own in kept._clients.items()} == {
        client: [("digest", 4), ("digest", 5)] for client in ("greedy", "b", "c")
    }
    kept._remember("d", "digest", 2, start)
    assert list(kept._clients) == ["b", "c", "d"]
    assert kept._start("greedy", "digest", 5) is None


@pytest.mark.parametrize(
    "name", ["sort_value", *(n for n in FORM if n not in ("objectcone", "region"))]
)
async def test_every_parameter(served: Served, name: str) -> None:
    """Its example, and every column to sort by, with and without a cone."""
    for value in SORTS if name == "sort_value" else [FORM[name].example]:
        for cone in ({}, {"cone": "0,90,1"}):
            found = await page(served.client, **{name: value} | cone)
            assert len(found["results"]) == PAGE_SIZE or not found["has_next"], value


@pytest.mark.parametrize(("low", "high"), [(359, 1), (-1, 1), (149.5, 150.5), (1, 359), (200, 150)])
async def test_arcs_of_right_ascension(served: Served, low: float, high: float) -> None:
    edges = [edge % 360 for edge in (low, high)]
    inside = {
        candid
        for candid, ra, _ in sky.positions()
        if (edges[0] < ra < edges[1] if edges[0] < edges[1] else ra > edges[0] or ra < edges[1])
    }
    found = set(await candids(served.client, ra__gt=low, ra__lt=high))
    assert found & {candid for candid, *_ in sky.positions()} == inside


@pytest.mark.parametrize("radius", [0, 1e-12, 0.7, 11, 60, 135, 180])
async def test_cones_of_any_width(served: Served, radius: float) -> None:
    points = np.array([(ra, dec) for _, ra, dec in sky.positions()])
    ra, dec = np.radians(points).T
    ra0, dec0 = np.radians([150.0, 30.0])
    half = np.sin((dec - dec0) / 2) ** 2 + np.cos(dec) * np.cos(dec0) * np.sin((ra - ra0) / 2) ** 2
    inside = np.degrees(2 * np.arcsin(np.sqrt(half))) < radius
    expected = {c for (c, *_), held in zip(sky.positions(), inside, strict=True) if held}
    found = set(await candids(served.client, cone=f"150,30,{radius:.15f}"))
    assert found & {candid for candid, *_ in sky.positions()} == expected


async def test_single_alert(served: Served) -> None:
    by_candid = (await served.client.get(f"/{sky.THIRD}/", headers=JSON)).json()
    by_number = await served.client.get(f"/{by_candid['lco_id']}/?format=json")
    assert by_number.json() == by_candid
    (listed,) = (await page(served.client, candid=sky.THIRD))["results"]
    history = by_candid.pop("prv_candidate")
    assert by_candid == listed
    times = [point["candidate"]["jd"] for point in history]
    assert times == sorted(times, reverse=True)
    alerts = [point for point in history if "candid" in point]
    assert [point["candid"] for point in alerts] == [sky.SECOND, sky.FIRST]
    assert all(list(point["candidate"]) == sorted(KEYS) for point in alerts)
    limits = [point["candidate"] for point in history if "candid" not in point]
    assert all(list(limit) == ["diffmaglim", "fid", "id", "jd", "objectId"] for limit in limits)
    # The one at the first detection's exposure is hidden; each other counts once.
    assert [limit["id"] for limit in limits] == [3_304_200_000_015, 3_304_100_000_015]


async def test_photometry(served: Served) -> None:
    points = (await served.client.get(f"/{sky.SECOND}/photometry/", headers=HTML)).json()
    assert list(points) == [str(n) for n in range(5)]
    *others, own = points.values()
    assert [p["jd"] for p in others] == sorted(p["jd"] for p in others)
    assert list(own) == ["diffmaglim", "filter", "jd", "magpsf", "sigmapsf"]
    assert list(others[0]) == ["diffmaglim", "filter", "jd"]
    assert own["jd"] < others[-1]["jd"]


@given(st.lists(st.floats(2458000, 2462000), max_size=30), st.integers(0, 30))
def test_photometry_is_numbered_in_the_order_of_time(times: list[float], limits: int) -> None:
    """In the text as it is sent, which is what people read."""
    entries = [
        {"candid": n, "candidate": {"jd": jd, "fid": 1, "diffmaglim": 20.5}}
        for n, jd in enumerate(times, 1)
    ]
    for entry in entries[:limits]:
        del entry["candid"]
    own = {"candid": 0, "candidate": {"jd": 2458100.5, "fid": 2, "magpsf": 18.0}}
    nearby = [entry for entry in entries if "candid" in entry]
    alert = items.add_history(own, nearby, entries[:limits])
    shown = json.loads(encode_json(items.photometry(alert)), object_pairs_hook=list)
    assert [number for number, _ in shown] == [str(n) for n in range(len(times) + 1)]
    jds = [dict(point)["jd"] for _, point in shown]
    assert jds == [*sorted(times), 2458100.5]


async def test_cutouts(served: Served) -> None:
    pid = sky.FIRST // 10**6
    names = {
        "Science": f"candid{sky.FIRST}_pid{pid}_targ_sci.fits.gz",
        "Template": f"candid{sky.FIRST}_ref.fits.gz",
        "Difference": f"candid{sky.FIRST}_pid{pid}_targ_refmsci.fits.gz",
    }
    for kind, name in names.items():
        answer = await served.client.get(f"/{sky.FIRST}/cutout/{kind}/")
        assert answer.headers["content-type"] == "image/fits"
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
        assert answer.content.startswith(b"\x1f\x8b")
        head = await served.client.head(f"/{sky.FIRST}/cutout/{kind}/")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(answer.content))
        none = await served.client.get(f"/{sky.NO_STAMPS}/cutout/{kind}/")
        assert none.status_code == 404


async def test_withheld_originals_have_no_address(served: Served) -> None:
    (item,) = (await page(served.client, candid=sky.WITHHELD))["results"]
    assert item["avro"] is None


@pytest.mark.parametrize(
    "path",
    ["/abc/", "/-1/", "/1/cutout/Foo/", "/1/cutout/science/", "/999999/", "/999999/photometry/",
     "/999999/cutout/Science/", f"/{'9' * 19}/", f"/{'9' * 30}/", f"/{'9' * 5000}/", "/1/x/",
     "/1.5/", "/٣/", "/%00/"],
)  # fmt: skip
async def test_what_is_not_there(served: Served, path: str) -> None:
    answer = await served.client.get(path, headers=JSON)
    assert answer.status_code == 404
    assert answer.json()["detail"]
    in_browser = await served.client.get(path, headers=HTML)
    assert in_browser.status_code == 404
    assert in_browser.headers["content-type"].startswith("text/html")


async def test_redirects(served: Served) -> None:
    for path in ("/1", "/1/photometry", "/1/cutout/Science"):
        answer = await served.client.get(f"{path}?format=json&a=%20", follow_redirects=False)
        assert answer.status_code == 308
        assert answer.headers["location"] == f"{path}/?format=json&a=%20"


async def test_redirects_below_a_prefix_that_a_proxy_takes_off(served: Served) -> None:
    async with serving(served.settings, prefix="/mars") as client:
        for path in ("/1", "/help", "/nights", "/nights/20260131"):
            answer = await client.get(path)
            assert answer.status_code == 308, path
            assert answer.headers["location"] == f"/mars{path}/"
        found = await client.get("/search", params={"q": str(sky.LATE)})
        assert found.headers["location"] == f"/mars/{sky.LATE}/"
        item = (await page(client, candid=sky.FIRST))["results"][0]
        host = str(client.base_url).rstrip("/")
        assert item["avro"].startswith(f"{host}/mars/api/v1/")


@pytest.mark.parametrize(
    ("query", "accept", "kind"),
    [
        ("", "application/json", "application/json"),
        ("", "text/html", "text/html"),
        ("", "*/*", "text/html"),
        ("", HTML["Accept"], "text/html"),
        ("", "application/json, text/plain, */*", "text/html"),
        ("", "application/json;q=0.5,text/html", "text/html"),
        ("", "application/json,text/html;q=0.9", "application/json"),
        ("?format=html", "application/json", "application/json"),
        ("?format=JSON", "*/*", "text/html"),
        ("?format=json", "text/html", "application/json"),
    ],
)
async def test_json_or_html(served: Served, query: str, accept: str, kind: str) -> None:
    for path in ("/", f"/{sky.FIRST}/"):
        answer = await served.client.get(path + query, headers={"Accept": accept})
        assert answer.status_code == 200
        assert answer.headers["content-type"].partition(";")[0] == kind
        assert "Accept" in answer.headers["vary"].split(", ")


async def test_a_bad_value_is_told_in_the_client_s_own_way(served: Served) -> None:
    evil = "<script>alert(1)</script>"
    for headers, kind in ((JSON, "application/problem+json"), (HTML, "text/html")):
        answer = await served.client.get("/", params={"rb__gte": evil}, headers=headers)
        assert answer.status_code == 400
        assert answer.headers["content-type"].startswith(kind)
        assert "rb__gte" in answer.text
        assert "not a number" in answer.text
        assert evil not in answer.text


async def test_methods(served: Served) -> None:
    options = await served.client.options("/")
    assert options.status_code == 200
    assert options.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    for method, path in (("PUT", "/"), ("DELETE", "/1/"), ("POST", "/1/")):
        answer = await served.client.request(method, path)
        assert answer.status_code == 405
        assert "GET, HEAD, OPTIONS" in answer.headers["allow"]
    head = await served.client.head("/", params={"format": "json"})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == "application/json"


async def test_bulk(served: Served) -> None:
    asked: list[dict[str, Any]] = [
        {"objectId": sky.OBJECT, "note": {"mine": [1, 2.5, None]}, "id": 10**30, "page": 7},
        {"cone": "150,30,2", "rb__gte": 0, "magpsf__lte": None, "filter": ""},
        {"objectId": "ZTF99zzzzzzz"},
        {"candid": sky.LATE},
    ]
    body = (await served.client.post("/?format=html", json={"queries": asked}, headers=HTML)).json()
    assert [result["query"] for result in body["results"]] == asked
    found = [[item["candid"] for item in result["results"]] for result in body["results"]]
    assert found[0] == [sky.THIRD, sky.SECOND, sky.FIRST]
    assert found[1] == await candids(served.client, cone="150,30,2", rb__gte=0)
    assert found[2:] == [[], [sky.LATE]]
    assert [result["num_alerts"] for result in body["results"]] == list(map(len, found))
    assert body["total"] == sum(map(len, found))
    everything = (await served.client.post("/", json={"queries": [{}]})).json()
    assert everything["total"] == len(EVERY) > PAGE_SIZE
    assert (await served.client.post("/", json={"queries": []})).json() == {
        "total": 0,
        "results": [],
    }


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b"{bad",
            b"[]",
            b"{}",
            b"null",
            b'"x"',
            b"\xff\xfe",
            b'{"queries":[',
            b"[" * 100_000,
        ),
        *(b'{"queries":{}}', b'{"queries":[1]}', b'{"queries":null}', b'{"queries":[[]]}'),
        *(b'{"queries":[{"rb__gte":NaN}]}', b'{"queries":[{"a":1e999}]}', b"9" * 9999),
        b'{"queries":[' + b"{}," * MAX_QUERIES + b"{}]}",
        b" " * (ANY_BODY.max_bytes + 1),
    ],
)
async def test_bodies_that_are_refused(served: Served, body: bytes) -> None:
    assert await refused(served.client, body) in (["body"], ["queries"])


async def test_bulk_bounds_name_the_way_out(served: Served) -> None:
    for body in (json.dumps({"queries": [{}] * (MAX_QUERIES + 1)}), " " * (ANY_BODY.max_bytes + 1)):
        headers = {"Content-Type": "application/json"}
        answer = await served.client.post("/", content=body, headers=headers)
        assert "/api/v1/match" in answer.json()["detail"]
        assert any(limit in answer.json()["detail"] for limit in ("1,000 queries", "1,000,000 by"))
    many = -(-MAX_ALERTS // len(EVERY)) + 1
    answer = await served.client.post("/", json={"queries": [{}] * many})
    assert answer.status_code == 400
    assert "10,000 alerts" in answer.json()["detail"]
    plain = await served.client.post("/", content='{"queries":[]}')
    assert plain.status_code == 400


async def test_a_bad_value_in_bulk_is_named_with_its_query(served: Served) -> None:
    asked: list[dict[str, Any]] = [
        {},
        {"rb__gte": True, "cone": [10, 20, 1], "nosuch": []},
        {"filter": "R"},
    ]
    body = json.dumps({"queries": asked[:2]})
    assert await refused(served.client, body) == ["queries[1].cone"]
    del asked[1]["cone"]
    body = json.dumps({"queries": asked})
    assert await refused(served.client, body) == ["queries[1].rb__gte"]


@pytest.fixture
async def locked(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an archive that lets nobody read it."""
    settings = served.settings.model_copy(update={"statement_timeout_s": 0.3})
    owner = url_of("owner", database_of(settings)).replace("+asyncpg", "")
    blocker = await asyncpg.connect(owner)
    async with serving(settings) as client:
        await client.get("/readyz")
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE alert IN ACCESS EXCLUSIVE MODE")
            yield client
    await blocker.close()


async def test_a_query_too_dear_is_told_what_would_be_cheaper(locked: httpx.AsyncClient) -> None:
    for answer in await asyncio.gather(
        locked.get("/?format=json&sort_value=rb&page=9"),
        locked.post("/", json={"queries": [{"sort_value": "rb"}]}),
    ):
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        for name in ("cone", "objectId", "jd__gt", "time__since", "sort_value"):
            assert name in answer.json()["detail"]
    narrow = await locked.get("/?format=json&cone=1,2,3")
    assert "add one of" not in narrow.json()["detail"]


async def test_two_cones_must_both_hold_an_alert(served: Served) -> None:
    candid, ra, dec = next(iter(sky.positions()))
    everything = await candids(served.client, cone="0,0,180")
    ours = await candids(served.client, cone=f"{ra},{dec},0.001")
    assert candid in ours
    assert len(ours) < len(everything)
    name = f"{ra} {dec:+}"
    assert await candids(served.client, cone=f"{ra},{dec},170", objectcone=f"{name},0.001") == ours
    assert await candids(served.client, cone=f"{ra},{dec},0.001", objectcone=f"{name},170") == ours
    opposite = f"{(ra + 180) % 360},{-dec},1"
    assert await candids(served.client, cone=opposite, objectcone=f"{name},1") == []
