"""clients/tom_mars in a TOM made by TOM Toolkit's template, against a server of real packets."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from astropy.time import Time

from tests.real_archive import Everything
from tests.tom.conftest import PACKAGE, Tom

SUPERNOVA = "ZTF21abiuvdk"
QUERY = {"filters": "rb__gte=0.5\nmagpsf__lte=19.5"}
WRONG = [{"filters": "maqpsf__lte=18"}, {"watch": "no such watch"}]
BANDS = {1: "g", 2: "r", 3: "i"}


@pytest.fixture(scope="module")
async def told(everything: Everything, tom: Tom) -> dict[str, Any]:
    """What the TOM said of each step."""
    asked = json.dumps({"query": QUERY, "object": SUPERNOVA, "wrong": WRONG})
    url = str(everything.client.base_url).rstrip("/")
    out = await tom.run(Path(__file__).with_name("use.py"), asked, url=url)
    found = [json.loads(line) for line in out.splitlines()]
    return {one.pop("step"): one for one in found}


def matching(everything: Everything) -> list[tuple[int, str]]:
    """What the query asks for, straight from the packets, newest first."""
    found = [
        (public.record["candidate"]["jd"], candid, public.record["objectId"])
        for candid, public in everything.packets.items()
        if public.record["candidate"]["rb"] >= 0.5 and public.record["candidate"]["magpsf"] <= 19.5
    ]
    return [(candid, name) for _, candid, name in sorted(found, reverse=True)]


def test_a_query_over_many_pages_to_its_end(
    told: dict[str, Any], everything: Everything, steps: list[str]
) -> None:
    expected = matching(everything)
    assert len(expected) > 300
    query = told["query"]
    assert query["candids"] == [str(candid) for candid, _ in expected]
    assert query["pages"] == -(-len(expected) // 100)
    assert query["names"] == list(dict.fromkeys(name for _, name in expected))
    # A page is read when its first alert is asked for, and not before.
    assert query["first"] == 1
    steps.append(f"{len(expected)} alerts on {query['pages']} pages: {len(query['names'])} targets")


async def test_the_pages_of_the_tom(
    told: dict[str, Any], everything: Everything, steps: list[str]
) -> None:
    names = list(dict.fromkeys(name for _, name in matching(everything)))
    results = told["results"]
    assert (results["form"], results["rows"], results["more"]) == (200, names[:100], True)
    assert results["drawn"] > 50
    pictures = [picture for picture in results["pictures"] if picture]
    assert pictures
    for picture in pictures:
        answer = await everything.client.get(picture)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    made = told["targets"]["made"]
    assert [name for name, *_ in made] == names[:3]
    for name, ra, dec, count in made:
        newest = next(candid for candid, other in matching(everything) if other == name)
        candidate = everything.packets[newest].record["candidate"]
        assert (ra, dec) == (candidate["ra"], candidate["dec"])
        assert count > 0
    steps.append(f"its own pages: {len(results['rows'])} results, {len(made)} targets with data")


def expected_points(everything: Everything) -> set[tuple[Any, ...]]:
    """Kind, millisecond, band and value of every point, from the object's packets."""
    own = [p.record for p in everything.packets.values() if p.record["objectId"] == SUPERNOVA]
    seen = {record["candid"] for record in own}
    entries = [e for r in own for e in r["prv_candidates"] or [] if e["programid"] == 1]
    earlier = [e for e in entries if e["candid"] is not None and e["candid"] not in seen]
    detected = {r["candidate"]["pid"] for r in own} | {e["pid"] for e in earlier}
    limits = [e for e in entries if e["candid"] is None and e["pid"] not in detected]
    return {
        *(point("detection", r["candidate"], r["candidate"]["magpsf"]) for r in own),
        *(point("earlier_detection", e, e["magpsf"]) for e in earlier),
        *(point("upper_limit", e, e["diffmaglim"]) for e in limits),
    }


def point(kind: str, entry: dict[str, Any], value: float) -> tuple[Any, ...]:
    taken: datetime = Time(entry["jd"], format="jd", scale="utc").to_datetime(timezone=UTC)
    return kind, round(taken.timestamp() * 1000), BANDS[entry["fid"]], round(value, 4)


def test_a_light_curve_with_limits_and_errors(
    told: dict[str, Any], everything: Everything, steps: list[str]
) -> None:
    data = told["light curve"]["data"]
    got = set()
    for kind, time, band, brightness, error, limit in data:
        assert (brightness is None) is (error is None) is (limit is not None)
        assert error is None or error > 0
        moment = round(datetime.fromisoformat(time).timestamp() * 1000)
        got.add((kind, moment, band, round(limit if brightness is None else brightness, 4)))
    assert got == expected_points(everything)
    kinds = [kind for kind, *_ in data]
    assert kinds.count("upper_limit") > 10
    assert told["again"]["count"] == told["by place"]["count"] == len(data)
    assert told["stranger"]["points"] == []
    steps.append(
        f"{SUPERNOVA}: {kinds.count('detection')} detections with errors, "
        f"{kinds.count('upper_limit')} limits; as many by its place alone"
    )


def test_what_cannot_be_answered_is_said_in_the_words_of_mars(told: dict[str, Any]) -> None:
    misspelt, unknown, down = told["errors"]["said"]
    assert misspelt.startswith("MARS: where: unknown filter 'maqpsf__lte'")
    assert "did you mean 'magpsf__lte'" in misspelt
    assert unknown.startswith("MARS: ")
    assert down.startswith("MARS at http://127.0.0.1:1 does not answer: ")


async def test_the_package_passes_its_own_tests(tom: Tom) -> None:
    """Its form and what it asks, without a server."""
    options = ("-q", "-p", "no:cacheprovider", "--rootdir", PACKAGE)
    said = await tom.run("-m", "pytest", *options, PACKAGE / "tests")
    assert " passed" in said
