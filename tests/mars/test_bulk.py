"""Bulk queries and cutouts."""

import hashlib
from collections.abc import Callable
from typing import Any

from tests.mars.conftest import Ours
from tests.mars.recordings import Arguments, Recordings
from tests.mars.tally import Explained, Tally
from tests.real_archive import for_each


def right_candids(recordings: Recordings, args: Arguments, recorded: list[str]) -> list[str]:
    """In the order they ought to have. The number 0 is a value, and mixed signs give null."""
    zeros = any(value == 0 and isinstance(value, int) for value in args.values())
    if not zeros and not any(name.startswith("deltamaglatest") for name in args):
        return recorded
    found = recordings.found(args)
    column = args.get("sort_value", "jd")
    return recordings.in_order(found, column, args.get("sort_order"))


def result_problems(
    recordings: Recordings, recorded: Any, right: list[str], result: Any
) -> list[str]:
    """One result of a bulk answer against the recorded one."""
    problems = []
    if result["query"] != recorded["query"]:
        problems.append(f"the query is echoed as {result['query']}")
    if result["num_alerts"] != len(result["results"]):
        problems.append(f"num_alerts {result['num_alerts']} of {len(result['results'])}")
    shown = [str(alert["candid"]) for alert in result["results"]]
    ours = [candid for candid in shown if candid in recordings.alerts]
    if set(ours) != set(right) or len(ours) != len(right):
        problems.append(f"found {len(ours)}, not {len(right)}")
    elif recorded["order"] == "exact" and ours != right:
        problems.append("not in the recorded order")
    else:
        column = recorded["query"].get("sort_value", "jd")
        keys = [[recordings.key(c, column) for c in one] for one in (right, ours)]
        if keys[0] != keys[1]:
            problems.append(f"not in order of {column}")
    return problems


async def test_bulk(ours: Ours, recordings: Recordings, tally: Callable[[str], Tally]) -> None:
    bulk, bodies = tally("queries in 12 bulk bodies"), recordings.load("bulk")
    assert len(bodies) == 12
    for body in bodies:
        answer = await ours.client.post("/", json=body["body"])
        assert answer.status_code == body["status"], answer.text[:300]
        shown, fault = answer.json(), body.get("known_fault")
        assert set(shown) >= {"total", "results"}
        assert shown["total"] == sum(result["num_alerts"] for result in shown["results"])
        pairs = zip(body["answer"]["results"], shown["results"], strict=True)
        for recorded, result in pairs:
            args, candids = recorded["query"], recorded["candids"]
            right = right_candids(recordings, args, candids)
            explained = None
            if right != candids:
                assert fault is not None, args
                n = f"{len(candids)} alerts", f"{len(right)} of the same alerts"
                explained = Explained(repr(args), fault, *n)
            problems = result_problems(recordings, recorded, right, result)
            bulk.add(repr(args), problems, explained)
    assert bulk.faults(sum(len(body["answer"]["results"]) for body in bodies)) == []


async def test_bulk_alerts_are_whole(ours: Ours, recordings: Recordings) -> None:
    answer = await ours.client.post("/", json={"queries": [{"objectId": "ZTF19abegmle"}]})
    (result,) = answer.json()["results"]
    assert len(result["results"]) == 7
    for alert in result["results"]:
        assert alert == await ours.one(str(alert["candid"]))


async def test_the_bounds_of_a_bulk_answer_are_told(ours: Ours) -> None:
    """Never a silent cut: beyond the bound nothing comes but the bound itself."""
    every: dict[str, list[Any]] = {"queries": [{}] * (10_000 // 864)}
    answer = await ours.client.post("/", json=every)
    assert answer.status_code == 200
    assert answer.json()["total"] == 864 * len(every["queries"])
    beyond: list[tuple[Any, str]] = [
        ({"queries": [{}, *every["queries"]]}, "10,000"),
        ({"queries": [{"candid": 1}] * 1_001}, "1,000"),
        ({"queries": [{"objectId": "x" * 1_000_000}]}, "1,000,000"),
    ]
    for body, bound in beyond:
        answer = await ours.client.post("/", json=body)
        assert answer.status_code == 400
        assert bound in answer.text
        assert "/api/v1/match" in answer.text


async def test_cutouts(ours: Ours, recordings: Recordings, tally: Callable[[str], Tally]) -> None:
    cutouts = tally("cutouts")

    async def check(item: tuple[str, Any]) -> None:
        candid, kinds = item
        number = (await ours.one(candid))["lco_id"]
        for kind in ("Science", "Template", "Difference"):
            recorded = kinds[kind]
            answer = await ours.client.get(f"/{number}/cutout/{kind}/")
            shown = {
                "status": answer.status_code,
                "bytes": len(answer.content),
                "sha256": hashlib.sha256(answer.content).hexdigest(),
                "Content-Type": answer.headers["content-type"],
                "Content-Disposition": answer.headers["content-disposition"].replace('"', ""),
                "first_bytes_hex": answer.content[:3].hex(),
            }
            problems = [
                f"{name}: {value!r}, recorded {recorded[name]!r}"
                for name, value in shown.items()
                if value != recorded[name]
            ]
            if "content-encoding" in answer.headers:
                problems.append("a Content-Encoding: clients would store the expanded image")
            cutouts.add(f"{candid} {kind}", problems)

    await for_each(recordings.load("cutouts").items(), check)
    assert cutouts.faults(3 * 12) == []
