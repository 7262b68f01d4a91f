"""Objects over HTTP: their sums, their alerts, cones and bodies, joined light curves."""

import csv
import math
from collections import Counter, defaultdict
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord

from app.objects import finding
from app.objects.models import ObjectList, ObjectWithFilters
from app.objects.point_models import LightCurve
from tests import packets
from tests.app import sky
from tests.app.alerts.test_cones import CENTRES
from tests.app.conftest import Served, database_of, fresh_archive, serving, take_in
from tests.app.objects.test_lightcurves_independent import by_object, earlier
from tests.app.routes.test_hostile import HOSTILE
from tests.conftest import url_of
from tests.real_archive import Everything, Public, for_each

ARCSEC = 1 / 3600
PROBLEM = "application/problem+json"
ONE, OTHER, FAR = "ZTF18aagqxtf", "ZTF18aagtxth", "ZTF18faraway"


async def body_of(client: httpx.AsyncClient, path: str, **query: Any) -> Any:
    answer = await client.get(f"/api/v1/objects{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def names_of(client: httpx.AsyncClient, **query: Any) -> list[str]:
    """The names of all pages; those of the pages walked back are the same."""
    pages, cursor = [], ""
    while cursor is not None:
        body = await body_of(client, "", **query, cursor=cursor)
        ObjectList.model_validate(body)
        pages.append([item["object_id"] for item in body["items"]])
        assert body["truncated"] is (body["next"] is not None)
        cursor = body["next"]
    names = [name for page in pages for name in page]
    assert names == sorted(set(names))
    for page in reversed(pages[:-1]):
        body = await body_of(client, "", **query, cursor=body["prev"])
        assert [item["object_id"] for item in body["items"]] == page
        assert body["truncated"] is True
    assert body["prev"] is None
    return names


def hold_sums(body: Any, own: list[Public]) -> None:
    """An object's sums against its packets; the mean and the scatter against astropy's."""
    candidates = [packet.record["candidate"] for packet in own]
    ObjectWithFilters.model_validate(body)
    bands = {name: [c for c in candidates if c["fid"] == fid] for fid, name in enumerate("gri", 1)}
    assert body["alerts"] == len(candidates)
    assert [body[f"alerts_{name}"] for name in "gri"] == [len(b) for b in bands.values()]
    assert [seen["filter"] for seen in body["filters"]] == [n for n, b in bands.items() if b]
    for seen, those in ((body, candidates), *((s, bands[s["filter"]]) for s in body["filters"])):
        assert seen["alerts"] == len(those)
        assert seen["first_jd"] == min(c["jd"] for c in those)
        assert seen["last_jd"] == max(c["jd"] for c in those)
        bright = [c for c in those if c["isdiffpos"] in ("t", "1")]
        best = min(bright, key=lambda c: (c["magpsf"], c["candid"]), default=None)
        assert seen["brightest_candid"] == (best and str(best["candid"]))
        magnitude = best and np.float32(best["magpsf"])
        assert (seen["brightest_magpsf"] and np.float32(seen["brightest_magpsf"])) == magnitude
    places = SkyCoord([c["ra"] for c in candidates], [c["dec"] for c in candidates], unit="deg")
    mean = SkyCoord(places.cartesian.mean(), representation_type="unitspherical")
    shown = SkyCoord(body["ra"], body["dec"], unit="deg")
    assert shown.separation(mean).arcsec < 1e-8
    rms = math.sqrt(np.mean(mean.separation(places).arcsec ** 2))
    assert body["scatter_arcsec"] == pytest.approx(rms, rel=1e-4, abs=1e-8)


async def test_sums_of_every_real_object(everything: Everything) -> None:
    objects = by_object(everything.packets.values())

    async def check(n: int, name: str) -> None:
        body = await body_of(everything.client, f"/{name}")
        hold_sums(body, objects[name])
        if n % 3:  # That lists of an object are its alerts is seen from each third.
            return
        listed = await body_of(everything.client, f"/{name}/alerts", limit=1000)
        assert {int(i["candid"]) for i in listed["items"]} == {p.candid for p in objects[name]}
        assert listed["items"][0]["links"]["object"] == body["links"]["self"]

    await for_each(enumerate(objects), lambda one: check(*one))


async def test_links_lead_on(served: Served) -> None:
    links = (await body_of(served.client, f"/{sky.OBJECT}"))["links"]
    expected = dict.fromkeys(("self", "alerts", "lightcurve"), "application/json")
    expected |= {"cutouts_png": "image/png", "cutouts_zip": "application/zip", "page": "text/html"}
    assert links.keys() == expected.keys()
    for name, kind in expected.items():
        answer = await served.client.get(links[name], headers={"Accept": "*/*"})
        assert answer.status_code == 200
        assert answer.headers["content-type"].split(";")[0] == kind


async def test_alerts_of_an_object_are_those_of_a_search(served: Served) -> None:
    for query in ({}, {"limit": 2}, {"sort": "magpsf"}, {"where": "fid:1"}, {"as_of": 1}):
        own = await body_of(served.client, f"/{sky.OBJECT}/alerts", **query)
        assert own == await served.alerts(query | {"object_id": sky.OBJECT})
    first = await served.client.get(f"/api/v1/objects/{sky.OBJECT}/alerts?limit=2")
    assert len((await served.client.get(first.links["next"]["url"])).json()["items"]) == 1
    none = await body_of(served.client, f"/{sky.OBJECT}/alerts", magpsf__lte=1)
    assert none["items"] == []
    query = {"object_id": "ZTF26aaaa000"}
    answer = await served.client.get(f"/api/v1/objects/{sky.OBJECT}/alerts", params=query)
    assert answer.json()["errors"][0]["parameter"] == "object_id"


async def test_to_list_alerts_of_an_object_takes_no_sums(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it exists is known from one alert: its sums would read them all."""

    async def refuse(*_: object) -> list[Any]:
        raise AssertionError("the sums of an object were asked for")

    monkeypatch.setattr(finding, "read_summaries", refuse)
    assert (await body_of(served.client, f"/{sky.OBJECT}/alerts"))["items"]
    for name, query in (("ZTF00nowhere", {}), (sky.OBJECT, {"as_of": 0})):
        answer = await served.client.get(f"/api/v1/objects/{name}/alerts", params=query)
        assert answer.status_code == 404
    connection = await asyncpg.connect(
        url_of("reader", database_of(served.settings)).replace("+asyncpg", "")
    )
    try:
        await connection.execute("SET enable_seqscan = off")  # A few hundred rows are no archive.
        values = finding.ANY_ALERT.arguments({"object_id": sky.OBJECT, "as_of": 2})
        plan = await connection.fetch(f"EXPLAIN {finding.ANY_ALERT.sql}", *values)
    finally:
        await connection.close()
    assert any("alert_object" in row[0] for row in plan), plan


async def test_alerts_of_an_object_in_other_formats(served: Served) -> None:
    address = f"/api/v1/objects/{sky.OBJECT}/alerts"
    asked: Any
    for asked in ({"params": {"format": "csv"}}, {"headers": {"Accept": "text/csv"}}):
        answer = await served.client.get(address, **asked)
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(answer.text.splitlines()))
        assert [row["candid"] for row in rows] == await served.candids({"object_id": sky.OBJECT})


async def test_kinds_of_points(served: Served) -> None:
    address = f"/{sky.OBJECT}/lightcurve"
    whole = await body_of(served.client, address)
    LightCurve.model_validate(whole)
    counts = Counter(point["kind"] for point in whole["points"])
    assert counts == {"detection": 3, "earlier_detection": 1, "upper_limit": 1, "forced": 2}
    for kind, count in counts.items():
        assert len((await body_of(served.client, address, kind=kind))["points"]) == count
    two = await body_of(served.client, address, kind=["forced", "upper_limit"])
    assert [p for p in whole["points"] if p["kind"] in ("forced", "upper_limit")] == two["points"]
    assert await body_of(served.client, address, kind="", merged=" ", as_of="") == whole


# -------------------------------------------------------------------------------------------------
# Cones and bodies
# -------------------------------------------------------------------------------------------------


def all_objects() -> tuple[list[str], SkyCoord]:
    """The object of each alert of sky.py, and where the alert is."""
    rows = [(f"ZTF26aaaa{n:03d}", ra, dec) for n, (_, ra, dec) in enumerate(sky.positions())]
    rows += [(sky.OBJECT, 100.0, -20.0), ("ZTF26nostamp", 200.0, 10.0)]
    rows += [("ZTF26withhel", 201.0, 10.0), ("ZTF26aaalate", 150.0, 30.0)]
    names, ra, dec = zip(*rows, strict=True)
    return list(names), SkyCoord(list(ra), list(dec), unit="deg")


@pytest.mark.parametrize("radius", [2 * ARCSEC, 1 / 60, 1.0, 9.5])
async def test_objects_in_a_cone_are_brute_force(served: Served, radius: float) -> None:
    names, places = all_objects()
    found = 0
    for ra, dec in [*CENTRES, (100.0, -20.0)]:
        inside = SkyCoord(ra, dec, unit="deg").separation(places) < radius * units.deg
        expected = {name for name, hit in zip(names, inside, strict=True) if hit}
        got = await names_of(served.client, cone=f"{ra},{dec},{radius!r}", limit=17)
        assert set(got) == expected
        found += len(got)
    assert found >= 5


@pytest.mark.parametrize("radius", [1.0, 10.0])
async def test_real_objects_in_a_cone(everything: Everything, radius: float) -> None:
    candidates = [
        (p.record["objectId"], p.record["candidate"]) for p in everything.packets.values()
    ]
    places = SkyCoord(
        [c["ra"] for _, c in candidates], [c["dec"] for _, c in candidates], unit="deg"
    )

    async def check(n: int) -> None:
        name, centre = candidates[n]
        inside = places[n].separation(places).deg < radius
        expected = {candidates[i][0] for i in np.flatnonzero(inside)}
        cone = f"{centre['ra']!r},{centre['dec']!r},{radius}"
        body = await body_of(everything.client, "", cone=cone, limit=1000)
        assert {item["object_id"] for item in body["items"]} == expected
        # The sums are over all alerts, wherever they are.
        item = next(item for item in body["items"] if item["object_id"] == name)
        one = await body_of(everything.client, f"/{name}")
        assert item == {key: one[key] for key in item}

    await for_each(range(0, len(candidates), 12), check)


async def test_bodies(everything: Everything) -> None:
    names = defaultdict(set)
    for packet in everything.packets.values():
        names[packet.record["candidate"]["ssnamenr"]].add(packet.record["objectId"])
    del names["null"]
    assert len(names) > 80
    for body, expected in names.items():
        assert set(await names_of(everything.client, ssnamenr=body)) == expected
    for spelling in ("2010CG48", "2010 CG48", "2010 cg48"):
        assert set(await names_of(everything.client, ssnamenr=spelling)) == names["2010CG48"]
    assert set(await names_of(everything.client, ssnamenr="2830 Greenwich")) == names["2830"]
    assert await names_of(everything.client, ssnamenr="null") == []


async def test_body_and_cone(served: Served) -> None:
    bodies = [f"ZTF26aaaa{n:03d}" for n in range(0, len(sky.positions()), 50)]
    assert await names_of(served.client, ssnamenr="433", limit=2) == bodies
    first = await names_of(served.client, ssnamenr="(433) Eros", cone="0,0,1")
    assert first[0] == bodies[0]
    assert 1 <= len(first) < len(bodies)


async def test_pages_stay_what_they_were() -> None:
    """What comes in between two pages is on neither, and sums do not move."""
    async with fresh_archive() as settings:
        first = [
            packets.packet(candid=sky.BASE + n, object_id=f"ZTF26aaa{n}", ra=10.0, dec=20.0)
            for n in (0, 2, 4)
        ]
        await take_in(settings, first, "ztf_20260131_programid1")
        async with serving(settings) as client:
            query = {"cone": "10,20,0.1", "limit": 1}
            page = await body_of(client, "", **query)
            whole = await body_of(client, "", cone="10,20,0.1")
            later = [
                packets.packet(candid=sky.FIRST + n, object_id=f"ZTF26aaa{n}", ra=10.0, dec=20.0)
                for n in (1, 2, 3)
            ]
            await take_in(settings, later, "ztf_20260131_programid1", 10)
            items = page["items"]
            while page["next"]:
                page = await body_of(client, "", **query, cursor=page["next"])
                assert page["as_of"] == 1
                items += page["items"]
            assert items == whole["items"]
            assert await body_of(client, "", cone="10,20,0.1", as_of=1) == whole
            now = await body_of(client, "", cone="10,20,0.1")
            assert [i["alerts"] for i in now["items"]] == [1, 1, 2, 1, 1]


# -------------------------------------------------------------------------------------------------
# Objects at one place
# -------------------------------------------------------------------------------------------------


def two_names() -> list[bytes]:
    """Two names 0.03 arcsec apart across RA 0, one in the other's history; a third is 1.6 away."""
    here, ra = 60.0, 360 - 1e-6
    shared = 3_304_100_000_015
    hidden = packets.limit(pid=sky.FIRST // 10**6)
    lists: Any = {"prv_candidates": [packets.detection(candid=sky.BASE, magpsf=17.5), hidden]}
    lists["fp_hists"] = [packets.forced(pid=shared, forcediffimflux=200.0)]
    plain = [packets.limit(pid=shared + 10_000), packets.detection(candid=sky.BEFORE)]
    forced = [packets.forced(pid=shared, forcediffimflux=100.0)]
    away = here + 1.6 * ARCSEC
    place: Any = {"ra": ra, "dec": here}
    other: Any = {"ra": 1e-6, "dec": here + 0.03 * ARCSEC}
    return [
        packets.packet(candid=sky.BASE, object_id=ONE, **place),
        packets.packet(
            candid=sky.FIRST, object_id=ONE, prv_candidates=plain, fp_hists=forced, **place
        ),
        packets.packet(candid=sky.SECOND, object_id=OTHER, **lists, **other),
        packets.packet(candid=sky.THIRD, object_id=FAR, ra=ra, dec=away),
    ]


async def test_two_names_of_one_star() -> None:
    async with fresh_archive() as settings:
        for n, message in enumerate(two_names()):
            await take_in(settings, [message], "ztf_20260131_programid1", n)
        async with serving(settings) as client:
            alone = await body_of(client, f"/{OTHER}/lightcurve")
            assert alone["object_ids"] == [OTHER]
            assert not any("object_id" in point for point in alone["points"])
            assert Counter(p["kind"] for p in alone["points"]) == {
                "detection": 1,
                "earlier_detection": 1,
                "upper_limit": 1,
                "forced": 1,
            }
            first = await body_of(client, f"/{ONE}/lightcurve", merged="true")
            second = await body_of(client, f"/{OTHER}/lightcurve", merged="true")
            LightCurve.model_validate(first)
            assert first["object_ids"] == second["object_ids"] == [ONE, OTHER]
            assert first["points"] == second["points"]
            # ONE's alert is no earlier detection of OTHER, nor is its exposure a limit.
            assert Counter((p["kind"], p["object_id"]) for p in first["points"]) == {
                ("detection", ONE): 2,
                ("detection", OTHER): 1,
                ("earlier_detection", ONE): 1,
                ("upper_limit", ONE): 1,
                ("forced", ONE): 1,
                ("forced", OTHER): 1,
            }
            flux = {p["object_id"]: p["snr"] for p in first["points"] if p["kind"] == "forced"}
            assert flux[OTHER] == pytest.approx(2 * flux[ONE])
            before = await body_of(client, f"/{ONE}/lightcurve", merged="true", as_of=2)
            assert before["object_ids"] == [ONE]
            far = await body_of(client, f"/{FAR}/lightcurve", merged="true")
            assert far["object_ids"] == [FAR]
            answer = await client.get(f"/api/v1/objects/{ONE}x/lightcurve?merged=true")
            assert answer.status_code == 404


async def test_a_merged_curve_of_one_name_is_its_own(everything: Everything) -> None:
    """Real objects far from any other, and those that are near one: as brute force says."""
    objects = by_object(everything.packets.values())
    names = sorted(objects)
    means = []
    for name in names:
        candidates = [p.record["candidate"] for p in objects[name]]
        places = SkyCoord([c["ra"] for c in candidates], [c["dec"] for c in candidates], unit="deg")
        means.append(places.cartesian.mean())
    sky_of = SkyCoord(
        [m.x for m in means], [m.y for m in means], [m.z for m in means],
        representation_type="cartesian",
    )  # fmt: skip

    async def check(n: int) -> None:
        near = sky_of[n].separation(sky_of).arcsec < 1.5
        body = await body_of(everything.client, f"/{names[n]}/lightcurve", merged="true")
        assert body["object_ids"] == [names[i] for i in np.flatnonzero(near)]
        if near.sum() == 1:
            own = await body_of(everything.client, f"/{names[n]}/lightcurve")
            assert [p | {"object_id": names[n]} for p in own["points"]] == body["points"]

    await for_each(range(0, len(names), 5), check)


# -------------------------------------------------------------------------------------------------
# What cannot be
# -------------------------------------------------------------------------------------------------

NO_OBJECTS = ["ZTF00nowhere", "\0", "<b>", "a,b", f"{sky.OBJECT},x", "x" * 10_000, "%", " "]


@pytest.mark.parametrize("part", ["", "/alerts", "/lightcurve", "/lightcurve?merged=true"])
async def test_unknown_objects(served: Served, part: str) -> None:
    for name in NO_OBJECTS:
        answer = await served.client.get(f"/api/v1/objects/{quote(name, safe='')}{part}")
        assert answer.status_code == 404, (name, answer.text)
        assert answer.headers["content-type"] == PROBLEM


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("", ["cone", "ssnamenr", "limit", "cursor", "as_of", "rb__gte", "sort", "where"]),
        (f"/{sky.OBJECT}", ["as_of", "merged", "format"]),
        (f"/{sky.OBJECT}/alerts", ["cone", "cursor", "as_of", "where", "object_id"]),
        (f"/{sky.OBJECT}/lightcurve", ["as_of", "merged", "kind", "limit"]),
    ],
)
async def test_hostile_values(served: Served, path: str, names: list[str]) -> None:
    for name in names:
        for value in HOSTILE:
            answer = await served.client.get(f"/api/v1/objects{path}", params={name: value})
            # No object is in the archive of batch 0.
            allowed = (200, 404, 422) if (name, value) == ("as_of", "-0") else (200, 422)
            assert answer.status_code in allowed, (name, value, answer.text)
            if answer.status_code == 422:
                assert answer.headers["content-type"] == PROBLEM
                assert answer.json()["errors"][0]["parameter"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("", "cone"),
        ("?cone=&ssnamenr= ", "cone"),
        ("?cone=0,0,11", "cone"),
        ("?cone=0,0,1&limit=1001", "limit"),
        ("?cone=0,0,1&radius=1", "radius"),
        ("?cone=0,0,1&cone=1,1,1", "cone"),
        ("?cone=0,0,1&sort=-object_id", "sort"),
        ("?cone=0,0,1&as_of=99", "as_of"),
        (f"/{sky.OBJECT}?as_of=1&as_of=2", "as_of"),
        (f"/{sky.OBJECT}/lightcurve?kind=detections", "kind"),
        (f"/{sky.OBJECT}/lightcurve?merged=true&merged=false", "merged"),
        (f"/{sky.OBJECT}/lightcurve?as_of=1_0", "as_of"),
        (f"/{sky.OBJECT}/lightcurve?as_of=-1", "as_of"),
    ],
)
async def test_what_is_refused_is_named(served: Served, query: str, parameter: str) -> None:
    answer = await served.client.get(f"/api/v1/objects{query}")
    assert answer.status_code == 422, answer.text
    assert parameter in {error["parameter"] for error in answer.json()["errors"]}


async def test_a_cursor_of_another_list(served: Served) -> None:
    token = (await body_of(served.client, "", cone="0,0,1", limit=1))["next"]
    for query in ({"cone": "0,0,2"}, {"ssnamenr": "433"}):
        answer = await served.client.get("/api/v1/objects", params=query | {"cursor": token})
        assert answer.status_code == 422
    broken = [token[:n] + "A" + token[n + 1 :] for n in range(len(token))]
    for cursor in broken:
        query = {"cone": "0,0,1", "limit": "1", "cursor": cursor}
        answer = await served.client.get("/api/v1/objects", params=query)
        assert answer.status_code in (200, 422), answer.text


async def test_a_history_that_is_no_list(everything: Everything) -> None:
    """Packets without any history have a curve too: their alerts."""
    alone = [
        own
        for own in by_object(everything.packets.values()).values()
        if not any(earlier(p) or p.record.get("fp_hists") for p in own)
    ]
    assert alone
    for own in alone:
        name = own[0].record["objectId"]
        body = await body_of(everything.client, f"/{name}/lightcurve")
        assert {p["kind"] for p in body["points"]} == {"detection"}
        assert len(body["points"]) == len(own)


async def test_odd_objects_have_sums_too() -> None:
    """Alerts opposite each other, of an unknown filter, all fainter than the reference."""
    name = "ZTF26odd,name"
    messages = [
        packets.packet(candid=sky.BASE, object_id=name, ra=0.0, dec=0.0, fid=9, isdiffpos="f"),
        packets.packet(candid=sky.FIRST, object_id=name, ra=180.0, dec=0.0, isdiffpos="f"),
    ]
    async with fresh_archive() as settings:
        await take_in(settings, messages, "ztf_20260131_programid1")
        async with serving(settings) as client:
            address = "/" + quote(name, safe="")
            body = await body_of(client, address)
            ObjectWithFilters.model_validate(body)
            assert body["alerts"] == 2
            assert sum(body[f"alerts_{band}"] for band in "gri") == 1
            assert [seen["filter"] for seen in body["filters"]].count(None) == 1
            assert (body["brightest_candid"], body["brightest_filter"]) == (None, None)
            assert math.isfinite(body["ra"] + body["dec"] + body["scatter_arcsec"])
            curve = await body_of(client, f"{address}/lightcurve", merged="true")
            assert [point["object_id"] for point in curve["points"]] == [name, name]
            listed = await body_of(client, "", cone="180,0,1")
            assert [item["object_id"] for item in listed["items"]] == [name]
            assert (await client.get(listed["items"][0]["links"]["self"])).json() == body
