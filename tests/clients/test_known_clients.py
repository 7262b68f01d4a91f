"""The other clients known to depend on MARS: each one's request and what it reads of the answer."""

import asyncio
import hashlib
import io
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import fastavro
import lxml.html
import pandas
import pytest
from astropy.coordinates import SkyCoord
from astropy.time import Time

from tests.real_archive import Everything

M31, M101 = (10.684708, 41.268750), (210.802429, 54.348950)
"""ra and dec [deg] of NASA/IPAC's Extragalactic Database."""
SUPERNOVA = "ZTF21abiuvdk"
WHOLE_FORM = """
sort_value sort_order objectId candid time__gt time__lt time__since jd__gt jd__lt filter cone
objectcone objectidps ra__gt ra__lt dec__gt dec__lt l__gt l__lt b__gt b__lt magpsf__gte magpsf__lte
sigmapsf__lte magap__gte magap__lte distnr__gte distnr__lte deltamaglatest__gte
deltamaglatest__lte deltamagref__gte deltamagref__lte elong__lte nbad__lte rb__gte drb__gte
classtar__gte classtar__lte fwhm__lte
""".split()
HEADERS = "id objectId time filter ra dec magpsf magap distnr Δmaglatest Δmagref rb".split()


def matching(everything: Everything, test: Callable[[dict[str, Any]], bool]) -> list[int]:
    """Candids whose candidate passes, newest first, straight from the packets."""
    found = [
        (public.record["candidate"]["jd"], candid)
        for candid, public in everything.packets.items()
        if test(public.record["candidate"])
    ]
    return [candid for _, candid in sorted(found, reverse=True)]


def within(everything: Everything, ra: float, dec: float, radius: float) -> list[int]:
    """Candids within a radius [deg], newest first."""
    candidates = [public.record["candidate"] for public in everything.packets.values()]
    places = SkyCoord([(c["ra"], c["dec"]) for c in candidates], unit="deg")
    near = SkyCoord(ra, dec, unit="deg").separation(places).deg < radius
    inside = {c["candid"] for c, is_near in zip(candidates, near, strict=True) if is_near}
    return matching(everything, lambda candidate: candidate["candid"] in inside)


async def get(everything: Everything, address: str) -> Any:
    """The JSON of an address as a client writes it out."""
    answer = await everything.client.get(address)
    assert answer.status_code == 200, answer.text[:500]
    return answer.json()


async def test_demo_notebook(everything: Everything, steps: list[str]) -> None:
    """The cells of MARS's own notebooks: a search, then an original packet and its stamp."""
    answer = await get(everything, "/?format=json&rb__gte=0.95&sort_value=rb")
    good = matching(everything, lambda c: bool(c["rb"] >= 0.95))
    assert {alert["candid"] for alert in answer["results"]} == set(good)
    scores = [alert["candidate"]["rb"] for alert in answer["results"]]
    assert scores == sorted(scores, reverse=True)
    assert (await get(everything, "/?format=json&time__since=864000"))["results"] == []
    newest = matching(everything, lambda c: True)[:10]
    jd = everything.packets[newest[-1]].record["candidate"]["jd"]
    since = int(time.time() - Time(jd, format="jd").unix) + 1
    answer = await get(everything, f"/?format=json&time__since={since}")
    assert [alert["candid"] for alert in answer["results"]] == newest
    packet = await everything.client.get(answer["results"][0]["avro"])
    (record,) = fastavro.reader(io.BytesIO(packet.content))
    assert isinstance(record, dict)
    assert record["candid"] == newest[0]
    assert record["cutoutScience"]["stampData"].startswith(b"\x1f\x8b")
    steps.append(f"demo notebooks: rb__gte=0.95 {len(good)} alerts, time__since, avro")


async def test_demo_notebook_by_name(everything: Everything, steps: list[str]) -> None:
    answer = await get(everything, "/?format=json&objectcone=m101%2C+5")
    nearby = within(everything, *M101, 5)
    assert nearby
    assert {alert["candid"] for alert in answer["results"]} == set(nearby)
    steps.append(f"demo notebooks: objectcone='m101, 5' {len(nearby)} alerts")


async def test_supernova_exchange(everything: Everything, steps: list[str]) -> None:
    """SNEx2, hooks of TOMs, BHTOM: a bulk query by name, turned into photometry."""
    for body in ({"queries": [{"objectId": SUPERNOVA}]}, {"queries": [{"objectId": "ZTF0"}]}):
        answer = await everything.client.post("/", json=body)
        assert answer.status_code == 200, answer.text[:500]
        (result,) = answer.json()["results"]
        wanted = [
            public
            for public in everything.packets.values()
            if public.record["objectId"] == body["queries"][0]["objectId"]
        ]
        read = ("jd", "magpsf", "fid", "sigmapsf", "magnr", "sigmagnr")
        rows = {tuple(alert["candidate"][name] for name in read) for alert in result["results"]}
        assert rows == {tuple(p.record["candidate"][name] for name in read) for p in wanted}
        assert result["num_alerts"] == len(wanted) == len(result["results"])
        assert all(isinstance(alert["lco_id"], int) for alert in result["results"])
        steps.append(f"SNEx2, TOM hooks, BHTOM: bulk POST by objectId, {len(wanted)} alerts")


async def test_microlensing_pipeline(everything: Everything, steps: list[str]) -> None:
    """Many cones in one POST; `total` says whether to look closer."""
    cones = [(0.81429, 16.14569, 0.0006), (7.80625, 85.00884, 0.0006), (100.0, -80.0, 0.0006)]
    queries = [{"cone": f"{ra},{dec},{radius}"} for ra, dec, radius in cones]
    answer = (await everything.client.post("/", json={"queries": queries})).json()
    wanted = [within(everything, *cone) for cone in cones]
    found = [[alert["candid"] for alert in one["results"]] for one in answer["results"]]
    assert found == wanted
    assert answer["total"] == sum(map(len, wanted)) == 34 + 21
    steps.append(f"microlensing pipelines: {len(cones)} cones, total {answer['total']}")


async def test_alerce_services(everything: Everything, real: Path, steps: list[str]) -> None:
    """One candid, exactly one alert, and the original by its address, byte for byte."""
    listed = set((real / "ztf" / "manifest.csv").read_text().replace("\n", ",").split(","))
    candids = list(everything.packets)[::40]
    assert len(candids) > 20
    for candid in candids:
        (alert,) = (await get(everything, f"/?candid={candid}&format=json"))["results"]
        assert alert["candid"] == candid == alert["candidate"]["candid"]
        assert type(alert["candid"]) is int
        assert alert["avro"].startswith(str(everything.client.base_url))
        original = await everything.client.get(alert["avro"])
        assert original.status_code == 200
        assert hashlib.sha1(original.content).hexdigest() in listed
    steps.append(f"ALeRCE stamp and avro services: {len(candids)} candids, originals downloaded")


async def test_atlas_and_yse_scripts(everything: Everything, steps: list[str]) -> None:
    """Their address to the letter; they tell the sign by isdiffpos."""
    ra, dec = 0.81429, 16.14569
    order = "format=json&sort_value=jd&sort_order=desc"
    answer = await get(everything, f"/?{order}&cone={ra:.7f}%2C{dec:.7f}%2C0.0014")
    wanted = within(everything, ra, dec, 0.0014)
    assert [alert["candid"] for alert in answer["results"]] == wanted
    for alert in answer["results"]:
        sent = everything.packets[alert["candid"]].record["candidate"]
        names = ("isdiffpos", "magpsf", "sigmapsf", "magap", "sigmagap", "jd")
        assert [alert["candidate"][n] for n in names] == [sent[n] for n in names]
        assert alert["candidate"]["filter"] == {1: "g", 2: "r"}[sent["fid"]]
    steps.append(f"ATLAS/YSE scripts: cone of 0.0014 deg, {len(wanted)} alerts")


async def test_m31_scraper(everything: Everything, steps: list[str]) -> None:
    """Page after page around M31, up to page 350, until there is none."""
    for name, place, radius in (("m31", M31, "1.5"), ("m31", M31, "40"), ("M101", M101, "60")):
        candids, pages = [], 0
        for page in range(1, 351):
            answer = await everything.client.get(
                f"/?objectcone={name}%2C{radius}&page={page}&format=json"
            )
            if answer.status_code == 404:
                break
            pages += 1
            candids += [alert["candid"] for alert in answer.json()["results"]]
        assert candids == sorted(set(candids), key=candids.index)
        assert set(candids) == set(within(everything, *place, float(radius)))
        steps.append(f"M31 scraper: {name}, {radius} deg: {len(candids)} alerts, {pages} pages")


@pytest.mark.parametrize("given", [{"objectId": SUPERNOVA}, {"rb__gte": "0.95"}])
async def test_html_scrapers(everything: Everything, steps: list[str], given: Any) -> None:
    """`pandas.read_html(url)[0]` over the whole form, empty values and all."""
    query = urlencode(dict.fromkeys(WHOLE_FORM, "") | given)
    address = f"{str(everything.client.base_url).rstrip('/')}/?{query}"
    table = (await asyncio.to_thread(pandas.read_html, address))[0]
    assert list(table.columns)[:12] == HEADERS
    answer = await get(everything, f"/?{query}&format=json")
    assert list(table["id"]) == [alert["lco_id"] for alert in answer["results"]]
    assert len(table) > 10
    for n, alert in enumerate(answer["results"]):
        row, candidate = table.iloc[n], alert["candidate"]
        assert row["objectId"] == alert["objectId"]
        taken = parsedate_to_datetime(candidate["wall_time"])
        assert row["time"] == taken.strftime("%Y-%m-%d %H:%M:%S")
        assert row["magpsf"] == pytest.approx(candidate["magpsf"], abs=0.0051)
        assert row["ra"] == pytest.approx(candidate["ra"], abs=0.0000051)
    steps.append(f"HTML scrapers: pandas.read_html over the whole form, {len(table)} rows")


async def test_link_makers(everything: Everything, steps: list[str]) -> None:
    """A link to a cone opens as a page."""
    answer = await everything.client.get(
        "/?cone=0.81429%2C16.14569%2C0.0006", headers={"Accept": "text/html,*/*;q=0.8"}
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    table = lxml.html.document_fromstring(answer.text).xpath("(//table)[1]")[0]
    assert table.text_content().count(SUPERNOVA) == 34
    steps.append("link makers: a cone as a page")
