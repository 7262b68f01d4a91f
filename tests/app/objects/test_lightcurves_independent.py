"""Light curves over HTTP against the raw packets: every point, every number, worked out apart.

What is expected here comes from fastavro's records and ZTF's definitions with numpy; nothing of the
app or the archive takes part in it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from tests.app.conftest import fresh_archive, serving, take_in
from tests.real_archive import Everything, Public, for_each

Record = dict[str, Any]
Values = dict[str, Any]

POSITIVE = {"t", "T", "true", "True", "y", "Y", "1"}
NEGATIVE = {"f", "F", "false", "False", "n", "N", "0"}
EXACT = {"kind", "jd", "filter", "pid", "candid", "isdiffpos", "corrected", "dubious"} | {
    "procstatus",
    "from_candid",
}
SINGLE = {"magpsf", "sigmapsf", "rb", "drb", "diffmaglim"}
AT_LEAST = 50
SUPERNOVA = "ZTF21abiuvdk"


def known(entry: Record, name: str, missing: float) -> float | None:
    """A value, None where the packet holds none."""
    value = entry.get(name)
    return None if value is None or not np.isfinite(value) or value == missing else float(value)


def sign_of(entry: Record) -> int:
    spelling = entry["isdiffpos"]
    return 1 if spelling in POSITIVE else -1 if spelling in NEGATIVE else 0


def near_reference(entry: Record) -> bool:
    distance = known(entry, "distnr", -999)
    return distance is not None and distance < 1.4


def expected(packets: Iterable[Record]) -> list[Values]:
    """The light curve of one object's packets."""
    by_candid = sorted(packets, key=lambda packet: packet["candid"])
    alerts = {packet["candid"]: packet["candidate"] for packet in by_candid}
    earlier: dict[int, Record] = {}
    limits: dict[int, Record] = {}
    forced: dict[int, tuple[int, Record]] = {}
    for packet in by_candid:
        for entry in packet["prv_candidates"] or []:
            if entry["programid"] != 1:
                continue
            if "candid" not in entry:
                forced[entry["pid"]] = packet["candid"], entry
            elif entry["candid"] is None:
                limits[entry["pid"]] = entry
            elif entry["candid"] not in alerts:
                earlier[entry["candid"]] = entry
        for entry in packet.get("fp_hists") or []:
            if entry["programid"] == 1:
                forced[entry["pid"]] = packet["candid"], entry
    detections = [*alerts.values(), *earlier.values()]
    first = {}
    for entry in sorted(detections, key=lambda e: (e["jd"], e["candid"]), reverse=True):
        first[entry["fid"]] = near_reference(entry)
    seen = {entry["pid"] for entry in detections}
    return [
        *(detected("detection", entry, first) for entry in alerts.values()),
        *(detected("earlier_detection", entry, first) for entry in earlier.values()),
        *(
            head("upper_limit", entry) | {"diffmaglim": entry["diffmaglim"]}
            for pid, entry in limits.items()
            if pid not in seen and entry["diffmaglim"] > 0
        ),
        *(measured(candid, entry) for candid, entry in forced.values()),
    ]


def head(kind: str, entry: Record) -> Values:
    exptime = entry.get("exptime")
    mjd = np.float64(entry["jd"]) - 2400000.5
    return {
        "kind": kind,
        "jd": entry["jd"],
        "mjd": mjd,
        "mjd_mid": None if exptime is None else mjd + exptime / 172_800,
        "time": entry["jd"],
        "filter": " gri"[entry["fid"]],
        "pid": entry["pid"],
    }


def detected(kind: str, entry: Record, first: dict[int, bool]) -> Values:
    magnitude, error = np.float64(entry["magpsf"]), np.float64(entry["sigmapsf"])
    sign, near = sign_of(entry), near_reference(entry)
    total, total_error, gone = total_magnitude(entry, sign, magnitude, error)
    flux = np.power(10.0, (23.9 - magnitude) * 0.4)
    return head(kind, entry) | {
        "candid": str(entry["candid"]),
        "magpsf": magnitude,
        "sigmapsf": error,
        "isdiffpos": {1: True, -1: False, 0: None}[sign],
        "total_mag": total,
        "total_mag_err": total_error,
        "corrected": near,
        "dubious": (not near and sign < 0) or near != first[entry["fid"]] or gone,
        "flux_ujy": sign * flux if sign else None,
        "flux_ujy_err": flux * error * np.log(10) * 0.4 if sign else None,
        "rb": known(entry, "rb", np.inf),
        "drb": known(entry, "drb", np.inf),
    }


def total_magnitude(
    entry: Record, sign: int, magnitude: np.float64, error: np.float64
) -> tuple[Any, Any, bool]:
    reference = [known(entry, name, -999) for name in ("magnr", "sigmagnr", "distnr")]
    if sign == 0 or None in reference:
        return None, None, False
    magnr, sigmagnr, distnr = np.array(reference, dtype=np.float64)
    if magnr <= 0 or sigmagnr < 0 or not 0 <= distnr < 1.4:
        return None, None, False
    still, changed = np.power(10.0, [-0.4 * magnr, -0.4 * magnitude])
    sum_of_both = still + sign * changed
    if sum_of_both <= 0:
        return None, None, True
    spread = np.sqrt((still * sigmagnr) ** 2 + (changed * error) ** 2) / sum_of_both
    return -2.5 * np.log10(sum_of_both), spread, False


def measured(candid: int, entry: Record) -> Values:
    names = ("forcediffimflux", "forcediffimfluxunc", "magzpsci")
    flux, error, zero = (known(entry, name, -99999) for name in names)
    values: Values = dict.fromkeys(
        ("flux_ujy", "flux_ujy_err", "snr", "mag", "mag_err", "limit_mag")
    )
    if flux is not None and zero is not None:
        values["flux_ujy"] = flux * np.power(10.0, 0.4 * (23.9 - zero))
        if error is not None and error > 0:
            values["flux_ujy_err"] = error * np.power(10.0, 0.4 * (23.9 - zero))
            values["snr"] = flux / error
            if abs(flux) > 3 * error:
                values["mag"] = zero - 2.5 * np.log10(abs(flux))
                values["mag_err"] = 1.0857 * error / abs(flux)
            else:
                values["limit_mag"] = zero - 2.5 * np.log10(5 * error)
    more = {"procstatus": entry["procstatus"], "from_candid": str(candid)}
    return head("forced", entry) | values | more


def identity(point: Values) -> tuple[Any, ...]:
    return point["kind"], point["pid"], point.get("candid"), point.get("object_id")


def hold(points: list[Values], wanted: list[Values]) -> None:
    """The same points with the same keys and, number by number, the same values, in time order."""
    assert [p["jd"] for p in points] == sorted(p["jd"] for p in points)
    by_identity = {identity(point): point for point in points}
    assert len(by_identity) == len(points) == len(wanted)
    for want in wanted:
        got = by_identity[identity(want)]
        assert got.keys() == want.keys()
        for name, value in want.items():
            same(name, got[name], value)


def same(name: str, got: Any, value: Any) -> None:
    if value is None or name in EXACT or isinstance(value, str):
        assert got == value, name
    elif name == "time":
        jd2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)
        moment = jd2000 + timedelta(days=value - 2451545.0)
        assert abs(datetime.fromisoformat(got) - moment) <= timedelta(microseconds=60)
    elif name in SINGLE:
        assert np.float32(got) == np.float32(value), name
    else:
        assert got == pytest.approx(value, rel=1e-11), name


def by_object(packets: Iterable[Public]) -> dict[str, list[Public]]:
    found = defaultdict(list)
    for packet in packets:
        found[packet.record["objectId"]].append(packet)
    return found


async def test_every_real_object(everything: Everything) -> None:
    objects = by_object(everything.packets.values())
    kinds: Counter[str] = Counter()
    full: set[str] = set()

    async def check(name: str) -> None:
        answer = await everything.client.get(f"/api/v1/objects/{name}/lightcurve")
        body = answer.json()
        assert (body["object_id"], body["object_ids"]) == (name, [name])
        hold(body["points"], expected(packet.record for packet in objects[name]))
        kinds.update(point["kind"] for point in body["points"])
        if len(body["points"]) >= 20:
            full.add(name)

    await for_each(objects, check)
    assert len(objects) == 774
    assert len(full) >= AT_LEAST
    assert {SUPERNOVA, "ZTF20abfcszi"} <= full
    assert {name: count > 100 for name, count in kinds.items()} == dict.fromkeys(
        ("detection", "earlier_detection", "upper_limit", "forced"), True
    )
    assert sum("candid" not in e for p in everything.packets.values() for e in earlier(p)) > 100
    assert sum(bool(p.record.get("fp_hists")) for p in everything.packets.values()) == 15


def earlier(packet: Public) -> list[Record]:
    return packet.record["prv_candidates"] or []


async def test_the_curve_of_every_batch_whatever_the_order(everything: Everything) -> None:
    """The supernova's packets one by one, from the last to the first and mixed: after each batch
    the curve is that of the packets that had come, and it stays so."""
    packets = by_object(everything.packets.values())[SUPERNOVA]
    address = f"/api/v1/objects/{SUPERNOVA}"
    ends = []
    for order in (packets[::-1], [*packets[::2], *packets[1::2]]):
        async with fresh_archive() as settings:
            for n, packet in enumerate(order):
                await take_in(settings, [packet.file], "ztf_20210720_programid1", n)
            async with serving(settings) as client:
                for batch in range(1, len(order) + 1):
                    query = {"as_of": batch}
                    body = (await client.get(f"{address}/lightcurve", params=query)).json()
                    assert body["as_of"] == batch
                    hold(body["points"], expected(p.record for p in order[:batch]))
                    one = (await client.get(address, params=query)).json()
                    assert one["alerts"] == batch
                newest = (await client.get(f"{address}/lightcurve")).json()
                assert newest == body
                for part in ("", "/alerts", "/lightcurve"):
                    answer = await client.get(address + part, params={"as_of": 0})
                    assert answer.status_code == 404
                    answer = await client.get(address + part, params={"as_of": len(order) + 1})
                    assert answer.status_code == 422
                    assert answer.json()["errors"][0]["parameter"] == "as_of"
                del one["links"]
                ends.append((body["points"], one))
    assert ends[0] == ends[1]
