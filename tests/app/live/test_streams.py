"""The live tail: each alert once and in order, with the filters and the shapes of lists."""

import asyncio
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import asyncpg
import httpx
import pytest

from app.alerts.access.gate import Gate
from app.settings import Settings
from tests.app.conftest import Served, fresh_archive, serving
from tests.app.jobs.running import admin_url
from tests.app.live.streams import (
    BASE,
    HANGS_S,
    STREAM,
    candids,
    following,
    grow,
    read_alerts,
    read_until,
)


class Growing(NamedTuple):
    """An archive of a test's own, served."""

    client: httpx.AsyncClient
    settings: Settings


@pytest.fixture
async def growing() -> AsyncIterator[Growing]:
    async with fresh_archive() as settings, serving(settings) as client:
        yield Growing(client, settings)


async def test_what_comes_arrives_once_and_in_order(growing: Growing) -> None:
    await grow(growing.settings, 0, 3)
    async with following(growing.client) as events:
        begun = await anext(events)
        assert (begun.kind, begun.id, begun.data) == ("seen", 3, 3)
        await grow(growing.settings, 3, 2)
        await grow(growing.settings, 5, 1)
        found = await read_alerts(events, 3)
    assert [one.id for one in found] == [4, 5, 6]
    assert candids(found) == [3, 4, 5]
    listed = (await growing.client.get("/api/v1/alerts", params={"limit": 3})).json()["items"]
    assert [one.data for one in found] == listed[::-1]


async def test_a_stream_goes_on_where_another_was_cut(growing: Growing) -> None:
    await grow(growing.settings, 0, 4)
    async with following(growing.client, since=1) as events:
        assert candids(await read_alerts(events, 2)) == [1, 2]
    async with following(growing.client, last=3, since=1) as events:
        assert candids(await read_alerts(events, 1)) == [3]
        await grow(growing.settings, 4, 1)
        assert candids(await read_alerts(events, 1)) == [4]


async def test_as_of_begins_after_a_batch(growing: Growing) -> None:
    for n in range(4):
        await grow(growing.settings, 2 * n, 2)
    for batch in range(5):
        async with following(growing.client, as_of=batch) as events:
            assert (await anext(events)).id == 2 * batch
            later = await read_until(events, 8) if batch < 4 else []
        assert candids(later) == list(range(2 * batch, 8))
    refused = await growing.client.get(STREAM, params={"as_of": 5})
    assert refused.status_code == 422
    assert "the newest batch is 4" in refused.text


SEARCHES: list[dict[str, Any]] = [
    {},
    {"cone": "0,90,2"},
    {"cone": "0,0,1"},
    {"cone": "359.9,45,10"},
    {"polygon": "149,29,151,29,151,31,149,31"},
    {"magpsf__lt": 16, "where": "rb__gte:0.3"},
    {"object_id": "ZTF26lcurve"},
    {"ssnamenr": "433 Eros"},
    {"jd__gt": 2461000, "filter": "g"},
    {"candid": "3310100000000015000"},
    {"fields": "candid,mjd,links"},
    {"name": "150 30,0.5", "fields": "candid"},
    {"lco_id__gt": 20, "batch": 1},
]


@pytest.mark.parametrize("search", SEARCHES, ids=str)
async def test_a_stream_finds_what_a_list_finds(served: Served, search: dict[str, Any]) -> None:
    listed = await served.client.get(
        "/api/v1/alerts", params=search | {"limit": 1000, "sort": "lco_id"}
    )
    assert listed.status_code == 200, listed.text
    wanted = listed.json()["items"]
    assert wanted or "ssnamenr" in search or "jd__gt" in search
    newest = await newest_number(served.settings)
    async with following(served.client, since=0, **search) as events:
        found = await read_until(events, newest)
    assert [one.data for one in found if one.kind == "alert"] == wanted
    ids = [one.id for one in found]
    assert ids == sorted(ids)
    assert len({one.id for one in found if one.kind == "alert"}) == len(wanted)


async def newest_number(settings: Settings) -> int:
    admin = await asyncpg.connect(admin_url(settings))
    number: int = await admin.fetchval("SELECT lco_id FROM counter")
    await admin.close()
    return number


async def test_numbers_that_nobody_got_are_passed_over(growing: Growing) -> None:
    """As after duplicates, or after a restore."""
    await grow(growing.settings, 0, 2)
    admin = await asyncpg.connect(admin_url(growing.settings))
    await admin.execute("UPDATE counter SET lco_id = lco_id + 5000000000")
    await admin.close()
    async with following(growing.client, since=0) as events:
        assert [one.kind for one in await read_until(events, 5_000_000_002)] == [
            *("seen", "alert", "alert", "seen")
        ]
        await grow(growing.settings, 2, 1)
        assert candids(await read_alerts(events, 1)) == [2]


async def test_a_long_past_comes_whole(growing: Growing) -> None:
    """In several stretches, with alerts that come meanwhile behind it."""
    for n in range(5):
        await grow(growing.settings, 1000 * n, 1000)
    async with following(growing.client, since=0, fields="candid") as events:
        first = await read_alerts(events, 10)
        await grow(growing.settings, 5000, 1)
        rest = await read_alerts(events, 4991)
    assert candids([*first, *rest]) == list(range(5001))


async def test_a_long_past_does_not_wait_behind_costly_questions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A stream that fell behind while they held all places would never come to the present."""
    gates, begin = list[Gate](), Gate.__init__

    def begin_and_note(gate: Gate, *told: Any) -> None:
        begin(gate, *told)
        gates.append(gate)

    monkeypatch.setattr(Gate, "__init__", begin_and_note)
    async with fresh_archive() as settings, serving(settings) as client:
        for n in range(3):
            await grow(settings, 1000 * n, 1000)
        async with AsyncExitStack() as held:
            for gate in gates:
                for n in range(gate.places):
                    await held.enter_async_context(gate.place(f"client {n}", HANGS_S))
            assert sum(gate.free for gate in gates) == 0 < len(gates)
            async with following(client, since=0, fields="candid") as events:
                found = await read_alerts(events, 3000)
    assert candids(found) == list(range(3000))


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "identity"])
async def test_no_event_waits_for_the_next(growing: Growing, coding: str) -> None:
    """curl, unlike httpx, expands all codings."""
    await grow(growing.settings, 0, 1)
    options = ("-sSNi", "--compressed", "-H", f"Accept-Encoding: {coding}")
    address = f"{growing.client.base_url}{STREAM}?since=0&fields=candid"
    curl = await asyncio.create_subprocess_exec("curl", *options, address, stdout=PIPE)
    assert curl.stdout is not None
    try:
        async with asyncio.timeout(HANGS_S):
            said = (await curl.stdout.readuntil(b"\r\n\r\n")).decode().lower()
            told = dict(line.split(": ", 1) for line in said.splitlines()[1:] if line)
            assert told.get("content-encoding", "identity") == coding
            assert told["content-type"].startswith("text/event-stream")
            assert told["cache-control"] == "no-store"
            for n in range(3):
                await grow(growing.settings, n + 1, 1)
                await curl.stdout.readuntil(f'"candid":"{BASE + n}"'.encode())
    finally:
        curl.terminate()
        await curl.wait()
