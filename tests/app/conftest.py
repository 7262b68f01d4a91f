"""Archives of their own, filled by the real consumer, and the app on a port of loopback."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from app.main import create_app
from app.settings import Settings
from archive.database import make_engine
from archive.objects import open_store
from consumer.batches import ingest
from consumer.batches.sorting import Raw
from dev.testing import TEMPLATE
from tests.app import sky
from tests.conftest import Place, new_place, url_of
from tests.proxies import Stripping, stripping
from tests.servers import listening, running

NIGHT = date(2026, 1, 31)
PATIENT: Any = {"statement_timeout_s": 60.0, "database_timeout_s": 61.0}
"""A machine that is busy with other tests must not make a cheap question too dear."""


def app_settings(place: Place) -> Settings:
    """The settings of an app that reads the archive at a place."""
    return Settings(
        database_url=SecretStr(url_of("reader", place.database)),
        app_database_url=SecretStr(url_of("app", place.database)),
        tap_database_url=SecretStr(url_of("tap", place.database)),
        s3_bucket=place.bucket,
        log_level="error",
        # No test asks the real ones.
        sesame_url="",
        simbad_tap_url="",
        # tests/app/match/test_jobs.py turns it on.
        jobs_run=False,
        **PATIENT,
    )


def database_of(settings: Settings) -> str:
    """The name of the database."""
    return settings.database_url.get_secret_value().rpartition("/")[2]


@asynccontextmanager
async def fresh_archive() -> AsyncIterator[Settings]:
    """An empty archive; the settings of an app that reads it."""
    async with new_place(TEMPLATE) as place:
        yield app_settings(place)


async def take_in(
    settings: Settings,
    messages: Sequence[bytes],
    source: str,
    first: int = 0,
    night: date = NIGHT,
) -> None:
    """Messages into the archive of these settings, as one batch of the consumer's."""
    writer_url = SecretStr(url_of("writer", database_of(settings)))
    writer = settings.model_copy(update={"database_url": writer_url})
    engine = make_engine(writer, "test")
    try:
        async with open_store(writer) as store:
            raws = [Raw(source, 0, first + n, "", night, data) for n, data in enumerate(messages)]
            await ingest.ingest(ingest.Archive(engine, store), "stream", ingest.Batch(raws))
    finally:
        await engine.dispose()


@asynccontextmanager
async def serving(
    settings: Settings, prefix: str = "", public_url: str = ""
) -> AsyncIterator[httpx.AsyncClient]:
    """The app behind a real HTTP server, and a client of it.

    It is told that its addresses begin with `prefix`, which a proxy before it would take off, or
    the whole address under which such a proxy is reached.
    """
    with listening() as (listener, address):
        public = settings.model_copy(update={"public_url": public_url or address + prefix})
        async with (
            running(create_app(public), listener),
            # To read certificates, which plain HTTP needs not, takes 40 ms.
            httpx.AsyncClient(base_url=address, timeout=120, verify=False) as client,
        ):
            yield client


@asynccontextmanager
async def serving_below(settings: Settings, path: str) -> AsyncIterator[Stripping]:
    """The app behind a proxy that serves it below a path."""
    async with (
        stripping(path) as proxy,
        serving(settings, public_url=proxy.address) as client,
    ):
        proxy.target = str(client.base_url)
        yield proxy


@dataclass
class Served:
    """The hand-made sky of sky.py, in an archive, served."""

    client: httpx.AsyncClient
    settings: Settings

    async def alerts(self, query: Any) -> Any:
        """The body of a list that must succeed."""
        answer = await self.client.get("/api/v1/alerts", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def candids(self, query: Any) -> list[str]:
        return [item["candid"] for item in (await self.alerts(query))["items"]]


@pytest.fixture(scope="session")
async def served() -> AsyncIterator[Served]:
    """Two batches of hand-made alerts, served."""
    async with fresh_archive() as settings:
        await take_in(settings, sky.first_batch(), "ztf_20260131_programid1")
        await take_in(settings, sky.second_batch(), "ztf_20260131_programid1", 100_000)
        async with serving(settings) as client:
            yield Served(client, settings)
