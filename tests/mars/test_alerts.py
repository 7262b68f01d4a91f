"""Every alert and the chosen details: each value of each key, to the last bit."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from tests.mars.conftest import Ours
from tests.mars.recordings import SIGNS, Alert, Recordings
from tests.mars.tally import Explained, Tally, out_of_order, unlike
from tests.real_archive import Everything, for_each

OWN_KEYS = {"avro", "lco_id"}
UNSORTED = "the history is in no order, or in another than newest first"
NUMBERED = "the points of the photometry are sorted by their numbers as texts: 0, 1, 10, 2"

NewTally = Callable[[str], Tally]
Point = tuple[float, bool]


def own_keys_problems(ours: Ours, alert: Alert) -> Iterator[str]:
    """What the recordings do not hold: the row number and the address of the original."""
    if not isinstance(alert.get("lco_id"), int):
        yield f"lco_id is {alert.get('lco_id')!r}"
    if not str(alert.get("avro")).startswith(f"{ours.client.base_url}"):
        yield f"avro is {alert.get('avro')!r}, no absolute address of ours"


def alert_problems(ours: Ours, right: Alert, alert: Alert) -> list[str]:
    """An alert of ours against the one that ought to be."""
    right = {name: value for name, value in right.items() if name not in OWN_KEYS}
    shown = {name: value for name, value in alert.items() if name not in OWN_KEYS}
    return [*own_keys_problems(ours, alert), *unlike(right, shown)]


def sign_fault(recordings: Recordings, candid: str, alert: Alert) -> Explained | None:
    """The explanation of an alert whose deltamaglatest the original computed wrongly."""
    recorded = recordings.alerts[candid]["candidate"]["deltamaglatest"]
    shown = alert["candidate"]["deltamaglatest"]
    if candid not in recordings.opposite_signs or recorded == shown:
        return None
    return Explained(f"candid {candid} deltamaglatest", SIGNS, repr(recorded), repr(shown))


async def test_alerts(ours: Ours, recordings: Recordings, tally: NewTally) -> None:
    alerts = tally("alerts")

    async def check(candid: str) -> None:
        alert = await ours.one(candid)
        problems = alert_problems(ours, recordings.right[candid], alert)
        alerts.add(candid, problems, sign_fault(recordings, candid, alert))

    await for_each(recordings.alerts, check)
    assert alerts.faults(840) == []
    assert len(alerts.explained) == len(recordings.opposite_signs) == 53


def point_of(entry: Alert) -> Point:
    return entry["candidate"]["jd"], "magpsf" in entry["candidate"]


def restricted(ours: Ours, limits: set[tuple[str, float]], history: list[Alert]) -> list[Alert]:
    """Without what only the alerts brought that the original could not take in."""

    def was_there(entry: Alert) -> bool:
        if "candid" in entry:
            return str(entry["candid"]) in ours.recorded
        return (entry["candidate"]["objectId"], entry["candidate"]["jd"]) in limits

    return [entry for entry in history if was_there(entry)]


def history_problems(
    ours: Ours, recordings: Recordings, recorded: list[Alert], history: list[Alert]
) -> Iterator[str]:
    """The history as a set of points, each with its values, newest first."""
    wanted, shown = Counter(map(point_of, recorded)), Counter(map(point_of, history))
    if wanted != shown:
        yield f"history: missing {list(wanted - shown)[:5]}, more {list(shown - wanted)[:5]}"
    times = [entry["candidate"]["jd"] for entry in history]
    if times != sorted(times, reverse=True):
        yield "history is not newest first"
    limits = {point_of(e): e["candidate"] for e in recorded if "candid" not in e}
    for entry in history:
        if "candid" in entry:
            if str(entry["candid"]) in recordings.right:
                yield from alert_problems(ours, recordings.right[str(entry["candid"])], entry)
        elif point_of(entry) in limits:
            limit = dict(entry["candidate"])
            if not isinstance(limit.get("id"), int):
                yield f"the id of a non-detection is {limit.get('id')!r}"
            yield from unlike(limits[point_of(entry)], limit | {"id": None}, "non-detection")


def photometry_problems(
    recorded: dict[str, Any], shown: dict[str, Any], extra: set[float]
) -> Iterator[str]:
    """This alert last, all others ascending in jd; a point alone in `extra` times is ours only."""
    *others, this = [recorded[str(n)] for n in range(len(recorded))]
    if list(shown) != [str(n) for n in range(len(shown))]:
        yield f"photometry: keys {list(shown)}"
        return
    *points, last = [shown[str(n)] for n in range(len(shown))]
    yield from unlike(this, last, "photometry, last")
    times = [point["jd"] for point in points]
    if times != sorted(times):
        yield "photometry: not ascending in jd"
    points = [point for point in points if point["jd"] not in extra]
    if len(points) != len(others):
        yield f"photometry: recorded {len(others)} points before this, ours {len(points)}"

    def order(point: Any) -> tuple[float, str]:
        return point["jd"], repr(point.get("magpsf"))

    for one, other in zip(sorted(others, key=order), sorted(points, key=order), strict=False):
        yield from unlike(one, other, f"photometry at {one['jd']}")


def limits_of(everything: Everything, recorded: frozenset[str]) -> set[tuple[str, float]]:
    """Object and time of each non-detection in a packet that the original took in."""
    return {
        (public.record["objectId"], entry["jd"])
        for candid, public in everything.packets.items()
        if str(candid) in recorded
        for entry in public.record["prv_candidates"] or []
        if entry.get("candid") is None
    }


async def test_details(
    ours: Ours, everything: Everything, recordings: Recordings, tally: NewTally
) -> None:
    details, limits = tally("details and photometry"), limits_of(everything, ours.recorded)

    async def check(item: tuple[str, Any]) -> None:
        candid, entry = item
        number = (await ours.one(candid))["lco_id"]
        alert = await ours.json(f"/{number}/")
        problems = [*own_keys_problems(ours, alert)] if alert["lco_id"] == number else ["lco_id"]
        whole = alert.pop("prv_candidate")
        history = restricted(ours, limits, whole)
        recorded = entry["detail"]["prv_candidate"]
        problems += alert_problems(ours, recordings.right[candid], alert)
        problems += history_problems(ours, recordings, recorded, history)
        ours_only = {e["candidate"]["jd"] for e in whole} - {e["candidate"]["jd"] for e in history}
        photometry = await ours.json(f"/{number}/photometry/")
        problems += photometry_problems(entry["photometry"], photometry, ours_only)
        if (fault := sign_fault(recordings, candid, alert)) is None:
            fault = order_fault(candid, entry)
        details.add(candid, problems, fault)

    await for_each(recordings.load("detail").items(), check)
    assert details.faults(68) == []


def order_fault(candid: str, entry: Any) -> Explained | None:
    """The explanation of a history that is not newest first, or a photometry not oldest first."""
    times = [e["candidate"]["jd"] for e in entry["detail"]["prv_candidate"]]
    points = [entry["photometry"][str(n)]["jd"] for n in range(len(entry["photometry"]) - 1)]
    if times == sorted(times, reverse=True) and points == sorted(points):
        return None
    orders = f"history {entry['history_order']}, photometry {entry['photometry_order']}"
    return Explained(f"candid {candid}", UNSORTED, orders, "newest first, oldest first")


async def test_order_of_keys(ours: Ours, recordings: Recordings, tally: NewTally) -> None:
    order = tally("order of keys")
    for candid, entry in list(recordings.load("detail").items())[:20]:
        number = (await ours.one(candid))["lco_id"]
        alert = await ours.json(f"/{number}/")
        order.add(f"/{number}/", list(out_of_order(alert))[:2])
        # The points' own keys; those of the whole are numbers, which test_details looks at.
        points = await ours.json(f"/{number}/photometry/")
        problems = list(out_of_order(list(points.values())))[:2]
        order.add(f"/{number}/photometry/", problems, number_fault(entry["photometry"]))
    order.add("list", list(out_of_order(await ours.json("/")))[:2])
    assert order.faults(41) == []


def number_fault(recorded: dict[str, Any]) -> Explained | None:
    """The explanation of a recorded photometry that is not in the order of its numbers."""
    if list(recorded) == (right := [str(n) for n in range(len(recorded))]):
        return None
    return Explained("photometry", NUMBERED, " ".join(recorded), " ".join(right))
