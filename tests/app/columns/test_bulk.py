"""Files read from the columnar copy are those read from PostgreSQL, byte for byte."""

import asyncio
import gc
import io
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.alerts.access.gate import Turns
from app.alerts.output import bulk
from app.alerts.output.bulk import read_in_bulk
from app.alerts.output.scribe import PROGRAM, Order, write_bucket
from app.columns.spool import RANK, Bucket
from app.search.search import parse_search
from tests.app.columns.copied import Copied
from tests.app.conftest import serving

QUERIES: list[dict[str, Any]] = [
    {},
    {"limit": 100_000},
    {"limit": 100_000, "as_of": 7},
    {"limit": 2500},
    {"limit": 2000, "sort": "magpsf"},
    {"limit": 2000, "sort": "-object_id", "rb__gte": "0.2"},
    {"limit": 3000, "fields": "drb,time,candid,links,mjd,object_id"},
    {"limit": 5000, "magpsf__lt": "17"},
    {"limit": 5000, "magpsf__lt": "-1e9"},
]


@pytest.fixture(scope="module")
async def apps(copied: Copied) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """The app with the copy, and without: in another bucket there is none."""
    blind = copied.settings.model_copy(update={"s3_bucket": "nowhere", "log_level": "critical"})
    async with serving(copied.settings) as ours, serving(blind) as theirs:
        # While one is asked the other's connection would come of age, and end as it is used again.
        for client in (ours, theirs):
            client.headers["Connection"] = "close"
        for _ in range(100):
            answer = await ours.get("/api/v1/alerts", params={"explain": "true", "limit": 1})
            if answer.json()["explain"]["columns_as_of"] is not None:
                break
        yield ours, theirs


@pytest.mark.parametrize("name", ["jsonl", "csv", "votable", "parquet"])
@pytest.mark.parametrize("query", QUERIES)
async def test_the_same_bytes(
    apps: tuple[httpx.AsyncClient, httpx.AsyncClient],
    query: dict[str, Any],
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bulk, "FEW", 100)
    monkeypatch.setattr(bulk, "SPARSE", 10**9)
    monkeypatch.setattr(bulk, "BUCKET", 512)
    ours, theirs = [
        await client.get("/api/v1/alerts", params=query | {"format": name}) for client in apps
    ]
    assert ours.status_code == 200, ours.text
    if theirs.status_code == 422:
        assert "columnar copy" in theirs.text
        assert len(ours.content) > 1000
        return
    told = ("x-as-of", "content-type", "x-truncated", "x-next-cursor")
    assert {n: ours.headers.get(n) for n in told} == {n: theirs.headers.get(n) for n in told}
    hosts = [str(client.base_url) for client in apps]
    if name == "parquet":
        one, other = (pq.read_table(io.BytesIO(answer.content)) for answer in (ours, theirs))
        assert str(one.to_pylist()).replace(hosts[0], hosts[1]) == str(other.to_pylist())
        assert one.schema.equals(other.schema, check_metadata=True)
        return
    assert ours.text.replace(hosts[0], hosts[1]) == theirs.text


def scribes() -> list[int]:
    """The processes that write parts of answers for this one."""
    own = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    told = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in own}
    return [pid for pid, command in told.items() if PROGRAM.encode() in command]


async def test_an_answer_is_whole_though_who_writes_it_is_killed(
    apps: tuple[httpx.AsyncClient, httpx.AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "FEW", 100)
    monkeypatch.setattr(bulk, "SPARSE", 10**9)
    monkeypatch.setattr(bulk, "BUCKET", 32)
    ours, query = apps[0], {"format": "jsonl", "limit": "100000"}
    whole = (await ours.get("/api/v1/alerts", params=query)).text
    killed, got = list[int](), b""
    async with ours.stream("GET", "/api/v1/alerts", params=query) as answer:
        async for piece in answer.aiter_bytes():
            got += piece
            if not killed:  # once: an order whose second process ends too is given up
                killed = scribes()
                for pid in killed:
                    os.kill(pid, signal.SIGKILL)
    assert killed
    assert got.decode() == whole


def test_rows_stay_until_all_of_their_text_is_written(tmp_path: Path) -> None:
    names = ("candid", "magpsf")
    rows = pa.record_batch({"candid": [2, 1], "magpsf": pa.array([1.5, 2.5], "float32")})
    path = tmp_path / "0.copy.arrow"
    with pa.ipc.new_file(str(path), rows.schema.append(pa.field(RANK, "int64"))) as file:
        file.write_batch(rows.append_column(RANK, pa.array([1, 0])))
    full = Order("csv", names, "ztf", "http://mars", Bucket((path,), 2), Path("/dev/full"))
    with pytest.raises(OSError, match="No space left"):
        write_bucket(full)
    (into := tmp_path / "0.written").touch()
    write_bucket(full._replace(into=into))
    assert into.read_bytes() == b"\r\n1,2.5\r\n2,1.5"
    assert not path.exists()


async def test_who_waits_for_a_turn_holds_no_rows(
    copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that is newer than the copy is some 1,900 alerts here, and half a million in a night."""
    monkeypatch.setattr(bulk, "FEW", 100)
    monkeypatch.setattr(bulk, "SPARSE", 10**9)
    archive = copied.archive.patient()._replace(bulk=Turns(1))
    search = replace(parse_search([]), limit=100_000)

    async def rows() -> int:
        pages = read_in_bulk(archive, copied.copy, search)
        return sum([len(page.rows) async for page in pages])

    def held() -> int:
        return sum(type(one) is asyncpg.Record for one in gc.get_objects())

    before = held()
    async with asyncio.TaskGroup() as exports, archive.bulk.place("another", 1):
        waiting = [exports.create_task(rows()) for _ in range(8)]
        while archive.bulk.waiting < len(waiting):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
        during = held()
    assert during - before < 1000
    assert {task.result() for task in waiting} == {3500}


def test_nothing_stays_on_the_disk(copied: Copied) -> None:
    assert not list(Path(copied.settings.columns_dir).glob("bulk-*"))
