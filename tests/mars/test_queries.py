"""The 314 queries: status, set and order of what they find, and their pages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.mars.asking import PAGE_SIZE, Walk, ask, walk
from tests.mars.conftest import Ours
from tests.mars.recordings import Arguments, Recordings
from tests.mars.tally import Explained, Tally
from tests.real_archive import for_each

HAS_NEXT = "has_next is always false"
EXACT_CONE = {"cone": "0.81429,16.14569,0.01"}
SAME_AS: list[tuple[Arguments, Arguments]] = [
    ({"cone": "8.142900e-01,+16.14569,1e-2"}, EXACT_CONE),
    ({"cone": "0.81429,+16.14569,0.01"}, EXACT_CONE),
    ({"time__gt": "2018-07-17 00:00:00"}, {"time__gt": "2018-07-17T00:00:00Z"}),
    ({"time__since": "1.5"}, {"time__since": "1"}),
    ({"sort_value": ""}, {}),
]
"""Refused by the original, let work by the contract: the query whose recorded answer is right."""
LET_WORK: list[Arguments] = [
    {"nbad__lte": "0.5"},
    {"sort_value": "ra"},
    {"sort_value": "l"},
    {"sort_value": "wall_time"},
    {"magpsf__lte": "14", "sort_order": "asc", "sort_value": "filter"},
]
"""The same, without a recorded twin: the answer follows from the recorded alerts."""
REFUSED = (
    "500 for a fault of the caller",
    "a radius that is",
    "NaN is not",
    "a declination beyond",
)
"""How the faults begin that a 400 puts right."""


@dataclass
class Right:
    """What the answer ought to be; candids in the order they ought to have."""

    status: int
    candids: list[str]
    column: str = "jd"


def right_answer(recordings: Recordings, queries: list[Any], query: Any) -> Right:
    """From the recording, its side fields and the contract."""
    args, fault = query["args"], query.get("known_fault", "")
    column = args.get("sort_value") or "jd"
    for odd, twin in SAME_AS:
        if args == odd:
            (recorded,) = [q for q in queries if q["args"] == twin]
            return Right(200, recorded["candids"], column)
    if args in LET_WORK:
        found = recordings.found(args)
        return Right(200, recordings.in_order(found, column, args.get("sort_order")), column)
    if fault.startswith(REFUSED):
        return Right(400, [])
    if query["status"] != 200:
        return Right(query["status"], [])
    candids = query.get("unpaged_candids", query["candids"])
    if "RA limit" in fault:
        candids = recordings.found(args)
        assert len(candids) == query["plain_reading_total"]
    if any(name.startswith("deltamaglatest__") for name in args):
        candids = [c for c in candids if c not in recordings.opposite_signs]
        assert len(candids) == query.get("without_sign_mixed_total", len(candids))
    if fault and column != "id":
        candids = recordings.in_order(candids, column, args.get("sort_order"))
    return Right(200, candids, column)


def order_problems(recordings: Recordings, query: Any, right: Right, seen: Walk) -> list[str]:
    """The order of the answer: exact where no sort keys are equal, else that of the keys."""
    ours = seen.candids(recordings.alerts)
    if right.column == "id":
        rows = [alert["lco_id"] for alert in seen.alerts]
        up = query["args"].get("sort_order") == "asc"
        return [] if rows == sorted(rows, reverse=not up) else ["not in order of lco_id"]
    if query.get("order") == "exact" and not query.get("known_fault"):
        return [] if ours == right.candids else ["not in the recorded order"]
    candids = right.candids
    if query.get("order") == "none":
        candids = recordings.in_order(candids, "jd", "desc")
    keys = [[recordings.key(c, right.column) for c in one] for one in (candids, ours)]
    return [] if keys[0] == keys[1] else [f"not in order of {right.column}"]


def problems_of(recordings: Recordings, query: Any, right: Right, seen: Walk) -> list[str]:
    if seen.status != right.status:
        return [f"status {seen.status}, not {right.status}: {seen.text[:200]}"]
    if seen.status == 400 and not any(name in seen.text for name in query["args"]):
        return [f"the 400 names no parameter: {seen.text[:200]}"]
    ours, wanted = set(seen.candids(recordings.alerts)), set(right.candids)
    if ours != wanted:
        missing, more = wanted - ours, ours - wanted
        return [
            f"found {len(ours)}, not {len(wanted)}: missing {len(missing)} {sorted(missing)[:3]}, "
            f"more {len(more)} {sorted(more)[:3]}"
        ]
    return [*seen.problems, *order_problems(recordings, query, right, seen)]


def explanation(query: Any, right: Right, seen: Walk) -> Explained | None:
    """The faults of the original for which a right answer differs from the recorded one."""
    told = query.get("known_fault", "").split("; ") if "known_fault" in query else []
    faults = [fault.partition(":")[0] for fault in told]
    if query.get("has_next_fault"):
        faults.append(HAS_NEXT)
    if not faults:
        return None
    recorded = f"{query['status']}, {query.get('total', query.get('n', 0))} alerts"
    ours = f"{seen.status}, {len(right.candids)} of the same alerts, {seen.pages} pages"
    if seen.status != 200:
        ours = f"{seen.status}: {seen.text}"
    return Explained(repr(query["args"]), "; ".join(faults), recorded, ours)


async def test_queries(ours: Ours, recordings: Recordings, tally: Callable[[str], Tally]) -> None:
    queries = recordings.load("queries")
    walked = tally("queries, walked to their last page")
    walks: dict[str, Walk] = {}

    async def check(query: Any) -> None:
        seen = walks[repr(query["args"])] = await walk(ours.client, query["args"])
        right = right_answer(recordings, queries, query)
        problems = problems_of(recordings, query, right, seen)
        walked.add(repr(query["args"]), problems, explanation(query, right, seen))

    whole = [query for query in queries if "page" not in query["args"]]
    await for_each(whole, check)
    assert walked.faults(len(whole)) == []
    single = tally("queries for one page")
    pages = [query for query in queries if "page" in query["args"]]
    await for_each(pages, lambda query: check_page(ours, query, single, walks))
    assert single.faults(len(pages)) == []
    assert walked.compared + single.compared == 314


async def check_page(ours: Ours, query: Any, single: Tally, walks: Mapping[str, Walk]) -> None:
    """One page, against the recording and against the same page of the whole walk.

    Which alerts fall on it differs: our archive holds 24 more.
    """
    args = dict(query["args"])
    answer = await ask(ours.client, args, None)
    problems: list[str] = []
    if answer.status_code != query["status"]:
        problems.append(f"status {answer.status_code}, not {query['status']}")
    elif query["status"] == 200:
        body, asked = answer.json(), args.pop("page")
        page = int(asked) if asked.isdigit() else 1
        seen = walks.get(repr(args)) or await walk(ours.client, args)
        first = (page - 1) * PAGE_SIZE
        if body["results"] != seen.alerts[first : first + PAGE_SIZE]:
            problems.append("it is not that page of the walk")
        if body["has_prev"] is not query["page"]["has_prev"]:
            problems.append(f"has_prev {body['has_prev']}")
        if body["has_next"] is not (page < seen.pages):
            problems.append(f"has_next {body['has_next']} on page {page} of {seen.pages}")
        if len(body["results"]) < query["n"]:
            problems.append(f"{len(body['results'])} alerts, recorded {query['n']}")
    fault = None
    if query["status"] == 200 and answer.json()["has_next"] != query["page"]["has_next"]:
        fault = Explained(repr(query["args"]), HAS_NEXT, "has_next false", "has_next true")
    single.add(repr(query["args"]), problems, fault)


def is_plain(query: Any) -> bool:
    """No fault, and nothing but limits on numbers, filter, objectId and a sort."""
    args = query["args"]
    others = {"filter", "objectId", "sort_value", "sort_order"}
    limits = {n for n in args if n.endswith(("__gt", "__lt", "__gte", "__lte"))}
    return (
        query["status"] == 200
        and "known_fault" not in query
        and not args.keys() - limits - others
        and not any(name.startswith("time__") for name in limits)
        and not limits & {"rb__lte", "sigmapsf__gte"}
        and all(isinstance(value, str) for value in args.values())
    )


def test_the_rules_give_the_recorded_answers(recordings: Recordings) -> None:
    """Where no fault is marked, a plain reading of the recorded alerts finds the recorded sets."""
    plain = [query for query in recordings.load("queries") if is_plain(query)]
    assert len(plain) > 100
    for query in plain:
        args, column = query["args"], query["args"].get("sort_value") or "jd"
        assert set(recordings.found(args)) == set(query["candids"]), args
        if query["order"] == "exact" and column != "id":
            ordered = recordings.in_order(query["candids"], column, args.get("sort_order"))
            assert ordered == query["candids"], args
