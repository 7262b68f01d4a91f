"""Several hosts: connections at all of them, and no answer from one that lacks what is asked for.

A copy of the database that was made before its last batch stands for a replica that lags.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.engine import make_url

from app.alerts.access.archive import Archive
from app.alerts.access.gate import Gate
from app.alerts.asking import queries, searching
from app.alerts.asking.as_of import settle_as_of
from app.alerts.asking.paging import page_of
from app.errors import DATABASE_ERRORS, BadParameters
from app.match.crossmatch import Matcher
from app.nights.ledger import Ledger
from app.objects import finding
from app.search.search import parse_search
from app.settings import Settings
from archive.database import at_primary, make_engine
from tests import packets
from tests.app import sky
from tests.app.conftest import NIGHT, app_settings, database_of, take_in
from tests.conftest import new_place, url_of


class Lagging(NamedTuple):
    """An archive read at a copy that holds one batch less than its primary."""

    archive: Archive
    here: Settings
    primary: Settings


@pytest.fixture(scope="module")
async def lagging(template: str) -> AsyncIterator[Lagging]:
    one, two = (
        [packets.packet(candid=sky.BASE + n, object_id="ZTF26aaaaaaa", cutouts=None)]
        for n in (1, 2)
    )
    async with new_place(template) as place:
        await take_in(app_settings(place), one, "ztf_20260131_programid1", 0, NIGHT)
        async with new_place(place.database) as copy:
            here, primary = app_settings(copy), app_settings(place)
            await take_in(primary, two, "ztf_20260131_programid1", 1, NIGHT)
            engines = [make_engine(one, "test", 2, ping=False) for one in (here, primary)]
            replica, first = engines
            yield Lagging(Archive(replica, 4, 5, Gate(replica, 2), primary=first), here, primary)
            for engine in engines:
                await engine.dispose()


@pytest.mark.parametrize("costly", [False, True])
async def test_what_the_primary_has_comes_from_the_primary(lagging: Lagging, costly: bool) -> None:
    archive = lagging.archive._replace(costly=costly)
    newest, rows = await searching.find_alerts(archive, parse_search([]))
    assert (newest, len(rows)) == (1, 1)
    search = parse_search([("as_of", "2"), ("rb__gte", "-9")])
    newest, rows = await searching.find_alerts(archive, search)
    assert (page_of(search, newest, rows).as_of, len(rows)) == (2, 2)
    assert await searching.count_alerts(archive, search) == 2
    assert await queries.count_stored(archive, 2) == 2
    assert await settle_as_of(archive, 2) == 2
    assert (await finding.read_summary(archive, "ZTF26aaaaaaa", 2))["alerts"] == 2
    assert len(await queries.read_histories(archive, "ZTF26aaaaaaa", 2)) == 2
    assert await Matcher(archive).settle_as_of(2) == 2
    # What the replica has it still answers.
    assert await Matcher(archive).settle_as_of(1) == 1


async def test_what_the_primary_has_not_is_refused(lagging: Lagging) -> None:
    search = parse_search([("as_of", "3")])
    with pytest.raises(BadParameters, match="the newest batch is 2"):
        page_of(search, *await searching.find_alerts(lagging.archive, search))
    with pytest.raises(BadParameters, match="the newest batch is 2"):
        await settle_as_of(lagging.archive, 3)


async def test_the_ledger_never_adds_a_batch_twice(lagging: Lagging) -> None:
    """Once it has come to a batch it goes on from a server that has it."""
    ours, primary = Ledger(), lagging.archive.primary
    assert primary is not None
    at_first = lagging.archive._replace(engine=primary)
    before = await ours.one(at_first, NIGHT)
    assert before is not None
    assert before["stored"] == 2
    for archive in (lagging.archive, at_first, lagging.archive):
        assert await ours.one(archive, NIGHT) == before


async def test_each_server_is_asked_once_how_far_it_is(
    lagging: Lagging, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    fetchval = asyncpg.Connection.fetchval

    async def counted(self: Any, sql: str, *args: Any, **named: Any) -> Any:
        asked.append(sql)
        return await fetchval(self, sql, *args, **named)

    engine = make_engine(lagging.here, "test", 1, ping=False)
    archive = lagging.archive._replace(engine=engine)
    monkeypatch.setattr(asyncpg.Connection, "fetchval", counted)
    for _ in range(3):
        await queries.read_histories(archive, "ZTF26aaaaaaa", 1)
    await engine.dispose()
    assert len(asked) == 1


async def test_what_a_replica_loses_comes_from_the_primary(lagging: Lagging) -> None:
    """It is killed while it is asked: the statement is made again, elsewhere."""
    admin, blocker = [
        await asyncpg.connect(url_of(role, database_of(lagging.here)).replace("+asyncpg", ""))
        for role in ("admin", "owner")
    ]
    async with blocker.transaction():
        await blocker.execute("LOCK TABLE alert IN ACCESS EXCLUSIVE MODE")
        asked = asyncio.create_task(searching.find_alerts(lagging.archive, parse_search([])))
        async with asyncio.timeout(20):
            while not await admin.fetchval(  # noqa: ASYNC110 - PostgreSQL has no event
                "SELECT bool_or(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ):
                await asyncio.sleep(0.01)
        newest, rows = await asked
    assert (newest, len(rows)) == (2, 2)
    alone = lagging.archive._replace(primary=None, engine=make_engine(_nowhere(lagging.here), "t"))
    with pytest.raises(DATABASE_ERRORS):
        await searching.find_alerts(alone, parse_search([]))
    await admin.close()
    await blocker.close()


def _nowhere(settings: Settings) -> Settings:
    url = make_url(settings.database_url.get_secret_value()).set(port=9)
    whole = SecretStr(url.render_as_string(hide_password=False))
    return settings.model_copy(update={"database_url": whole})


def _at(settings: Settings, *hosts: str, wanted: str = "any") -> Settings:
    """The same database at several hosts."""
    url = make_url(settings.database_url.get_secret_value())
    places = tuple(f"{host}:{url.port}" for host in hosts)
    several = url.set(host=None, port=None, query={"host": places, "target_session_attrs": wanted})
    text = several.render_as_string(hide_password=False)
    return settings.model_copy(update={"database_url": SecretStr(text)})


async def test_connections_are_spread_over_all_hosts(lagging: Lagging) -> None:
    hosts = ["127.0.0.1", "localhost", "127.0.0.2", "127.0.0.3"]
    engine = make_engine(_at(lagging.primary, *hosts), "test", 40)
    met: Counter[str] = Counter()

    async def meet() -> None:
        async with engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            met[driver._addr[0]] += 1
            await connection.execute(text("SELECT pg_sleep(0)"))
            while met.total() < 40:  # noqa: ASYNC110 - so that none is used twice
                await asyncio.sleep(0.01)

    async with asyncio.timeout(30):
        await asyncio.gather(*(meet() for _ in range(40)))
    await engine.dispose()
    # Once in 10^5 runs one of four would not be met.
    assert len(met) > 1
    assert max(met.values()) < 40


async def test_the_primary_is_known_where_several_hosts_are_named(lagging: Lagging) -> None:
    assert at_primary(lagging.primary) is None
    several = at_primary(_at(lagging.primary, "127.0.0.1", "localhost", wanted="prefer-standby"))
    assert several is not None
    engine = make_engine(several, "test")
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT pg_is_in_recovery()")) is False
    await engine.dispose()
    assert "primary" in several.database_url.get_secret_value()
