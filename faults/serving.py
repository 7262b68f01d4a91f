"""What clients of the app are answered while a part of it is away, or other clients are rude."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final

import asyncpg

from dev import database, postgres, replicas
from faults.apps import ALERTS, App, answers_again, answers_without, digests, newest, served
from faults.databases import served_by_three
from faults.place import LOCKED, connected
from faults.reading import digests as bodies
from faults.reading import reading, searches
from faults.run import Run
from faults.servers import start_server, stop_server
from faults.waiting import until
from tests.app.addresses import PARTS

CLIENTS: Final = 500
TAP_CONNECTIONS: Final = 20
"""Those that sql/cluster.sql gives the role of TAP."""
_ENDED: Final = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'mars_tap'"
QUERY: Final = "/vo/tap/sync?LANG=ADQL&QUERY=SELECT+TOP+1+candid+FROM+mars.alert"


@asynccontextmanager
async def _ingested(run: Run, **settings: str) -> AsyncIterator[App]:
    """The whole feed is in the archive, and the app has it."""
    consumer = await run.start()
    await run.send(run.stage.feed.messages)
    await run.reach(run.sent, consumer)
    async with served(run, **settings) as app:
        yield app


async def _lists(app: App) -> list[str]:
    """Addresses that only the database can answer."""
    candids = await newest(app, 4)
    item = (await app.client.get(f"{ALERTS}/{candids[0]}")).json()
    objects = f"/api/v1/objects/{item['object_id']}"
    cone = f"cone={item['ra']},{item['dec']},0.1"
    listed = (f"{ALERTS}?limit=20", f"{ALERTS}?limit=20&{cone}", f"{ALERTS}?limit=9&format=csv")
    return [*listed, objects, f"{objects}/lightcurve", *(f"{ALERTS}/{c}" for c in candids)]


async def database_away(run: Run, times: int) -> None:
    """PostgreSQL stopped for a moment under an app."""
    async with _ingested(run) as app:
        wanted = await digests(app, await _lists(app))
        baseline = app.descriptors()
        for _ in range(times):
            await stop_server(postgres, run.state)
            try:
                await answers_without(run, app, wanted, ready=False, must_fail=True)
                await asyncio.sleep(run.rng.uniform(0, 1))
            finally:
                await start_server(postgres, run.state)
            run.hits += 1
            await answers_again(app, wanted)
        await app.idle(baseline)


async def connections_used_up(run: Run, times: int) -> None:
    """All connections of the app wait for a table that somebody has locked."""
    async with _ingested(run) as app, connected(run.place) as admin:
        wanted = await digests(app, await _lists(app))
        baseline = app.descriptors()
        for _ in range(times):
            async with admin.transaction():
                await admin.execute(LOCKED)
                # Each twice, so that they are more than connections.
                twice = {f"{path}{'&' if '?' in path else '?'}": wanted[path] for path in wanted}
                await answers_without(run, app, wanted | twice, ready=None, must_fail=True)
            run.hits += 1
            await answers_again(app, wanted)
        await app.idle(baseline)


async def clients_disconnect(run: Run, times: int) -> None:
    """Hundreds of clients ask, and go without waiting for the whole answer."""
    async with _ingested(run) as app:
        wanted = await digests(app, await _lists(app))
        candid = (await newest(app, 1))[0]
        paths = [*wanted, f"{ALERTS}?limit=1000&format=jsonl", f"{ALERTS}/{candid}/avro"]
        baseline = app.descriptors()
        for _ in range(times):
            await asyncio.gather(*(_ask_and_go(app, paths, run.rng) for _ in range(CLIENTS)))
            run.hits += 1
            await app.idle(baseline)
        await answers_again(app, wanted)


async def _ask_and_go(app: App, paths: list[str], rng: random.Random) -> None:
    path, patience, most = rng.choice(paths), rng.uniform(0, 0.5), rng.choice((0, 1, 5000))
    where = app.client.base_url
    await asyncio.sleep(rng.uniform(0, 0.5))
    reader, writer = await asyncio.open_connection(where.host, where.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: mars\r\n\r\n".encode())
    with suppress(TimeoutError):
        await asyncio.wait_for(reader.read(most) if most else asyncio.sleep(0), patience)
    writer.transport.abort() if rng.random() < 0.5 else writer.close()


async def tap_used_up(run: Run, times: int) -> None:
    """Somebody has all connections that the role of TAP may have."""
    async with _ingested(run) as app, connected(run.place) as admin:
        wanted = await digests(app, await _lists(app))
        baseline = app.descriptors()
        for _ in range(times):
            async with AsyncExitStack() as taken:
                await admin.execute(_ENDED)
                with suppress(asyncpg.TooManyConnectionsError):
                    for _ in range(TAP_CONNECTIONS):
                        url = run.place.url("tap").replace("+asyncpg", "")
                        connection = await asyncpg.connect(url, timeout=10)
                        taken.callback(connection.terminate)
                await answers_without(run, app, {QUERY: b""}, ready=True, must_fail=True)
                await answers_without(run, app, wanted, ready=True, must_fail=False)
            run.hits += 1
            await until(lambda: _is_answered(app, QUERY), "TAP answers again")
        await app.idle(baseline)


async def _is_answered(app: App, path: str) -> bool:
    return (await app.client.get(path)).is_success


async def replica_behind_and_gone(run: Run, times: int) -> None:
    """A replica's replay stands still for a while, and then it dies; clients see nothing of it."""
    consumer = await run.start()
    first, *parts = run.parts(times)
    await run.reach_amid(first, consumer)
    await asyncio.to_thread(replicas.up, run.state, quiet=True)
    try:
        await run.reach(run.sent, consumer)
        async with served_by_three(run, MARS_REPLICA_LAG_S="1") as app:
            page = (await app.client.get(f"{ALERTS}?limit=1")).json()
            item = page["items"][0]
            named = {name: str(item[name]) for name in ("candid", "object_id")}
            asked = searches(PARTS | named, item["ra"], item["dec"], page["as_of"])
            wanted = await bodies(app.client, asked)
            async with reading(app.client, run.stage.seed, asked, wanted) as run.tally:
                for number, part in enumerate(parts):
                    await _let_behind(run, replicas.ALL[number % 2], part)
    finally:
        await asyncio.to_thread(replicas.down, run.state, quiet=True)


async def _let_behind(run: Run, replica: replicas.Replica, part: Sequence[bytes]) -> None:
    port = run.state.ports.replica(replica.number)
    connection = await database.connect(run.state, run.place.name, port)
    try:
        await connection.execute("SELECT pg_wal_replay_pause()")
    finally:
        connection.terminate()
    await run.reach_amid(part, *run.consumers)
    await asyncio.sleep(run.rng.uniform(0, 2))
    await stop_server(replica, run.state, signal.SIGKILL)
    run.hits += 1
    await start_server(replica, run.state)
    await run.reach(run.sent, *run.consumers)
