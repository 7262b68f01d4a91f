"""Nights: the ledger's pages and sums, and the counts of fields, held against the raw packets."""

import asyncio
import io
import json
import math
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from astropy.io.votable import parse_single_table
from astropy.io.votable.ucd import parse_ucd

from app.alerts.access.archive import Archive
from app.alerts.access.gate import Gate
from app.errors import QueryTooCostly
from app.nights import days, fieldcounts
from app.nights.fieldcounts import NightCounts
from app.nights.models import FieldCountList, Night, NightList
from archive import times
from archive.database import make_engine
from tests import packets
from tests.app import sky
from tests.app.answers import readers
from tests.app.conftest import Served, fresh_archive, serving, take_in
from tests.real_archive import Everything

BANDS = {1: "g", 2: "r", 3: "i"}
NIGHTS = [date(2025, 12, 30) + timedelta(days=n * n) for n in range(5)]
READERS = [name for name, (kind, _) in readers.READERS.items() if kind != "jsonl"]
DAY_JD = 2_461_071.5
"""0h UTC of 2026-01-31."""


async def body_of(client: httpx.AsyncClient, address: str, **query: Any) -> Any:
    answer = await client.get(address, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def fields_of(client: httpx.AsyncClient, night: str, **query: Any) -> Any:
    body = await body_of(client, f"/api/v1/nights/{night}/fields", **query)
    FieldCountList.model_validate(body)
    return body


def day_of(jd: float) -> str:
    return times.datetime_of(jd).strftime("%Y%m%d")


# -------------------------------------------------------------------------------------------------
# Counts of fields
# -------------------------------------------------------------------------------------------------


def counted(candidates: list[dict[str, Any]]) -> dict[tuple[int, str], dict[str, Any]]:
    """What the alerts of each field and filter say, from the packets alone."""
    groups = defaultdict(list)
    for one in candidates:
        groups[one["field"], BANDS[one["fid"]]].append(one)
    return {key: _said(own) for key, own in groups.items()}


def _said(own: list[dict[str, Any]]) -> dict[str, Any]:
    ra, dec = (np.radians([one[axis] for one in own]) for axis in ("ra", "dec"))
    x, y, z = np.mean([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)
    limits = {one["pid"]: one["diffmaglim"] for one in own}
    jds = [one["jd"] for one in own]
    return {
        "alerts": len(own),
        # A pid ends in four digits of the quadrant.
        "exposures": len({one["pid"] // 10_000 for one in own}),
        "quadrants": len({one["pid"] % 10_000 // 100 for one in own}),
        "diffmaglim_median": np.float32(np.median(list(limits.values()))),
        "first_jd": min(jds),
        "last_jd": max(jds),
        "ra": np.degrees(np.arctan2(y, x)) % 360,
        "dec": np.degrees(np.arctan2(z, np.hypot(x, y))),
    }


async def test_counts_are_those_of_the_raw_packets(everything: Everything) -> None:
    by_day = defaultdict(list)
    for public in everything.packets.values():
        by_day[day_of(public.record["candidate"]["jd"])].append(public.record["candidate"])
    assert len(by_day) > 100
    for day, candidates in by_day.items():
        body = await fields_of(everything.client, day)
        expected = counted(candidates)
        assert (body["night"], body["alerts"]) == (str(days.read_day(day)), len(candidates))
        assert body["exposures"] == sum(one["exposures"] for one in expected.values())
        keys = [(item["field"], item["filter"]) for item in body["items"]]
        assert keys == sorted(expected, key=lambda key: (key[0], "gri".index(key[1])))
        for key, item in zip(keys, body["items"], strict=True):
            wanted = expected[key]
            for name in ("alerts", "exposures", "quadrants", "first_jd", "last_jd"):
                assert item[name] == wanted[name], (day, key, name)
            assert np.float32(item["diffmaglim_median"]) == wanted["diffmaglim_median"]
            assert item["ra"] == pytest.approx(wanted["ra"], abs=1e-6)
            assert item["dec"] == pytest.approx(wanted["dec"], abs=1e-6)
            assert item["first_time"][:10] == item["last_time"][:10] == body["night"]


async def test_a_search_finds_as_many(everything: Everything) -> None:
    body = await fields_of(everything.client, "20181129")
    for item in body["items"]:
        day = {"time__gte": "2018-11-29", "time__lt": "2018-11-30", "filter": item["filter"]}
        asked = {**day, "where": f"field:{item['field']}", "count": "exact", "limit": 1}
        found = await body_of(everything.client, "/api/v1/alerts", **asked)
        assert found["count"] == item["alerts"]
    assert sum(item["alerts"] for item in body["items"]) == 236


def at(n: int, jd: float, **changes: Any) -> bytes:
    """The n-th alert, without cutouts, at a Julian date."""
    own = {"candid": sky.BASE + n, "pid": sky.BASE // 10**6, "jd": jd, "rcid": 5, "cutouts": None}
    return packets.packet(**{**own, "field": 600, "fid": 1} | changes)


async def test_a_night_is_the_day_of_jd_and_what_is_missing_is_null() -> None:
    before, last = math.nextafter(DAY_JD, 0), math.nextafter(DAY_JD + 1, 0)
    messages = [
        at(0, before, field=599),
        at(1, DAY_JD, ra=359.9999, dec=45.0),
        at(2, DAY_JD, ra=0.0001, dec=45.0, diffmaglim=None),
        at(3, last, field=None, rcid=None, fid=2, diffmaglim=None),
        at(4, last, fid=7, rcid=None),
        at(5, DAY_JD + 1, field=601),
    ]
    async with fresh_archive() as settings:
        await take_in(settings, messages, "folder")
        async with serving(settings) as client:
            body = await fields_of(client, "20260131")
            same, other, unnamed = body["items"]
            assert [(i["field"], i["filter"], i["alerts"]) for i in body["items"]] == [
                (600, "g", 2),
                (600, None, 1),
                (None, "r", 1),
            ]
            assert min(same["ra"], 360 - same["ra"]) == pytest.approx(0, abs=1e-7)
            assert (same["exposures"], same["quadrants"]) == (1, 1)
            assert same["diffmaglim_median"] is not None
            assert (unnamed["diffmaglim_median"], other["quadrants"]) == (None, 1)
            assert (same["first_jd"], other["last_jd"]) == (DAY_JD, last)
            for day, field in (("20260130", 599), ("20260201", 601)):
                (item,) = (await fields_of(client, day))["items"]
                assert (item["field"], item["alerts"]) == (field, 1)


async def test_as_of_and_what_was_added_since() -> None:
    """What is kept of a night and what came later give the same as a count from the beginning."""
    rng = np.random.default_rng(11)
    every = [
        at(
            n,
            DAY_JD + float(rng.integers(0, 60)) / 64,
            candid=sky.BASE + n * 10_000_000_000,
            field=int(rng.integers(500, 504)),
            fid=int(rng.integers(1, 4)),
            rcid=int(rng.integers(0, 64)),
            diffmaglim=float(rng.uniform(19, 21)),
            ra=float(rng.uniform(0, 360)),
            dec=float(rng.uniform(-30, 90)),
        )
        for n in range(60)
    ]
    async with fresh_archive() as settings, serving(settings) as client:
        seen = []
        for first in range(0, 60, 20):
            await take_in(settings, every[first : first + 20], "folder", first)
            seen.append(await fields_of(client, "20260131"))
        assert [body["alerts"] for body in seen] == [20, 40, 60]
        assert len({body["as_of"] for body in seen}) == 3
        for body in seen:
            assert await fields_of(client, "20260131", as_of=body["as_of"]) == body
        async with serving(settings) as fresh:
            for body in reversed(seen):
                assert await fields_of(fresh, "20260131", as_of=body["as_of"]) == body
        early = await client.get("/api/v1/nights/20260131/fields", params={"as_of": 0})
        assert early.json()["items"] == []
        beyond = await client.get("/api/v1/nights/20260131/fields", params={"as_of": 10**9})
        assert (beyond.status_code, beyond.json()["errors"][0]["parameter"]) == (422, "as_of")


async def test_many_nights_are_kept_and_many_askers_count_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fieldcounts, "MOST", 2)
    days = [date(2026, 1, 31) + timedelta(days=n) for n in range(3)]
    async with fresh_archive() as settings:
        await take_in(settings, [at(n, DAY_JD + n) for n in range(3)], "folder")
        engine = make_engine(settings, "test")
        asked: list[str] = []

        class Watched(Archive):
            async def fetch(self, statement: Any, **values: Any) -> Any:
                asked.append(statement.sql)
                return await super().fetch(statement, **values)

        archive, counts = Watched(engine, 4, 5, Gate(engine, 2)), NightCounts()
        found = await asyncio.gather(*(counts.of(archive, days[0], 5) for _ in range(10)))
        assert {one.alerts for one in found} == {1}
        assert len(asked) == fieldcounts.PARTS
        for day in days[1:]:
            await counts.of(archive, day, 5)
        await counts.of(archive, days[2], 5)
        assert len(asked) == 3 * fieldcounts.PARTS
        await counts.of(archive, days[2], 6)
        assert len(asked) == 3 * fieldcounts.PARTS + 1
        # An earlier batch is another answer, kept beside.
        for _ in range(2):
            assert (await counts.of(archive, days[2], 4)).alerts == 1
        assert len(asked) == 4 * fieldcounts.PARTS + 1
        await counts.of(archive, days[0], 6)
        assert len(asked) == 5 * fieldcounts.PARTS + 1
        await engine.dispose()


async def test_who_waits_too_long_for_others_is_told(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fieldcounts, "WAIT_S", 0.05)
    engine, go_on = make_engine(served.settings, "test"), asyncio.Event()

    class Slow(Archive):
        async def fetch(self, statement: Any, **values: Any) -> Any:
            await go_on.wait()
            return await super().fetch(statement, **values)

    archive, counts = Slow(engine, 4, 5, Gate(engine, 2)), NightCounts()
    first = asyncio.create_task(counts.of(archive, NIGHTS[0], 5))
    await asyncio.sleep(0)
    with pytest.raises(QueryTooCostly, match="other nights"):
        await counts.of(archive, NIGHTS[1], 5)
    go_on.set()
    assert (await first).alerts == (await counts.of(archive, NIGHTS[1], 5)).alerts == 0
    await engine.dispose()


@pytest.mark.parametrize(
    "night", ["20260130", "2026013", "2026-0131", "20261332", "20260131 ", "x", "٢٠٢٦٠١٣١"]
)
async def test_a_night_that_is_none_is_a_404(served: Served, night: str) -> None:
    for address in (f"/api/v1/nights/{night}", f"/api/v1/nights/{night}/fields"):
        answer = await served.client.get(address)
        assert answer.status_code == 404
        assert "night" in answer.json()["detail"]


# -------------------------------------------------------------------------------------------------
# The ledger
# -------------------------------------------------------------------------------------------------


async def test_a_night_of_the_ledger_without_alerts_is_empty(served: Served) -> None:
    """The hand-made alerts came in January's topic and were exposed on days of their own."""
    body = await fields_of(served.client, "20260131")
    assert (body["items"], body["alerts"], body["exposures"]) == ([], 0, 0)
    ledger = await body_of(served.client, "/api/v1/nights/20260131")
    stored, day = 0, await body_of(served.client, "/api/v1/alerts", limit=1000)
    for night in {item["time"][:10].replace("-", "") for item in day["items"]}:
        stored += (await fields_of(served.client, night))["alerts"]
    assert stored == ledger["stored"]


OUTCOMES = ("received", "stored", "duplicate", "private", "rejected")


@pytest.fixture(scope="module")
async def ledger() -> AsyncIterator[httpx.AsyncClient]:
    """Five nights, of one or two topics, with packets of every fate."""
    async with fresh_archive() as settings:
        for n, night in enumerate(NIGHTS):
            messages = [
                *(packets.packet(candid=sky.BASE + 10 * n + k, cutouts=None) for k in range(n + 1)),
                packets.packet(candid=sky.BASE + 10 * n, cutouts=None),
                packets.packet(candid=sky.BASE + 10 * n + 9, programid=2, cutouts=None),
                b"no packet",
            ]
            await take_in(settings, messages, f"ztf_{night:%Y%m%d}_programid1", 0, night)
            # Batches of the same night and topic are added up, other topics are told apart.
            await take_in(settings, messages[:1], f"ztf_{night:%Y%m%d}_programid1", 99, night)
            if n % 2:
                await take_in(settings, messages[:2], 'folder,"of mine"', 10 * n, night)
        async with serving(settings) as client:
            yield client


async def test_the_ledger_adds_up(ledger: httpx.AsyncClient) -> None:
    body = await body_of(ledger, "/api/v1/nights")
    NightList.model_validate(body)
    assert (body["next"], body["truncated"]) == (None, False)
    assert [item["night"] for item in body["items"]] == [str(night) for night in reversed(NIGHTS)]
    for n, item in enumerate(reversed(body["items"])):
        Night.model_validate(item)
        again = 2 if n % 2 else 0
        told = (n + 5 + again, n + 1, 2 + again, 1, 1)
        assert tuple(item[name] for name in OUTCOMES) == told
        assert [t["topic"] for t in item["topics"]] == ['folder,"of mine"'] * (n % 2) + [
            f"ztf_{NIGHTS[n]:%Y%m%d}_programid1"
        ]
        for part in (item, *item["topics"]):
            assert part["received"] == sum(part[name] for name in OUTCOMES[1:])
        for name in OUTCOMES:
            assert item[name] == sum(topic[name] for topic in item["topics"])
        assert await body_of(ledger, f"/api/v1/nights/{NIGHTS[n]:%Y%m%d}") == item


@pytest.mark.parametrize("limit", [1, 2, 5, 400])
async def test_pages_of_the_ledger(ledger: httpx.AsyncClient, limit: int) -> None:
    every = (await body_of(ledger, "/api/v1/nights"))["items"]
    walked: list[Any] = []
    address, query = "/api/v1/nights", {"limit": str(limit), "format": "json"}
    answer = await ledger.get(address, params=query)
    while True:
        body = answer.json()
        walked += body["items"]
        assert len(body["items"]) <= limit
        assert body["truncated"] is (body["next"] is not None)
        if body["next"] is None:
            assert "link" not in answer.headers
            break
        by_hand = await body_of(ledger, address, **query, before=body["next"])
        answer = await ledger.get(answer.links["next"]["url"])
        assert answer.json() == by_hand
    assert walked == every
    before = await body_of(ledger, address, before=f"{NIGHTS[2]:%Y%m%d}")
    assert before["items"] == every[3:]
    assert (await body_of(ledger, address, before="00010101"))["items"] == []
    assert (await body_of(ledger, address, before=" "))["items"] == every
    assert await body_of(ledger, address, before=str(NIGHTS[2])) == before


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("before", "2026-1-31", "20261123"),
        ("before", "20260230", "20261123"),
        ("before", "2026W051", "20261123"),
        ("before", "x" * 1000, "20261123"),
        ("limit", "0", "1"),
        ("limit", "401", "400"),
        ("limit", "many", "integer"),
        ("format", "CSV", "csv"),
        ("befor", "20260131", "before"),
    ],
)
async def test_what_is_wrong_is_said(
    ledger: httpx.AsyncClient, name: str, value: str, hint: str
) -> None:
    answer = await ledger.get("/api/v1/nights", params={name: value})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["parameter"] == name
    assert hint in f"{error['reason']} {error['nearest']}"


@pytest.mark.parametrize("reader", READERS)
async def test_readers_read_a_row_a_topic(ledger: httpx.AsyncClient, reader: str) -> None:
    columns: readers.Columns = {column.name: column for column in days.NIGHT_COLUMNS}
    items = (await body_of(ledger, "/api/v1/nights", limit=3))["items"]
    rows = [{"night": item["night"], **topic} for item in items for topic in item["topics"]]
    name, read = readers.READERS[reader]
    answer = await ledger.get("/api/v1/nights", params={"format": name, "limit": 3})
    assert read(answer.content, columns) == readers.expected(rows, reader, columns)
    assert answer.headers["x-next-cursor"] == items[-1]["night"].replace("-", "")
    assert answer.links["next"]["url"].endswith(f"before={answer.headers['x-next-cursor']}")


@pytest.mark.parametrize("reader", READERS)
async def test_readers_read_the_counts(everything: Everything, reader: str) -> None:
    columns: readers.Columns = {column.name: column for column in fieldcounts.FIELD_COUNT_COLUMNS}
    body = await fields_of(everything.client, "20181129")
    name, read = readers.READERS[reader]
    address = "/api/v1/nights/20181129/fields"
    answer = await everything.client.get(address, params={"format": name})
    assert read(answer.content, columns) == readers.expected(body["items"], reader, columns)
    assert answer.headers["x-as-of"] == str(body["as_of"])
    assert "fields-20181129." in answer.headers["content-disposition"]


async def test_lines_stilts_and_ucds(
    everything: Everything, ledger: httpx.AsyncClient, tmp_path: Path
) -> None:
    for client, address, columns in (
        (ledger, "/api/v1/nights", days.NIGHT_COLUMNS),
        (everything.client, "/api/v1/nights/20181129/fields", fieldcounts.FIELD_COUNT_COLUMNS),
    ):
        body = await body_of(client, address)
        lines = await client.get(address, params={"format": "jsonl"})
        assert [json.loads(line) for line in lines.content.splitlines()] == body["items"]
        votable = (await client.get(address, params={"format": "votable"})).content
        assert list(readers.by_stilts(tmp_path, votable)[0]) == [c.name for c in columns]
        for field in parse_single_table(io.BytesIO(votable), verify="exception").fields:
            parse_ucd(field.ucd, check_controlled_vocabulary=True)
