"""From every earlier schema to today's: nothing is lost, and the programs say what to do before."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, NamedTuple

import asyncpg
import httpx
import pytest

from archive.database import migrations
from archive.migrate import migrate
from tests.app.conftest import app_settings, serving
from tests.conftest import Place, new_place
from tests.consumer import commands
from tests.programs import Piped
from tests.sql.earlier import (
    ALERTS,
    CANDID,
    IDS,
    OBJECT,
    REGION,
    WATCH,
    Columns,
    columns_of,
    connect,
    fill,
    grow,
    rows_of,
)
from tests.sql.test_schema import dump

NUMBERS: Final = [int(file.name[:4]) for file in migrations()]
NEWEST: Final = NUMBERS[-1]
RENAMED: Final = {"app.job": {"positions": "expected", "matches": "found"}}
"""By migration 0005."""
ARCHIVE: Final = {
    f"public.{name}"
    for name in "alert history bundle ledger position counter reject replayed conflict".split()
}

UNUSED: Final = ("app.pgqueuer_schedules", "app.pgqueuer_statistics")
"""Tables of the queue that no version of ours has written."""


class Today(NamedTuple):
    """A new database: its schema, and what it holds before anything is taken in."""

    schema: str
    listed: Mapping[str, list[str]]
    """The rows of tap_schema."""


@pytest.fixture(scope="module")
async def today() -> AsyncIterator[Today]:
    async with new_place() as place:
        await migrate(place.settings("owner"))
        yield Today(dump(place), await contents(place, "tap_schema"))


@pytest.fixture(scope="module")
async def earlier(template: str) -> AsyncIterator[dict[int, Place]]:
    """Number of a schema -> an archive of that time. Their bytes are in one bucket."""
    async with AsyncExitStack() as places:
        filled = await places.enter_async_context(new_place(template))
        growing = await places.enter_async_context(new_place())
        await fill(filled)
        found = {}
        for number, file in zip(NUMBERS[:-1], migrations(), strict=False):
            await grow(growing, number, file.read_text(), filled)
            copy = await places.enter_async_context(new_place(growing.database))
            found[number] = copy._replace(bucket=filled.bucket)
        yield found


async def contents(place: Place, *schemas: str, columns: Columns | None = None) -> Any:
    """Table -> rows, in all their columns or in those given."""
    connection = await connect(place)
    try:
        return await rows_of(connection, columns or await columns_of(connection, *schemas))
    finally:
        await connection.close()


async def columns(place: Place) -> dict[str, list[str]]:
    connection = await connect(place)
    try:
        return await columns_of(connection, "public", "app")
    finally:
        await connection.close()


async def upgrade(place: Place, status: int = 0) -> str:
    """As the operator does it; what is said on standard error."""
    url = place.settings("owner").database_url.get_secret_value()
    process = await Piped.start("archive.migrate", [], {**os.environ, "MARS_DATABASE_URL": url})
    _, said = await process.communicate()
    assert process.returncode == status, said.decode()
    return said.decode()


@pytest.mark.parametrize("number", NUMBERS[:-1])
async def test_an_upgrade_keeps_every_row(
    earlier: dict[int, Place], today: Today, number: int
) -> None:
    """And the programs of today say before what to do, and go on after it."""
    place = earlier[number]
    had = await columns(place)
    before = await contents(place, columns=had)
    assert before.keys() >= ARCHIVE
    assert [table for table, rows in before.items() if not rows and table not in UNUSED] == []
    told = f"holds migration {number}, this program needs {NEWEST}: run `python -m archive.migrate`"
    async with serving(app_settings(place)) as client:
        await refuses(client, told)
        assert told in await said_by_the_consumer(place)
        await upgrade(place)
        now = {table: renamed(table, names, number) for table, names in had.items()}
        assert await contents(place, columns=now) == told_anew(before, number)
        assert dump(place) == today.schema
        assert await contents(place, "tap_schema") == today.listed
        await answers(client, number)


def renamed(table: str, names: Sequence[str], number: int) -> list[str]:
    """What columns of a schema are called today."""
    return [RENAMED.get(table, {}).get(name, name) if number < 5 else name for name in names]


def told_anew(before: dict[str, list[str]], number: int) -> dict[str, list[str]]:
    """One queue for all kinds of jobs, since 0005: what waits for a match goes on waiting there."""
    queue = "app.pgqueuer"
    if number < 5 and queue in before:
        return before | {queue: [row.replace("match", "job") for row in before[queue]]}
    return before


async def refuses(client: httpx.AsyncClient, told: str) -> None:
    for path in ("/readyz", "/api/v1/alerts"):
        answer = await client.get(path)
        assert answer.status_code == 503
        assert told in answer.text


async def said_by_the_consumer(place: Place) -> str:
    process = await commands.start(place, "stream")
    _, said = await process.communicate()
    assert process.returncode == 1
    return said.decode()


async def answers(client: httpx.AsyncClient, number: int) -> None:
    """What the archive of that time holds, asked of an app that was started before the upgrade."""

    async def get(path: str, **query: Any) -> httpx.Response:
        answer = await client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer

    assert (await get("/readyz")).json()["status"] == "ready"
    assert len((await get("/api/v1/alerts")).json()["items"]) == ALERTS
    assert (await get(f"/api/v1/objects/{OBJECT}")).json()["object_id"] == OBJECT
    assert (await get(f"/api/v1/alerts/{CANDID}/avro")).content.startswith(b"Obj\x01")
    counted = await get(
        "/vo/tap/sync", LANG="ADQL", FORMAT="csv", QUERY="SELECT count(*) AS n FROM mars.alert"
    )
    assert counted.text.split() == ["n", str(ALERTS)]
    if number >= 3:
        job = (await get(f"/api/v1/jobs/{IDS['match']}")).json()
        assert (job["status"], job["matches"], job["size"]) == ("done", 7, 4096)
    if number >= 5:
        job = (await get(f"/api/v1/jobs/{IDS['search']}")).json()
        assert (job["status"], job["size"]) == ("done", 512)
    if number >= 8:
        inside = (await get("/api/v1/alerts", region=REGION)).json()["items"]
        assert str(CANDID) in [item["candid"] for item in inside]
    if number >= 10:
        watch = (await get(f"/api/v1/watches/{WATCH}")).json()
        assert (watch["positions"], watch["hits"]) == (1, 5)
        assert len((await get(f"/api/v1/watches/{WATCH}/alerts")).json()["items"]) == 5


@pytest.fixture
async def of_schema_5(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    """An empty archive, whose upgrade needs `alert` for itself alone; turns are short."""
    monkeypatch.setattr("archive.migrate._LOCK_WAIT", "50ms")
    monkeypatch.setattr("archive.migrate._PAUSE_S", 0.05)
    async with new_place() as place:
        owner = await connect(place, "owner")
        for number, file in zip(NUMBERS[:5], migrations(), strict=False):
            await owner.execute(file.read_text())
            await owner.execute("INSERT INTO migration VALUES ($1, '')", number)
        await owner.close()
        yield place


@asynccontextmanager
async def read(place: Place) -> AsyncIterator[None]:
    """A long statement that reads alerts."""
    reader = await connect(place)
    async with reader.transaction():
        await reader.execute("SELECT FROM alert")
        yield
    await reader.close()


async def until_somebody_waits(connection: Any, waits: bool) -> None:
    """Look at who waits for a table or an index until somebody does, or nobody does any more."""
    waiting = """SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database ON database = pg_database.oid
        WHERE NOT granted AND locktype = 'relation' AND datname = current_database())"""
    while await connection.fetchval(waiting) is not waits:
        continue


async def test_nobody_waits_long_for_an_upgrade_that_waits_for_who_reads(
    of_schema_5: Place, today: Today
) -> None:
    """Behind a request for a table's lock all others would queue until the first reader ends."""
    other = await connect(of_schema_5)
    async with read(of_schema_5):
        upgrading = asyncio.create_task(migrate(of_schema_5.settings("owner")))
        for _ in range(3):
            await until_somebody_waits(other, True)
            await other.execute("SELECT FROM alert")
            await until_somebody_waits(other, False)
        assert not upgrading.done()
    assert len(await upgrading) == NEWEST - 5
    assert dump(of_schema_5) == today.schema
    await other.close()


async def test_an_upgrade_that_gets_no_lock_says_so(
    of_schema_5: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archive.migrate._TURNS", 2)
    async with read(of_schema_5):
        with pytest.raises(asyncpg.LockNotAvailableError):
            await migrate(of_schema_5.settings("owner"))


async def test_what_stops_an_upgrade_is_told(place: Place) -> None:
    admin = await connect(place)
    await admin.execute("INSERT INTO migration VALUES (9999, 'of a later version')")
    later = f"the database holds migration 9999, this program knows {NEWEST} at most"
    assert json.loads(await upgrade(place, 1))["reason"] == later
    await admin.execute("DROP SCHEMA public, app, mars, tap_schema CASCADE")
    await admin.execute("CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC")
    unprepared = "permission denied for schema public: run sql/cluster.sql first"
    assert json.loads(await upgrade(place, 1))["reason"] == unprepared
    await admin.close()
