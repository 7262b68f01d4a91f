"""Cone search, DataLink and the record: what clients make of them is in tests/vo."""

import io
from typing import Any

import pytest
from astropy.io.votable import parse
from lxml import etree

from tests.app import sky
from tests.app.conftest import Served
from tests.app.vo.asking import ask, rows

LINKS = "/vo/datalink/links"


async def cone(served: Served, **given: Any) -> Any:
    answer = await served.client.get("/vo/scs", params=given)
    assert answer.status_code == 200, answer.text
    return parse(io.BytesIO(answer.content)).get_first_table()


async def test_a_cone_holds_what_the_api_finds(served: Served) -> None:
    for ra, dec, radius in ((150, 30, 1.0), (0, 0, 0.7), (12, 89.9, 1.2)):
        found = await cone(served, RA=ra, DEC=dec, SR=radius)
        want = await served.candids({"cone": f"{ra},{dec},{radius}", "limit": 1000})
        assert list(found.array["candid"]) == want
        assert len(want) > 10


@pytest.mark.parametrize("verb", [1, 2, 3])
async def test_three_columns_have_the_ucds_that_cone_search_wants(
    served: Served, verb: int
) -> None:
    found = await cone(served, RA=150, DEC=30, SR=1, VERB=verb)
    main = {f.ucd: (f.name, f.datatype) for f in found.fields if f.ucd and f.ucd.isupper()}
    assert main == {
        "ID_MAIN": ("candid", "char"),
        "POS_EQ_RA_MAIN": ("ra", "double"),
        "POS_EQ_DEC_MAIN": ("dec", "double"),
    }
    assert not any("meta.main" in (field.ucd or "") for field in found.fields)
    assert all(field.name == field.ID for field in found.fields)
    assert len(found.fields) == {1: 7, 2: 15}.get(verb, len(found.fields))


@pytest.mark.parametrize("given", [{"SR": 0}, {"SR": 1, "MAXREC": 0}])
async def test_columns_alone_can_be_asked_for(served: Served, given: dict[str, Any]) -> None:
    found = await cone(served, RA=150, DEC=30, **given)
    assert (len(found.array), len(found.fields)) == (0, 15)


async def test_a_cone_that_is_cut_says_so(served: Served) -> None:
    given = {"ra": 150, "dec": 30, "sr": 1, "maxrec": 3, "nonsense": 1}
    answer = await served.client.post("/vo/scs", data=given)
    assert b'value="OVERFLOW"' in answer.content
    assert len(parse(io.BytesIO(answer.content)).get_first_table().array) == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"RA": 1, "DEC": 2}, "SR is missing"),
        ({"RA": "x", "DEC": 2, "SR": 1}, "RA must be a number"),
        ({"RA": 1, "DEC": 99, "SR": 1}, "dec must be between -90 and 90"),
        ({"RA": 1, "DEC": 2, "SR": 180}, "radius must be between"),
        ({"RA": 1, "DEC": 2, "SR": 1, "VERB": 4}, "VERB must be 1, 2 or 3"),
    ],
)
async def test_errors_of_a_cone_are_infos(served: Served, given: Any, said: str) -> None:
    answer = await served.client.get("/vo/scs", params=given)
    assert answer.status_code == 200
    (info,) = parse(io.BytesIO(answer.content)).resources[0].infos
    assert info.name == "Error"
    assert said in str(info.value)


async def test_links_of_an_alert_lead_to_what_they_say(served: Served) -> None:
    answer = await served.client.get(LINKS, params={"ID": str(sky.FIRST)})
    assert "content=datalink" in answer.headers["content-type"]
    found = parse(io.BytesIO(answer.content)).get_first_table().array
    kinds = [row["semantics"] for row in found]
    assert kinds == [
        "#this",
        "#preview-image",
        "#auxiliary",
        "#auxiliary",
        "#derivation",
        "#derivation",
        "#auxiliary",
    ]
    for row in found:
        accept = {"Accept": str(row["content_type"])}
        thing = await served.client.get(row["access_url"], headers=accept)
        assert thing.status_code == 200, row["access_url"]
        assert thing.headers["content-type"].split(";")[0] == row["content_type"]
        if row["semantics"] == "#this":
            assert len(thing.content) == row["content_length"]


async def test_links_of_many_ids_come_in_their_order(served: Served) -> None:
    ids = [str(sky.SECOND), "nonsense", str(sky.NO_STAMPS), str(sky.WITHHELD), "1"]
    answer = await served.client.post(LINKS, data={"id": ids})
    found = parse(io.BytesIO(answer.content)).get_first_table().array
    assert list(dict.fromkeys(found["ID"])) == ids
    own = {one: [row for row in found if row["ID"] == one] for one in ids}
    for unknown in ("nonsense", "1"):
        (row,) = own[unknown]
        assert row["error_message"].startswith("NotFoundFault")
        assert row["access_url"] in ("", None) or row["access_url"] is not row["error_message"]
    assert "#auxiliary" in {row["semantics"] for row in own[str(sky.NO_STAMPS)]}
    assert not any("cutouts" in str(row["access_url"]) for row in own[str(sky.NO_STAMPS)])
    assert "#this" not in {row["semantics"] for row in own[str(sky.WITHHELD)]}
    many = await served.client.post(LINKS, data={"ID": ["1"] * 1001})
    assert (many.status_code, b"at most 1000" in many.content) == (400, True)


async def test_every_votable_of_alerts_leads_to_links(served: Served) -> None:
    (candid,) = (await rows(served.client, "SELECT MIN(candid) FROM alert"))[0]
    answers = [
        await ask(served.client, "SELECT TOP 1 ra, candid AS id FROM alert"),
        await served.client.get("/vo/scs", params={"RA": 150, "DEC": 30, "SR": 1}),
        await served.client.get("/api/v1/alerts", params={"format": "votable", "limit": 1}),
        await served.client.get(
            f"/api/v1/objects/{sky.OBJECT}/lightcurve", params={"format": "votable"}
        ),
    ]
    for answer, own in zip(answers, ("id", "candid", "candid", "candid"), strict=True):
        root = etree.fromstring(answer.content)
        (service,) = root.iterfind(".//{*}RESOURCE[@utype='adhoc:service']")
        address = service.find("{*}PARAM[@name='accessURL']")
        (given,) = service.iterfind(".//{*}GROUP[@name='inputParams']/{*}PARAM")
        assert address is not None
        assert address.get("value", "").endswith(LINKS)
        assert given.get("ref") == own
        assert root.find(f".//{{*}}FIELD[@ID='{own}']") is not None
    without = await ask(served.client, "SELECT TOP 1 ra FROM alert")
    assert b"adhoc:service" not in without.content
    assert candid


async def test_the_record_names_the_services(served: Served) -> None:
    answer = await served.client.get("/vo/record.xml")
    root = etree.fromstring(answer.content)
    base = str(served.client.base_url).rstrip("/")
    addresses = [one.text for one in root.iter("accessURL")]
    assert addresses == [f"{base}/vo/tap", f"{base}/vo/scs?", f"{base}{LINKS}"]
