"""The whole set of real packets, taken in from files and asked for over HTTP."""

import gzip
import hashlib
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import angular_separation

from app.alerts.sql.costs import SMALL_DEG
from archive.surveys.ztf.tables import STAMPS
from tests.app.answers.readers import READERS, stored
from tests.real_archive import AT_ONCE, Everything, Public, for_each

RADII = (2 / 3600, 1 / 60, 1.0)


async def test_every_original_has_the_sha1_of_the_manifest(
    everything: Everything, real: Path
) -> None:
    listed = set()
    for line in (real / "ztf" / "manifest.csv").read_text().splitlines()[1:]:
        listed |= {word for word in line.split(",") if len(word) == 40}

    async def check(public: Public) -> None:
        answer = await everything.client.get(f"/api/v1/alerts/{public.candid}/avro")
        assert answer.content == public.file
        assert hashlib.sha1(answer.content).hexdigest() in listed

    await for_each(everything.packets.values(), check)


async def test_stamps_of_every_alert_are_the_packets(everything: Everything) -> None:
    """One of each alert, in turn of each kind in each form, and all that are not there.

    That the archive holds all three is in tests/consumer/test_backfill.py.
    """
    missing = 0
    forms = ((".fits.gz", "gzip"), (".fits", "gzip"), (".fits", "identity"))

    async def check(n: int, public: Public) -> None:
        nonlocal missing
        turn, kind = divmod(n, len(STAMPS))
        for stamp in STAMPS:
            cutout = public.record[f"cutout{stamp.capitalize()}"]
            if cutout is not None and stamp != STAMPS[kind]:
                continue
            ending, coding = forms[turn % len(forms)]
            address = f"/api/v1/alerts/{public.candid}/cutouts/{stamp}{ending}"
            answer = await everything.client.get(address, headers={"Accept-Encoding": coding})
            if cutout is None:
                missing += 1
                assert answer.status_code == 404
                continue
            data = cutout["stampData"]
            assert answer.content == (gzip.decompress(data) if ending == ".fits" else data)

    await for_each(enumerate(everything.packets.values()), lambda one: check(*one))
    assert missing == 60


@pytest.mark.parametrize("first", range(len(RADII)))
async def test_a_cone_around_every_alert_is_brute_force(everything: Everything, first: int) -> None:
    """Around each alert one of the radii, in turn."""
    radius = RADII[first]
    candids = np.array(list(everything.packets))
    places = [p.record["candidate"] for p in everything.packets.values()]
    ra, dec = (np.radians([c[name] for c in places]) for name in ("ra", "dec"))
    separations = np.degrees(angular_separation(ra[:, None], dec[:, None], ra, dec))
    centres = range(first, len(places), len(RADII))
    found = 0

    async def check(n: int) -> None:
        nonlocal found
        cone = f"{places[n]['ra']!r},{places[n]['dec']!r},{radius!r}"
        answer = await everything.client.get("/api/v1/alerts", params={"cone": cone, "limit": 1000})
        got = {int(item["candid"]) for item in answer.json()["items"]}
        assert got == set(candids[separations[n] < radius].tolist())
        found += len(got)

    # A wide cone takes its turn at the gate: eight of one client would be made to wait.
    await for_each(centres, check, at_once=1 if radius > SMALL_DEG else AT_ONCE)
    assert found >= len(centres)


async def test_a_supernova_without_doubles(everything: Everything) -> None:
    """ZTF21abiuvdk: its points against its packets, put together here once more."""
    mine = [p for p in everything.packets.values() if p.record["objectId"] == "ZTF21abiuvdk"]
    assert len(mine) == 34
    candids = {p.candid for p in mine}
    entries = [e for p in mine for e in p.record["prv_candidates"] or []]
    earlier = {e["candid"] for e in entries if e["candid"] is not None} - candids
    detected = {c // 10**6 for c in candids | earlier}
    limits = {e["pid"] for e in entries if e["candid"] is None and e["diffmaglim"] > 0} - detected
    answer = await everything.client.get(f"/api/v1/alerts/{max(candids)}")
    points = defaultdict(list)
    for point in answer.json()["history"]:
        points[point["kind"]].append(point)
    assert {int(p["candid"]) for p in points["detection"]} == candids
    assert len(points["detection"]) == 34
    assert sorted(int(p["candid"]) for p in points["earlier_detection"]) == sorted(earlier)
    assert sorted(int(p["pid"]) for p in points["upper_limit"]) == sorted(limits)
    times = [point["jd"] for point in answer.json()["history"]]
    assert times == sorted(times)


async def test_every_alert_shows_its_candidate(everything: Everything) -> None:
    """Each value over HTTP is the packet's: reals to the float32, sentinels as null."""

    async def check(public: Public) -> None:
        shown = (await everything.client.get(f"/api/v1/alerts/{public.candid}")).json()
        for name, sent in public.record["candidate"].items():
            got = shown[name]
            if name == "isdiffpos":
                assert got == (sent == "t")
            elif got is None:
                assert sent in (None, -999, "null")
            elif isinstance(sent, float):
                assert got == sent or np.float32(got) == np.float32(sent)
            else:
                assert got in (sent, str(sent))

    await for_each(everything.packets.values(), check)


@pytest.mark.parametrize("reader", READERS)
async def test_every_format_holds_what_the_json_says(everything: Everything, reader: str) -> None:
    name, read = READERS[reader]
    answer = await everything.client.get("/api/v1/alerts", params={"limit": 1000})
    items = [stored(item) for item in answer.json()["items"]]
    assert len(items) == len(everything.packets)
    table = await everything.client.get("/api/v1/alerts", params={"limit": 1000, "format": name})
    for row, sent in zip(read(table.content), items, strict=True):
        wanted = sent
        if name != "parquet":  # Neither VOTable nor pandas tells an empty string from none.
            wanted = {key: None if value == "" else value for key, value in sent.items()}
        assert row == wanted
