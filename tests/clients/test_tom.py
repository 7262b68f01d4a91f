"""TOM Toolkit 2.13.0, unmodified but for its address of MARS, in its own environment."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from astropy.coordinates import SkyCoord
from astropy.time import Time, TimezoneInfo

from tests.real_archive import Everything

PYTHON = Path(".local/lib/tom/bin/python")
SCRIPT = Path(__file__).parent / "tom" / "run.py"
BANDS = {1: "g", 2: "r", 3: "i"}
FOLLOWED = 1699394590815015004
FORM = {"rb__gte": 0.8, "time__gt": "2018-11-01", "filter": ""}
STEPS = """
query form|fetch_alerts|fetch_alert|to_target|to_generic_alert|process_reduced_data
process_reduced_data again|RunQueryView
"""


@pytest.fixture(scope="module")
async def told(everything: Everything) -> dict[str, Any]:
    """What TOM Toolkit said of each step."""
    answer = await everything.client.get("/", params={"candid": FOLLOWED, "format": "json"})
    number = answer.json()["results"][0]["lco_id"]
    address = str(everything.client.base_url).rstrip("/")
    process = await asyncio.create_subprocess_exec(
        *(str(PYTHON), str(SCRIPT), address, json.dumps(FORM), str(number)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()[-3000:]
    found = [json.loads(line) for line in out.splitlines()]
    return {one.pop("step"): one for one in found} | {"number": number}


def expected_candids(everything: Everything) -> list[int]:
    """What the form asks for, straight from the packets, in the order of MARS."""
    since = Time(FORM["time__gt"]).jd
    found = [
        (public.record["candidate"]["jd"], candid)
        for candid, public in everything.packets.items()
        if public.record["candidate"]["rb"] >= FORM["rb__gte"]
        and public.record["candidate"]["jd"] > since
    ]
    return [candid for _, candid in sorted(found, reverse=True)]


def point(candidate: dict[str, Any], **values: float) -> tuple[str, str]:
    jd = Time(candidate["jd"], format="jd", scale="utc")
    time = jd.to_datetime(timezone=TimezoneInfo()).isoformat()
    return time, json.dumps({"filter": BANDS[candidate["fid"]], **values}, sort_keys=True)


def expected_points(everything: Everything) -> set[tuple[str, str]]:
    """Time and value of every alert and non-detection of the object, from its packets."""
    followed = everything.packets[FOLLOWED].record["objectId"]
    points = set()
    for public in everything.packets.values():
        if public.record["objectId"] != followed:
            continue
        candidate = public.record["candidate"]
        values = {"magnitude": candidate["magpsf"], "error": candidate["sigmapsf"]}
        points.add(point(candidate, **values))
        for entry in public.record["prv_candidates"] or []:
            if entry["candid"] is None:
                points.add(point(entry, limit=entry["diffmaglim"]))
    return points


def test_a_query_over_several_pages(
    told: dict[str, Any], everything: Everything, steps: list[str]
) -> None:
    assert told["query form"] == {"valid": True, "errors": {}}
    candids = told["fetch_alerts"]["candids"]
    assert len(candids) > 200
    assert sorted(candids) == sorted(expected_candids(everything))
    assert len(set(candids)) == len(candids)
    times = [everything.packets[candid].record["candidate"]["jd"] for candid in candids]
    assert times == sorted(times, reverse=True)
    steps.append(f"TOM Toolkit 2.13.0, query form -> fetch_alerts: {len(candids)} alerts")


def test_a_target_with_its_photometry(
    told: dict[str, Any], everything: Everything, steps: list[str]
) -> None:
    record = everything.packets[FOLLOWED].record
    candidate = record["candidate"]
    assert told["fetch_alert"]["candid"] == FOLLOWED
    target, generic = told["to_target"], told["to_generic_alert"]
    place = SkyCoord(candidate["ra"], candidate["dec"], unit="deg").galactic
    assert (target["name"], target["ra"], target["dec"]) == (
        *(record["objectId"], candidate["ra"], candidate["dec"]),
    )
    assert target["galactic_lng"] == pytest.approx(place.l.deg, abs=1e-6)
    assert target["galactic_lat"] == pytest.approx(place.b.deg, abs=1e-6)
    assert generic["id"] == told["number"]
    assert generic["url"] == f"{str(everything.client.base_url).rstrip('/')}/{told['number']}/"
    shown = {name: generic[name] for name in ("name", "ra", "dec", "mag", "score")}
    assert shown == {
        "name": record["objectId"],
        "ra": candidate["ra"],
        "dec": candidate["dec"],
        "mag": candidate["magpsf"],
        "score": candidate["rb"],
    }
    taken = Time(candidate["jd"], format="jd", scale="utc").to_datetime(timezone=TimezoneInfo())
    assert generic["timestamp"] == taken.replace(microsecond=0).isoformat()
    points = told["process_reduced_data"]["points"]
    got = {(time, json.dumps(value, sort_keys=True)) for time, value in points}
    assert got == expected_points(everything)
    assert len(got) == len(points) == told["process_reduced_data again"]["points"]
    limits = sum("limit" in value for _, value in points)
    steps.append(
        f"TOM Toolkit 2.13.0, fetch_alert -> to_target {target['name']} -> to_generic_alert "
        f"-> process_reduced_data: {len(points) - limits} detections, {limits} limits"
    )


async def test_the_page_of_a_query(
    told: dict[str, Any], everything: Everything, steps: list[str]
) -> None:
    """A page of more than one of ours breaks it: 2.13.0 mixes iterators among the alerts."""
    answer = await everything.client.get("/", params={"rb__gte": 0.95, "format": "json"})
    numbers = [alert["lco_id"] for alert in answer.json()["results"]]
    assert told["RunQueryView"]["numbers"] == numbers
    assert 0 < len(numbers) < 100
    steps.append(f"TOM Toolkit 2.13.0, its own page of a query: {len(numbers)} alerts")


def test_every_step_was_told(told: dict[str, Any]) -> None:
    names = STEPS.strip().replace("\n", "|").split("|")
    assert list(told) == [*names, "number"]
