"""Searches around a name: where it was found is told, and is the same as its cone."""

from typing import Any

import pytest

from app.alerts.models import AlertList
from app.errors import BadParameters
from app.search.regions import Named
from app.search.search import parse_search
from tests import packets
from tests.app import sky
from tests.app.conftest import Served, fresh_archive, serving, take_in
from tests.app.names.cds import SKY, serving_cds


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("M31", Named("M31", None)),
        (" m101 , 5", Named("m101", 5.0)),
        ('SN 2018cow,30"', Named("SN 2018cow", 30 / 3600)),
        ("a,b,1'", Named("a,b", 1 / 60)),
        # Coordinates are two numbers; a third is the radius.
        ("10.68, 41.27", Named("10.68, 41.27", None)),
        ("10.68,41.27,2", Named("10.68,41.27", 2.0)),
        ("(10.68, 41.27)", Named("(10.68, 41.27)", None)),
        ("RA=10.68, DEC=41.27", Named("RA=10.68, DEC=41.27", None)),
        ("00:42:44.3, +41:16:09", Named("00:42:44.3, +41:16:09", None)),
        ("00:42:44.3, +41:16:09, 2'", Named("00:42:44.3, +41:16:09", 2 / 60)),
        ("ZTF18abcdxyz,", Named("ZTF18abcdxyz,", None)),
    ],
)
def test_read(text: str, named: Named) -> None:
    read = parse_search([("name", text)]).named
    assert read is not None
    assert (read.name.strip(), read.radius) == (named.name, named.radius)


@pytest.mark.parametrize("text", ["M31,11", "M31,0", "M31,x", "M31,-1", "a\0b", "x" * 300])
def test_refused(text: str) -> None:
    with pytest.raises(BadParameters) as caught:
        parse_search([("name", text)])
    assert [e.parameter for e in caught.value.errors] == ["name"]


@pytest.mark.parametrize(
    ("name", "ra", "dec"), [(sky.OBJECT, 100.0, -20.0), ("100.0 -20.0", 100.0, -20.0)]
)
async def test_is_its_cone(served: Served, name: str, ra: float, dec: float) -> None:
    query: dict[str, Any] = {"name": f"{name},1", "limit": 2}
    answer = await served.client.get("/api/v1/alerts", params=query)
    body = answer.json()
    AlertList.model_validate(body)
    place = body["place"]
    assert (place["ra"], place["dec"]) == pytest.approx((ra, dec), abs=1e-9)
    assert place["radius"] == 1
    assert len(body["items"]) == 2
    around = {"cone": answer.headers["x-cone"], "limit": 2}
    assert (await served.alerts(around))["items"] == body["items"]
    # A cursor is of the place, whatever it is called.
    for same in (query, around):
        last = await served.alerts(same | {"cursor": body["next"]})
        assert [item["candid"] for item in last["items"]] == [str(sky.FIRST)]
    table = await served.client.get("/api/v1/alerts", params=query | {"format": "csv"})
    assert table.headers["x-cone"] == answer.headers["x-cone"]


async def test_its_own_radius(served: Served) -> None:
    body = await served.alerts({"name": sky.OBJECT})
    assert body["place"]["radius"] == pytest.approx(2 / 3600)
    assert len(body["items"]) == 3
    assert len(await served.candids({"name": sky.OBJECT, "sort": "magpsf"})) == 3


async def test_what_is_no_place(served: Served) -> None:
    for query, status, parameter in (
        ({"name": "ZTF00nothing"}, 404, None),
        ({"name": "433 Eros"}, 404, None),
        ({"name": "Nobody's Star"}, 503, None),
        ({"name": "0 91"}, 422, "name"),
        ({"name": "M31", "cone": "1,2,3"}, 422, "name"),
        ({"name": "M31", "cursor": (await served.alerts({"limit": 1}))["next"]}, 422, "cursor"),
        ({"name": f"{sky.OBJECT} r=11"}, 422, "name"),
    ):
        answer = await served.client.get("/api/v1/alerts", params=query)
        assert answer.status_code == status, (query, answer.text)
        if parameter:
            assert answer.json()["errors"][0]["parameter"] == parameter


async def test_a_name_that_cds_knows() -> None:
    """An alert lies there; what CDS does not know either is a 404."""
    ra, dec = SKY["SN 2018cow"]
    there = packets.packet(candid=sky.BASE + 5, ra=ra, dec=dec + 0.05, object_id="ZTF18abcow")
    async with fresh_archive() as settings, serving_cds() as cds:
        await take_in(settings, [*sky.first_batch(), there], "ztf_20260131_programid1")
        asked = settings.model_copy(update=cds.settings)
        async with serving(asked) as client:
            served = Served(client, asked)
            body = await served.alerts({"name": "SN 2018cow,5'"})
            assert await served.candids({"name": "SN 2018cow,2'"}) == []
            unknown = await client.get("/api/v1/alerts", params={"name": "Nobody's Star"})
    assert (body["place"]["ra"], body["place"]["dec"]) == (ra, dec)
    assert [item["object_id"] for item in body["items"]] == ["ZTF18abcow"]
    assert unknown.status_code == 404
