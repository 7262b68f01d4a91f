"""Files read from the columnar copy are those read from PostgreSQL, byte for byte."""

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from app.alerts.output import bulk
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
    settings = copied.settings.model_copy(update={"columns_look_s": 0.2})
    blind = settings.model_copy(update={"s3_bucket": "nowhere", "log_level": "critical"})
    async with serving(settings) as ours, serving(blind) as theirs:
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


def test_nothing_stays_on_the_disk(copied: Copied) -> None:
    assert not list(Path(copied.settings.columns_dir).glob("bulk-*"))
