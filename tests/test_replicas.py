"""Two streaming replicas beside a primary: the same bytes, and no failed read while servers die."""

import asyncio
import json
import os
import random
import re
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import httpx
import pytest
from playwright.async_api import Browser
from pydantic import SecretStr

from app.alerts.access.archive import open_archive
from app.alerts.sql.statements import Statement
from app.settings import Settings
from archive.database import make_engine
from archive.objects import open_store
from consumer.batches import ingest
from consumer.batches.sorting import Raw
from dev import database, postgres, replicas
from dev.processes import StackError, find, start, stop, wait_until_ready
from dev.state import State, open_state
from dev.testing import forget_crashes
from faults.reading import SERVERS, digests, get_routes, kill_in_turn, reading, searches
from faults.servers import start_server, stop_server
from tests import packets
from tests.app import sky
from tests.app.addresses import PARTS
from tests.app.conftest import NIGHT, PATIENT, serving
from tests.app.jobs.running import free_port, process
from tests.app.live.clients import Patient, browsing
from tests.app.live.streams import (
    BASE,
    HANGS_S,
    STREAM,
    candids,
    following,
    messages,
    read_alerts,
)
from tests.catalog.catalogs import catalog, until_counted
from tests.conftest import free_ports, new_place
from tests.pages.conftest import becomes, browser, opened_page

__all__ = ["browser"]

PUBLIC = "http://mars.example"
"""Both apps name it in their answers, or these would differ in it."""
OPERATIONS = (Path(__file__).parents[1] / "docs" / "operations.md").read_text()
FRESH = 5_000
"""Numbers of alerts that the sky does not have."""
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
            # No job runs, so nothing is sent; but the pages of what is sent are there.
            smtp_url=SecretStr("smtp://127.0.0.1:9"),
            mail_from="mars@mars.example",
            webhooks=True,
        )

    async def take_in(
        self, messages: list[bytes], first: int, settings: Settings | None = None
    ) -> None:
        """A batch of the consumer's."""
        settings = settings or self.alone("writer")
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
    monkeypatch = pytest.MonkeyPatch()
    state = open_state(tmp_path_factory.mktemp("replicas") / "state", free_ports())
    # So that a conflict is decided at once.
    monkeypatch.setitem(replicas.SETTINGS, "max_standby_streaming_delay", "100ms")
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
        monkeypatch.undo()
        await asyncio.to_thread(replicas.down, state, quiet=True)
        stop(postgres.server(state), 60)
        postgres.remove(state)
        shutil.rmtree(state.folder)


@asynccontextmanager
async def three(servers: Servers, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    """The app on all three, when no replica lags."""
    settings = servers.settings().model_copy(update=more)
    async with serving(settings, public_url=PUBLIC) as client:
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
        serving(servers.alone().model_copy(update=PATIENT), public_url=PUBLIC) as primary,
        three(servers, **PATIENT) as client,
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


async def test_jobs_run_at_the_primary(servers: Servers) -> None:
    """The worker finds it among three hosts."""
    works = servers.settings().model_copy(update={"jobs_run": True})
    async with serving(works) as client, asyncio.timeout(100):
        told = (await client.post("/api/v1/search/jobs?rb__gte=0.5&format=jsonl")).json()
        while told["status"] in ("queued", "running"):
            await asyncio.sleep(0.1)
            told = (await client.get(f"/api/v1/jobs/{told['id']}")).json()
        assert told["status"] == "done", told
        written = (await client.get(told["result"])).text.splitlines()
        listed = (await client.get("/api/v1/alerts?rb__gte=0.5&limit=1000")).json()["items"]
    assert [json.loads(line)["candid"] for line in written] == [one["candid"] for one in listed]
    assert written


def frozen(servers: Servers, part: Any) -> list[int]:
    """The processes of a server, all stopped, so that it accepts and never answers."""
    first = find(part.server(servers.state))
    assert first is not None
    pids = [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    return pids


async def test_a_server_that_falls_silent_is_left(servers: Servers) -> None:
    """Its connections stay open, and no error tells that it does not answer."""
    paths = ["/api/v1/alerts", "/readyz", f"/api/v1/objects/{sky.OBJECT}"] * 4
    async with three(servers) as client:
        await asyncio.gather(*map(client.get, paths))
        stopped = frozen(servers, replicas.ALL[0])
        try:
            answers = await asyncio.gather(*map(client.get, paths))
            assert {answer.status_code for answer in answers} == {200}
            seen = await until(client, lambda seen: seen[1]["role"] is None)
            assert [one["in_use"] for one in seen] == [True, False, True]
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
        await until(client, lambda seen: seen[1]["in_use"])


async def test_what_replay_cancels_is_asked_of_the_primary(servers: Servers) -> None:
    """A lock that comes by replay ends the statements that hold it up."""
    slow = Statement("SELECT count(*) FROM alert, pg_sleep(1.5)", (), {})
    at_work = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    primary, *others = [await servers.admin(part) for part in SERVERS]
    async with open_archive(servers.settings()) as archive:
        asked = [asyncio.create_task(archive.fetch(slow)) for _ in range(3)]
        async with asyncio.timeout(60):
            while sum([await one.fetchval(at_work) for one in others]) < 3:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.02)
        await primary.execute("BEGIN; LOCK TABLE alert IN ACCESS EXCLUSIVE MODE; COMMIT")
        stored = len(sky.first_batch()) + len(sky.second_batch())
        assert [rows[0][0] for rows in await asyncio.gather(*asked)] == [stored] * 3
    for admin in (primary, *others):
        await admin.close()
    logs = [part.server(servers.state).log.read_text() for part in replicas.ALL]
    assert "".join(logs).count("canceling statement due to conflict with recovery") == 3


async def test_the_commands_tell(servers: Servers, capsys: pytest.CaptureFixture[str]) -> None:
    await asyncio.to_thread(replicas.status, servers.state)
    told = capsys.readouterr().out
    for replica in replicas.ALL:
        assert re.search(rf"^replica {replica.number} +127.0.0.1:\d+  pid \d+$", told, re.M)
        assert re.search(rf"^{replica.slot}  streaming, .* is reserved$", told, re.M)
    replicas.env(servers.state)
    told = capsys.readouterr().out
    assert servers.settings().database_url.get_secret_value() in told
    assert servers.settings("writer", "primary").database_url.get_secret_value() in told


async def test_without_a_primary_there_is_nothing_to_copy(tmp_path: Path) -> None:
    state = open_state(tmp_path / "state", free_ports())
    with pytest.raises(StackError, match="start it first"):
        await asyncio.to_thread(replicas.up, state)


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


async def test_how_far_each_server_is(servers: Servers) -> None:
    """Told by /readyz and /metrics; what a replica has not got to comes from the primary."""
    newest = "/api/v1/alerts?limit=1"
    strict = servers.settings().model_copy(update={"replica_lag_s": 0.1})
    async with three(servers) as client, serving(strict, public_url=PUBLIC) as impatient:
        # Not before they are level: what they still replay could cancel the statement.
        pausing = [await servers.admin(replica) for replica in replicas.ALL]
        for admin in pausing:
            await admin.execute("SELECT pg_wal_replay_pause()")
        late = packets.packet(candid=sky.LATE + 10**12, object_id="ZTF26lagging", cutouts=None)
        await servers.take_in([late], 200_000)
        seen = await until(client, lambda seen: seen[1]["batches_behind"] == 1)
        assert [one["role"] for one in seen] == ["primary", "replica", "replica"]
        assert [one["batch"] for one in seen] == [3, 2, 2]
        assert all(0 < one["seconds_behind"] < 30 and one["in_use"] for one in seen[1:])
        assert (await client.get(newest)).json()["as_of"] == 2
        assert (await client.get(f"{newest}&as_of=3")).json()["as_of"] == 3
        assert (await client.get("/readyz")).status_code == 200
        address = seen[1]["address"]
        metrics = (await client.get("/metrics")).text
        assert f'mars_database_batches_behind{{server="{address}"}} 1.0' in metrics
        assert f'mars_database_in_use{{server="{address}"}} 1.0' in metrics
        # One that lags further than it may is not asked at all.
        await until(impatient, lambda seen: [one["in_use"] for one in seen] == [True, False, False])
        assert [(await impatient.get(newest)).json()["as_of"] for _ in range(3)] == [3, 3, 3]
        for admin in pausing:
            # What it lets go on may need rows to go that this very statement could see.
            with suppress(asyncpg.SerializationError):
                await admin.execute("SELECT pg_wal_replay_resume()")
            await admin.close()
        await until(impatient, lambda seen: all(one["in_use"] for one in seen))
        assert (await impatient.get(newest)).json()["as_of"] == 3


async def test_a_replica_is_promoted(servers: Servers) -> None:
    """As docs/operations.md says: reads go on before it, writes and jobs after it."""
    job, (promoted, _) = "/api/v1/search/jobs?rb__gte=0.5", replicas.ALL
    async with three(servers) as client:
        stop(replace(postgres.server(servers.state), stop_signal=signal.SIGKILL), 60)
        seen = await until(client, lambda seen: seen[0]["role"] is None)
        assert [one["batches_behind"] for one in seen] == [None] * 3
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["database"]) == (200, "ok")
        assert (await client.get("/api/v1/alerts?as_of=2")).status_code == 200
        assert (await client.post(job)).status_code == 503
        admin = await servers.admin(promoted)
        for line in re.findall(r"^(SELECT .*?;)", OPERATIONS, re.M):
            await admin.execute(line)
        await admin.close()
        await until(client, lambda seen: seen[1]["role"] == "primary")
        assert (await client.post(job)).status_code == 202
        more = packets.packet(candid=sky.LATE + 10**13, object_id="ZTF26promote", cutouts=None)
        await servers.take_in([more], 300_000, servers.settings("writer", "primary"))
        seen = await until(client, lambda seen: seen[1]["batch"] > 10**6 + 3)
        found = await client.get(f"/api/v1/objects/ZTF26promote?as_of={seen[1]['batch']}")
        assert found.status_code == 200
    stop(promoted.server(servers.state), 60)
    await start_server(postgres, servers.state)
    with pytest.raises(StackError, match="was promoted"):
        await asyncio.to_thread(replicas.up, servers.state, quiet=True)


async def test_each_alert_once_and_in_order_whatever_is_cut(
    servers: Servers, browser: Browser
) -> None:
    """Streams of four kinds of clients, under ends of apps, of the replicas, and of the primary."""
    # One that was promoted is no more.
    copies = [part for part in replicas.ALL if find(part.server(servers.state))]
    primary, each = postgres, 50
    address = f"http://127.0.0.1:{(port := free_port())}"
    settings = servers.settings()
    told = {"MARS_STREAMS_PER_CLIENT": "20", "MARS_JOBS_RUN": "false"}
    admin = await servers.admin(primary)
    begun = await admin.fetchval("SELECT lco_id FROM counter")
    await admin.close()
    clients = [Patient(address, begun, 4 * each) for _ in range(3)]
    python, curl, node = clients
    async with AsyncExitStack() as stack:
        async with process(settings, port, **told):
            page = await stack.enter_async_context(opened_page(browser, excused="ERR_"))
            await stack.enter_async_context(browsing(page, address, begun))
            ways = (python.follow(), curl.follow_by_curl(), node.follow_in_node())
            tasks = [asyncio.create_task(way) for way in ways]
            await feed(servers, 0, each)
        # That one was asked to end; the next ones are killed.
        async with process(settings, port, **told) as app:
            await feed(servers, each, each)
            for part in copies:
                await stop_server(part, servers.state, signal.SIGKILL)
            await feed(servers, 2 * each, each // 2)
            await stop_server(primary, servers.state)
            # No server is left: who comes now gets a stream all the same, and waits in it.
            async with (
                httpx.AsyncClient(base_url=address) as client,
                following(client, begun, fields="candid") as events,
            ):
                await start_server(primary, servers.state)
                assert candids(await read_alerts(events, 1)) == [FRESH]
            await feed(servers, 2 * each + each // 2, each // 2)
            app.send_signal(signal.SIGKILL)
            await app.wait()
        async with process(settings, port, **told):
            for part in copies:
                await start_server(part, servers.state)
            await feed(servers, 3 * each, each)
            async with asyncio.timeout(HANGS_S):
                await asyncio.gather(*tasks)
            await becomes(lambda: page.evaluate("window.got.length"), 4 * each)
            in_browser = await page.evaluate("window.got")
    wanted = [*range(FRESH, FRESH + 4 * each)]
    assert [one.got for one in clients] == [wanted] * len(clients)
    assert [int(candid) - BASE for candid in in_browser] == wanted
    assert min(one.cuts for one in clients) >= 2


async def feed(servers: Servers, first: int, count: int) -> None:
    """So many alerts, five in a batch."""
    for n in range(first, first + count, 5):
        await servers.take_in(messages(FRESH + n, 5), 400_000 + n)


async def test_without_any_server_it_is_not_ready(servers: Servers) -> None:
    url = servers.settings().database_url.get_secret_value()
    nowhere = SecretStr(re.sub(r"(host=127.0.0).1:\d+(\d)", r"\1.\2:9", url))
    dead = servers.settings().model_copy(
        update={"database_url": nowhere, "app_database_url": nowhere}
    )
    async with serving(dead) as client:
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert [one["in_use"] for one in ready.json()["servers"]] == [False] * 3
        assert (await client.get("/api/v1/alerts")).status_code == 503
        # But who comes again to a stream gets it, though this app has never seen a database.
        for path in (STREAM, f"/api/v1/watches/{'A' * 32}/stream"):
            async with following(client, 7, path) as events:
                assert await anext(events) == ("seen", 7, 7)
