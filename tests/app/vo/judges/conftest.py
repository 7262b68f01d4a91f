"""The hand-made sky and the real packets in one archive, served with jobs to others' programs."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from consumer.files.backfill import backfill
from tests.app import sky
from tests.app.conftest import app_settings, serving, take_in
from tests.conftest import new_place, opened


@pytest.fixture(scope="session")
async def client(template: str, real: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with new_place(template) as place:
        async with opened(place) as archive:
            paths = [str(real / "ztf")]
            await backfill(archive, place.settings("writer"), paths, asyncio.Event())
        settings = app_settings(place)
        await take_in(settings, sky.first_batch(), "ztf_20260131_programid1")
        await take_in(settings, sky.second_batch(), "ztf_20260131_programid1", 100_000)
        # Between two questions a program of others may take longer than a connection is kept.
        alone = httpx.Limits(max_keepalive_connections=0)
        async with (
            serving(settings.model_copy(update={"jobs_run": True})) as ready,
            httpx.AsyncClient(base_url=ready.base_url, limits=alone, timeout=60) as own,
        ):
            yield own


@pytest.fixture(scope="session")
def base(client: httpx.AsyncClient) -> str:
    return str(client.base_url).rstrip("/")
