"""Two streaming replicas beside a primary: the same bytes, and no failed read while servers die."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from app.settings import Settings
from archive.database import make_engine
from archive.objects import open_store
from consumer import ingest
from consumer.sorting import Raw
from dev import database, postgres, replicas
from dev.processes import start, stop, wait_until_ready
from dev.state import State, open_state
from dev.testing import forget_crashes
from faults.reading import SERVERS, digests, get_routes, kill_in_turn, reading, searches
from tests.app import sky
from tests.app.addresses import PARTS
from tests.app.conftest import NIGHT, serving
from tests.catalog.catalogs import catalog, until_counted
from tests.conftest import free_ports, new_place

PUBLIC = "http://mars.example"
"""Both apps name it in their answers, or these would differ in it."""
SOURCE = "ztf_20260131_programid1"


class Servers(NamedTuple):
    """A primary and two replicas of this module's own, with the sky of sky.py."""

    state: State
    bucket: str

    def settings(self, role: str = "reader", wanted: str = "prefer-standby") -> Settings:
        """Settings of an app that knows all three."""
        return self._settings(self.state.replicated_url(role, replicas.COUNT, wanted))

    def alone(self, role: str = "reader") -> Settings:
        """Settings of an app that knows the primary alone."""
        return self._settings(self.state.database_url(role))

    def _settings(self, url: str) -> Settings:
        return Settings(
            database_url=SecretStr(url),
            app_database_url=SecretStr(self.state.replicated_url("app", 2, "primary")),
            s3_bucket=self.bucket,
            log_level="error",
            sesame_url="",
            simbad_tap_url="",
            jobs_run=False,
            rate_limit_per_s=0,
        )

    async def take_in(self, messages: list[bytes], first: int) -> None:
        """A batch of the consumer's."""
        settings = self.alone("writer")
        engine = make_engine(settings, "test")
        async with open_store(settings) as store:
            raws = [Raw(SOURCE, 0, first + n, "", NIGHT, data) for n, data in enumerate(messages)]
            await ingest.ingest(ingest.Archive(engine, store), "stream", ingest.Batch(raws))
        await engine.dispose()

    async def admin(self, part: Any) -> "asyncpg.Connection[Any]":
        """A superuser's connection to one of the three."""
        return await asyncpg.connect(
            host="127.0.0.1",
            port=part.server(self.state).port,
            user="postgres",
            password=self.state.secrets["admin"],
            database="mars",
        )


@pytest.fixture(scope="module")
async def servers(
    template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Servers]:
    state = open_state(tmp_path_factory.mktemp("replicas") / "state", free_ports())
    try:
        postgres.prepare(state)
        start(postgres.server(state))
        wait_until_ready(postgres.server(state), 60)
        await asyncio.to_thread(database.prepare, state)
        admin = await database.connect(state)
        await forget_crashes(admin)
        await admin.close()
        async with new_place(template) as place:
            ours = Servers(state, place.bucket)
            await ours.take_in(sky.first_batch(), 0)
            await asyncio.to_thread(replicas.up, state, quiet=True)
            # By columns too, but for the last batch.
            await catalog(place, "update", MARS_DATABASE_URL=state.database_url("reader"))
            await ours.take_in(sky.second_batch(), 100_000)
            yield ours
    finally:
        await asyncio.to_thread(replicas.down, state, quiet=True)
        stop(postgres.server(state), 60)
        postgres.remove(state)
        shutil.rmtree(state.folder)


@asynccontextmanager
async def three(servers: Servers) -> AsyncIterator[httpx.AsyncClient]:
    """The app on all three, when no replica lags."""
    async with serving(servers.settings(), public_url=PUBLIC) as client:
        await until_counted(client)
        await until(client, lambda seen: [one["batches_behind"] for one in seen] == [0, 0, 0])
        yield client


async def until(client: httpx.AsyncClient, wanted: Callable[[Any], bool]) -> Any:
    """What /readyz says of the servers, once that is as wanted."""
    async with asyncio.timeout(60):
        while not wanted(seen := (await client.get("/readyz")).json()["servers"]):  # noqa: ASYNC110 - it is polled
            await asyncio.sleep(0.1)
    return seen


async def test_answers_are_the_same_byte_by_byte(servers: Servers) -> None:
    """Those of every GET route, and of searches of every kind and format."""
    paths = [path for path in get_routes(PARTS) if path not in ("/metrics", "/readyz")]
    paths += searches(PARTS, 10.0, 20.0, 2)
    async with (
        serving(servers.alone(), public_url=PUBLIC) as primary,
        three(servers) as client,
    ):
        await until_counted(primary)
        expected = await digests(primary, paths)
        assert await digests(client, paths) == expected
        used = await _connections(servers)
    assert len(paths) > 50
    assert used["replica 1"] + used["replica 2"] > 0


async def _connections(servers: Servers) -> dict[str, int]:
    """How many connections for requests each server has."""
    held = {}
    for part in SERVERS:
        admin = await servers.admin(part)
        held[part.server(servers.state).name] = await admin.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mars-app'"
        )
        await admin.close()
    return held


async def test_no_read_fails_while_servers_are_killed(servers: Servers) -> None:
    """Each of the three by SIGKILL, under clients; `make faults` does so thirty times."""
    moving = get_routes(PARTS)
    rng = random.Random(20)
    async with three(servers) as client:
        fixed = await digests(client, searches(PARTS, 10.0, 20.0, 2))
        killed: list[int] = []
        async with reading(client, 20, moving, fixed) as tally:
            await kill_in_turn(
                servers.state, 1, rng, most_s=1.0, killed=lambda: killed.append(tally.answered)
            )
    assert tally.failed == []
    # They asked meanwhile: between any two kills, and after the last one.
    assert all(a < b for a, b in zip(killed, [*killed[1:], tally.answered], strict=True))
