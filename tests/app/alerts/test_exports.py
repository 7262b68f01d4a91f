"""Long answers: streamed, cut, broken off, gone on with."""

import asyncio
import io
import json
import subprocess
from typing import Any

import asyncpg
import httpx
import pyarrow
import pyarrow.parquet
import pytest
from astropy.io.votable import parse_single_table

from app.alerts.access.archive import Archive
from app.alerts.asking import searching
from app.alerts.output import exports
from app.answers.formats import FORMATS
from app.search.search import Search
from tests.app.answers import readers
from tests.app.conftest import Served, database_of
from tests.conftest import url_of

ALERTS = "/api/v1/alerts"
TABLES = [name for name, known in FORMATS.items() if known.writer]
CHUNK = 20
Query = dict[str, Any]


@pytest.fixture
def chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same code on a small archive: twenty alerts at once."""
    monkeypatch.setattr(exports, "CHUNK", CHUNK)


def candids(name: str, body: bytes) -> list[str]:
    """What a whole answer holds."""
    read = {reader[0]: reader[1] for reader in readers.READERS.values()}[name]
    return [str(row["candid"]) for row in read(body)]


@pytest.mark.usefixtures("chunks")
@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("sort", ["-jd", "candid"])
async def test_a_stream_equals_the_json(served: Served, name: str, sort: str) -> None:
    whole = await served.candids({"limit": 1000, "sort": sort})
    answer = await served.client.get(
        ALERTS, params={"format": name, "limit": 100_000, "sort": sort, "fields": "candid,rb,time"}
    )
    assert "content-length" not in answer.headers
    assert answer.headers["x-as-of"] == "2"
    assert candids(name, answer.content) == whole
    if name in ("csv", "jsonl"):
        assert answer.content.endswith(b"\n")


@pytest.mark.usefixtures("chunks")
@pytest.mark.parametrize("limit", [CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 59])
async def test_a_cut_stream_says_so_at_its_end(served: Served, limit: int) -> None:
    query: Query = {"limit": limit, "fields": "candid"}
    page = await served.alerts(query)
    following = await served.candids(query | {"cursor": page["next"]})
    told = {}
    for name in TABLES:
        answer = await served.client.get(ALERTS, params=query | {"format": name})
        if limit <= CHUNK:
            told[name] = answer.headers["x-next-cursor"]
        elif name == "jsonl":
            *lines, last = map(json.loads, answer.content.splitlines())
            assert (len(lines), last["truncated"], last["as_of"]) == (limit, True, 2)
            told[name] = last["next"]
        elif name == "csv":
            *lines, comment = answer.text.splitlines()
            assert len(lines) == limit + 1
            assert comment.startswith("# truncated: more matched; next=")
            told[name] = comment.split("next=")[1].split()[0]
        elif name == "votable":
            infos = parse_single_table(io.BytesIO(answer.content))._votable.resources[0].infos
            assert [i.value for i in infos if i.name == "QUERY_STATUS"] == ["OK", "OVERFLOW"]
            (told[name],) = [i.value for i in infos if i.name == "next"]
        else:
            file = pyarrow.parquet.ParquetFile(io.BytesIO(answer.content))
            told[name] = file.metadata.metadata[b"next"].decode()
    for name, cursor in told.items():
        assert cursor == page["next"], name
        assert await served.candids(query | {"cursor": cursor}) == following


@pytest.mark.usefixtures("chunks")
async def test_head_reads_one_chunk(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    alerts = searching.find_alerts

    async def counted(archive: Archive, search: Search) -> Any:
        nonlocal asked
        asked += 1
        return await alerts(archive, search)

    monkeypatch.setattr(searching, "find_alerts", counted)
    answer = await served.client.head(ALERTS, params={"format": "csv", "limit": 1000})
    assert answer.headers["content-type"].startswith("text/csv")
    assert (answer.content, asked) == (b"", 1)


class Killer:
    """At its third statement a search waits for a lock, and its connection is killed there."""

    def __init__(self, served: Served) -> None:
        self._url = url_of("admin", database_of(served.settings)).replace("+asyncpg", "")
        self._alerts = searching.find_alerts
        self._asked = 0

    async def __call__(self, archive: Archive, search: Search) -> Any:
        self._asked += 1
        if self._asked != 3:
            return await self._alerts(archive, search)
        admin = await asyncpg.connect(self._url)
        try:
            async with admin.transaction():
                await admin.execute("LOCK TABLE alert IN ACCESS EXCLUSIVE MODE")
                waiting = asyncio.create_task(self._alerts(archive, search))
                killed = False
                while not killed:
                    killed = await admin.fetchval(
                        "SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity "
                        "WHERE wait_event_type = 'Lock' AND datname = current_database()"
                    )
            return await waiting
        finally:
            await admin.close()


async def broken(served: Served, query: Query, headers: dict[str, str]) -> bytes:
    """What came of an answer that must not end well."""
    got = b""
    async with served.client.stream("GET", ALERTS, params=query, headers=headers) as answer:
        assert answer.status_code == 200
        try:
            async for piece in answer.aiter_raw():
                got += piece
        except httpx.RemoteProtocolError:
            return got
    raise AssertionError("it ended well")


@pytest.mark.usefixtures("chunks")
@pytest.mark.parametrize("name", TABLES)
async def test_a_broken_answer_is_not_whole_and_can_be_gone_on_with(
    served: Served, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    query: Query = {"format": name, "limit": 100_000, "fields": "candid,ssnamenr,magpsf"}
    whole = await served.client.get(ALERTS, params=query)
    with monkeypatch.context() as patched:
        patched.setattr(searching, "find_alerts", Killer(served))
        got = await broken(served, query, {"Accept-Encoding": "identity"})
    if name == "parquet":
        with pytest.raises(pyarrow.ArrowInvalid):
            pyarrow.parquet.read_table(io.BytesIO(got))
        return
    assert whole.content.startswith(got)
    if name == "votable":
        with pytest.raises(ValueError, match="no element found"):
            parse_single_table(io.BytesIO(got))
        last = got.decode().rpartition("<TR><TD>")[2].partition("</TD>")[0]
    elif name == "jsonl":
        assert not got.endswith(b"\n")
        last = json.loads(got.splitlines()[-1])["candid"]
    else:
        assert not got.endswith(b"\n")
        last = got.decode().splitlines()[-1].partition(",")[0]
    rest = await served.client.get(ALERTS, params=query | {"after": last, "as_of": 2})
    everything = candids(name, whole.content)
    had = everything.index(last) + 1
    assert had == 2 * CHUNK
    assert candids(name, rest.content) == everything[had:]


@pytest.mark.usefixtures("chunks")
@pytest.mark.parametrize("coding", ["gzip", "zstd", "br"])
async def test_a_broken_compressed_answer(
    served: Served, monkeypatch: pytest.MonkeyPatch, coding: str
) -> None:
    monkeypatch.setattr(searching, "find_alerts", Killer(served))
    got = await broken(served, {"format": "csv", "limit": 5000}, {"Accept-Encoding": coding})
    assert got


@pytest.mark.usefixtures("chunks")
async def test_curl_notices(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "find_alerts", Killer(served))
    url = f"{str(served.client.base_url).rstrip('/')}{ALERTS}?format=csv&limit=5000"
    run = await asyncio.to_thread(subprocess.run, ["curl", "-sf", url], capture_output=True)
    assert run.returncode == 18  # CURLE_PARTIAL_FILE
    assert run.stdout


@pytest.mark.parametrize("sort", ["-jd", "jd", "candid", "object_id", "-rb", "ssnamenr", "drb"])
async def test_after_goes_on_behind_an_alert(served: Served, sort: str) -> None:
    query = {"cone": "0,90,2", "sort": sort, "limit": "1000"}
    whole = await served.candids(query)
    for n in (0, 1, 17, len(whole) - 2, len(whole) - 1):
        assert await served.candids(query | {"after": whole[n]}) == whole[n + 1 :]


async def test_after_and_a_cursor(served: Served) -> None:
    page = await served.alerts({"limit": 3})
    last = page["items"][-1]["candid"]
    answer = await served.client.get(ALERTS, params={"after": last, "cursor": page["next"]})
    assert answer.status_code == 422
    newest = (await served.candids({"limit": 1}))[0]
    early = await served.client.get(ALERTS, params={"after": newest, "as_of": 1})
    assert early.status_code == 422
    answer = await served.client.get(ALERTS, params={"after": last, "limit": 3})
    link = answer.headers["link"].partition(">")[0][1:]
    assert "after=" not in link
    assert (await served.client.get(link)).json()["items"]


@pytest.mark.usefixtures("chunks")
async def test_a_client_that_goes_away_ends_the_reading(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, gone = 0, asyncio.Event()
    alerts = searching.find_alerts

    async def held(archive: Archive, search: Search) -> Any:
        nonlocal asked
        asked += 1
        if asked > 2:
            await gone.wait()
            # The server hears of it in one of the next turns of the loop.
            for _ in range(10):
                await asyncio.sleep(0)
        return await alerts(archive, search)

    monkeypatch.setattr(searching, "find_alerts", held)
    query: Query = {"format": "csv", "limit": 5000}
    before = await counted(served)
    async with served.client.stream("GET", ALERTS, params=query) as answer:
        await anext(answer.aiter_raw())
    gone.set()
    async with asyncio.timeout(30):
        while await counted(served) == before:  # noqa: ASYNC110 - it is asked over HTTP
            await asyncio.sleep(0.05)
    assert asked <= 3  # of sixteen


async def counted(served: Served) -> list[str]:
    """How often lists of alerts were asked for and answered to their end, by status."""
    lines = (await served.client.get("/metrics")).text.splitlines()
    return [line for line in lines if f'http_requests_total{{method="GET",route="{ALERTS}"' in line]
