"""What users see of the columnar copy: which way was taken, orders, counts, and life without."""

import asyncio
import io
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from app.alerts.access.gate import Asker, Turns
from app.alerts.models import Explanation
from app.columns.question import Question
from app.errors import ClientGone, ColumnsUnavailable, QueryTooCostly
from tests.app.columns.copied import Copied, read_at
from tests.app.conftest import serving
from tests.app.objects.test_groups import all_pages
from tests.catalog.catalogs import add_alerts, update_catalog
from tests.conftest import Place


async def waiting_for_the_copy(client: httpx.AsyncClient) -> None:
    """Until the app has found the copy."""
    while (await explained(client, {}))["columns_as_of"] is None:
        pass


async def explained(client: httpx.AsyncClient, query: dict[str, Any]) -> Any:
    answer = await client.get("/api/v1/alerts", params={"limit": 1000, **query, "explain": "true"})
    assert answer.status_code == 200, answer.text
    told = answer.json()["explain"]
    Explanation.model_validate(told)
    return told


@pytest.fixture(scope="module")
async def ours(copied: Copied) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(copied.settings) as client:
        client.headers["Connection"] = "close"
        await waiting_for_the_copy(client)
        yield client


@pytest.fixture(scope="module")
async def without(copied: Copied) -> AsyncIterator[httpx.AsyncClient]:
    """The app in whose bucket there is no copy."""
    nowhere = {"s3_bucket": "nowhere", "log_level": "critical"}
    async with serving(copied.settings.model_copy(update=nowhere)) as client:
        client.headers["Connection"] = "close"
        yield client


@pytest.mark.parametrize(
    ("query", "way"),
    [
        ({}, "index"),
        ({"cone": "150,30,2"}, "index"),
        ({"object_id": "ZTF26plain"}, "index"),
        ({"rb__gte": "0.01", "limit": 1}, "walk"),
        ({"magpsf__lt": "-1e9"}, "columns"),
        ({"sort": "magpsf"}, "columns"),
        ({"as_of": "2", "rb__gte": "0.99"}, "columns"),
    ],
)
async def test_the_way_is_told(
    ours: httpx.AsyncClient, copied: Copied, query: dict[str, Any], way: str
) -> None:
    told = await explained(ours, query)
    assert (told["way"], told["columns_as_of"]) == (way, copied.copy.as_of)
    assert bool(told["cheaper"]) == (way == "columns")
    if way == "columns":
        assert 0 <= told["looks_at"] <= copied.copy.rows


async def test_row_groups_out_of_bounds_are_not_looked_at(
    ours: httpx.AsyncClient, copied: Copied
) -> None:
    few = await explained(ours, {"dec__gt": "89.9", "sort": "magpsf"})
    some = await explained(ours, {"dec__gt": "70", "sort": "magpsf"})
    every = await explained(ours, {"sort": "magpsf"})
    assert few["looks_at"] <= some["looks_at"] > 0
    assert some["looks_at"] < every["looks_at"] == copied.copy.rows


async def test_only_json_has_room_for_it(ours: httpx.AsyncClient) -> None:
    answer = await ours.get("/api/v1/alerts", params={"explain": "true", "format": "csv"})
    assert answer.status_code == 422
    assert "leave format out" in answer.text


async def test_without_a_copy_an_order_is_refused_in_words(
    ours: httpx.AsyncClient, without: httpx.AsyncClient
) -> None:
    query: dict[str, str | int] = {"sort": "magpsf", "limit": 5}
    assert (await ours.get("/api/v1/alerts", params=query)).status_code == 200
    refused = await without.get("/api/v1/alerts", params=query)
    assert refused.status_code == 422
    assert "while the archive has no columnar copy" in refused.text
    told = await explained(without, {"magpsf__lt": "-1e9"})
    assert (told["way"], told["columns_as_of"]) == ("table", None)


@pytest.mark.parametrize("query", [{"rb__gte": "0.9"}, {"magpsf__lt": "17", "as_of": "8"}])
async def test_counts_are_exact_and_the_same(
    ours: httpx.AsyncClient, without: httpx.AsyncClient, query: dict[str, Any]
) -> None:
    asked = query | {"count": "exact", "limit": 3}
    one, other = [
        (await client.get("/api/v1/alerts", params=asked)).json() for client in (ours, without)
    ]
    assert one["count"] == other["count"] > 3
    assert one["count_kind"] == "exact"


async def test_the_first_mars_and_the_page_answer_alike(
    ours: httpx.AsyncClient, without: httpx.AsyncClient
) -> None:
    query = {"magpsf__lte": "16.2", "sort_value": "rb", "sort_order": "asc", "page": "1"}
    pages = [
        (await client.get("/", params=query | {"format": "json"})).json()
        for client in (ours, without)
    ]
    ids = [[result["lco_id"] for result in page["results"]] for page in pages]
    assert ids[0] == ids[1] != []
    shown = await ours.get("/", params=query, headers={"Accept": "text/html"})
    assert all(f'href="/{number}/"' in shown.text for number in ids[0][:5])


async def test_a_whole_night_is_a_file(ours: httpx.AsyncClient, copied: Copied) -> None:
    answer = await ours.get("/api/v1/nights/20260131/alerts.parquet")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == 'attachment; filename="ztf-20260131.parquet"'
    found = pq.read_table(io.BytesIO(answer.content))
    query: dict[str, str | int] = {"count": "exact", "limit": 1}
    query |= {"time__gte": "2026-01-31", "time__lt": "2026-02-01"}
    listed = (await ours.get("/api/v1/alerts", params=query)).json()
    assert found.num_rows == listed["count"] > 50
    assert str(found["candid"][0].as_py()) == listed["items"][0]["candid"]
    page = await ours.get("/nights/20260131/", headers={"Accept": "text/html"})
    assert "/api/v1/nights/20260131/alerts.parquet" in page.text


async def test_a_new_copy_is_taken_and_one_that_is_gone_does_no_harm(
    place: Place, tmp_path: Path
) -> None:
    await add_alerts(place, 500)
    async with read_at(place, tmp_path / "a") as read:
        assert read.columns.readable is None
        await update_catalog(place)
        await read.columns.look()
        assert read.copy.rows == 500
        await add_alerts(place, 250, seed=2)
        await update_catalog(place)
        await read.columns.look()
        assert read.copy.rows == 750
    settings = read.settings.model_copy(
        update={"columns_dir": tmp_path / "b", "columns_look_s": 0.3}
    )
    async with serving(settings) as client:
        await waiting_for_the_copy(client)
        query: dict[str, str | int] = {
            "sort": "-rb",
            "time__gte": "2026-01-30",
            "time__lt": "2026-02-02",
            "limit": 1000,
        }
        before = (await client.get("/api/v1/alerts", params=query)).json()
        shutil.rmtree(tmp_path / "b")
        # Answered by PostgreSQL, until the files are there again.
        after = (await client.get("/api/v1/alerts", params=query)).json()
        anywhere: dict[str, str | int] = {"sort": "-rb", "limit": 5}
        while (await client.get("/api/v1/alerts", params=anywhere)).status_code != 200:
            pass
    assert len(before["items"]) > 5
    assert before["items"] == after["items"]


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.parquet"))


async def test_what_does_not_fit_on_the_disk_is_read_from_the_store(
    place: Place, tmp_path: Path
) -> None:
    await add_alerts(place, 700)
    await update_catalog(place, catalog_leaf_rows=100)
    async with read_at(place, tmp_path, columns_gb=0.00005) as read:
        assert bytes_in(tmp_path) <= 50_000
        async with serving(read.settings) as client:
            await waiting_for_the_copy(client)
            query: dict[str, str] = {"sort": "rb", "count": "exact"}
            told = (await client.get("/api/v1/alerts", params=query)).json()
    assert (len(told["items"]), told["count"]) == (100, 700)


_MANY = "range(100000000) AS a, range(1000) AS b"
LONG = Question(f"SELECT count(*) FROM {_MANY} WHERE a.range % 7 = b.range")


async def test_who_gives_up_lets_go(copied: Copied) -> None:
    """A scan that ran out of time is interrupted, and the next one is answered."""
    with pytest.raises(QueryTooCostly):
        await copied.columns.ask(LONG, 0.3)
    assert await copied.columns.ask(Question("SELECT 1"), 20) == [(1,)]


async def test_who_leaves_before_a_long_answer_lets_go(copied: Copied) -> None:
    async def gone() -> None:
        await asyncio.sleep(0.3)

    leaving = copied.archive._replace(asker=Asker("left", gone), bulk=Turns(1))
    with pytest.raises(ClientGone):
        await leaving.in_turn(lambda columns: columns.ask_table(LONG, 60))
    assert leaving.bulk.free == 1
    assert await copied.columns.ask(Question("SELECT 1"), 20) == [(1,)]


def children() -> set[int]:
    """The processes that this one has started and that have not ended."""
    listed = (path.read_text() for path in Path("/proc/self/task").glob("*/children"))
    return {int(number) for text in listed for number in text.split()}


async def test_the_process_that_scans_may_die(place: Place, tmp_path: Path) -> None:
    """Who waits hears of it; then there is a new process, which knows the copy. None is left."""
    await add_alerts(place, 300)
    await update_catalog(place)
    before = children()
    async with read_at(place, tmp_path) as read:
        (process,) = children() - before
        waiting = asyncio.create_task(read.columns.ask(LONG, 60))
        await asyncio.sleep(0.2)
        os.kill(process, signal.SIGKILL)
        with pytest.raises(ColumnsUnavailable, match="has ended"):
            await waiting
        await read.columns.look()
        asked = Question(f"SELECT count(*) FROM {read.copy.table}")
        assert await read.columns.ask(asked, 20) == [(300,)]
        assert process not in children()
    assert children() == before


@pytest.mark.parametrize("query", [{}, {"magpsf__lte": 16}, {"where": "nbad__gte:1", "limit": 20}])
async def test_searches_grouped_by_object_are_the_same(
    ours: httpx.AsyncClient, without: httpx.AsyncClient, query: dict[str, Any]
) -> None:
    groups, others = [await all_pages(client, query) for client in (ours, without)]
    for group in (*groups, *others):
        # Each server has an address of its own.
        group.pop("links")
    assert groups == others
    names = [group["object_id"] for group in groups]
    assert len(names) == len(set(names)) > 0
