"""Many watches at once: a stretch read once for all of them tells what each would find alone."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest

from app.alerts.access.archive import Archive, open_archive
from app.alerts.asking.numbers import read_newest, read_stretch
from app.alerts.asking.sieving import MAX_TEXT, Conditions, sieve, sieve_statement
from app.errors import QueryTooCostly
from app.search.regions import Polygon
from app.search.search import Search, parse_search
from app.watches.matching import AT_ONCE
from tests.app import sky
from tests.app.conftest import fresh_archive, take_in
from tests.app.jobs.running import admin_url
from tests.app.live.streams import HANGS_S, TOPIC
from tests.app.watches.test_watches import WATCHES, Watching, over_the_sky, watching

__all__ = ["over_the_sky", "watching"]

KINDS: Sequence[Sequence[tuple[str, str]]] = (
    [("magpsf__lt", "16")],
    [("cone", "0,90,1")],
    [("cone", "0,0,1"), ("where", "rb__gte:0.2"), ("where", "filter:g")],
    [("polygon", "149,29,151,29,151,31,149,31")],
    [("object_id", f"{sky.OBJECT},ZTF26nostamp")],
    [("where", "rb__isnull:true"), ("where", "dec__gt:0")],
    [("where", "candid__in:" + ",".join(str(candid) for candid, *_ in sky.positions()[::7]))],
    [("ssnamenr", "433")],
    [],
)
"""Every way in which alerts are chosen; the last is all of them."""


@pytest.fixture(scope="module")
async def archive() -> AsyncIterator[Archive]:
    async with fresh_archive() as settings, open_archive(settings) as archive:
        await take_in(settings, sky.first_batch(), TOPIC)
        await take_in(settings, sky.second_batch(), TOPIC, 100_000)
        yield archive


def told(found: list[asyncpg.Record] | Exception) -> list[int]:
    assert isinstance(found, list), found
    return numbers(found)


def numbers(rows: Sequence[asyncpg.Record]) -> list[int]:
    return sorted(row["lco_id"] for row in rows)


async def test_searches_together_find_what_each_finds_alone(archive: Archive) -> None:
    """So many of them that their text has to be parted."""
    kinds = [parse_search(kind) for kind in KINDS]
    newest = await read_newest(archive)
    alone = [await read_stretch(archive, search, 3, newest) for search in kinds]
    assert all(found.rows for found in alone)
    searches = kinds * 30
    conditions = Conditions(tuple(clause.filter for clause in kinds[2].clauses), True, False, False)
    assert len(sieve_statement((conditions,) * 90).sql) > MAX_TEXT
    sieved = await sieve(archive, searches, 3, newest)
    assert sieved.reached == newest.number == alone[0].reached
    for found, wanted in zip(sieved.found, alone * 30, strict=True):
        assert told(found) == numbers(wanted.rows)


def test_a_usual_group_is_one_statement_that_stays_prepared() -> None:
    usual = [parse_search([("cone", "1,1,1")]), parse_search([("where", "rb__gte:0.2")])]
    conditions = [
        Conditions(tuple(c.filter for c in s.clauses), s.cone is not None, False, False)
        for s in usual
    ]
    assert len(sieve_statement((*conditions,) * (AT_ONCE // 2)).sql) < MAX_TEXT


def wrong_value() -> Search:
    """The driver refuses it."""
    (clause,) = parse_search([("magpsf__lt", "16")]).clauses
    return Search(clauses=(clause._replace(value="much"),))


def wrong_polygon() -> Search:
    """The server refuses it."""
    return Search(polygon=Polygon((1.0, 2.0, 3.0)))


@pytest.mark.parametrize("broken", [wrong_value(), wrong_polygon()], ids=["value", "polygon"])
@pytest.mark.parametrize("place", [0, 3, 8])
async def test_a_search_that_fails_fails_alone(
    archive: Archive, broken: Search, place: int
) -> None:
    newest = await read_newest(archive)
    searches = [parse_search(kind) for kind in KINDS[:8]]
    well = await sieve(archive, searches, 0, newest)
    searches.insert(place, broken)
    found = (await sieve(archive, searches, 0, newest)).found
    assert isinstance(found.pop(place), Exception)
    assert list(map(told, found)) == list(map(told, well.found))


async def test_who_is_to_blame_is_not_looked_for_without_end(archive: Archive) -> None:
    """All of them stay behind, and others that share nothing with them go on."""
    newest = await read_newest(archive)
    searches = [*(parse_search(kind) for kind in KINDS), wrong_polygon()]
    sieved = await sieve(archive, searches, 0, newest, blame_s=0.0)
    assert sieved.reached == newest.number
    assert all(isinstance(found, Exception) for found in sieved.found)


async def test_archives_that_do_not_answer_are_no_search_s_fault(archive: Archive) -> None:
    newest = await read_newest(archive)
    hopeless = archive._replace(statement_timeout_s=1e-6)
    with pytest.raises(QueryTooCostly):
        await sieve(hopeless, [parse_search(kind) for kind in KINDS], 0, newest)


async def test_numbers_beyond_the_newest_wait(archive: Archive) -> None:
    """Groups that are matched one after the other reach the same number."""
    newest = (await read_newest(archive))._replace(number=5)
    sieved = await sieve(archive, [parse_search([])], 2, newest)
    assert sieved.reached == 5
    assert list(map(told, sieved.found)) == [[3, 4, 5]]


async def test_one_that_cannot_be_matched_holds_nobody_up(over_the_sky: Watching) -> None:
    """Its region is gone: it stays where it was, the others of its group go on."""
    client, settings = over_the_sky
    watches = [await over_the_sky.made({"cone": f"{ra},0,1", "since": 0}) for ra in range(5)]
    admin = await asyncpg.connect(admin_url(settings))
    lost = "UPDATE app.watch SET filters = $2, upto = 0, found = 0 WHERE id = $1"
    async with admin.transaction():
        await admin.execute(lost, watches[2]["id"], f'[["region", "{"Z" * 32}"]]')
        await admin.execute("DELETE FROM app.hit WHERE watch = $1", watches[2]["id"])
    await take_in(settings, sky.second_batch(), TOPIC, 100_000)
    reached = [(await over_the_sky.matched(one))["upto"] for one in watches if one != watches[2]]
    assert len(set(reached)) == 1
    assert (await client.get(f"{WATCHES}/{watches[2]['id']}")).json()["upto"] == 0
    mended = "UPDATE app.watch SET filters = $2 WHERE id = $1"
    await admin.execute(mended, watches[2]["id"], '[["cone", "0,0,1"]]')
    await admin.close()
    again = await over_the_sky.matched(watches[2])
    assert again["hits"] == (await over_the_sky.matched(watches[0]))["hits"] > 0


async def test_more_watches_than_a_group_holds_find_what_sql_finds(
    over_the_sky: Watching,
) -> None:
    """Those that look at the past and those that begin now meet, and go on together."""
    for n in range(AT_ONCE + 20):
        begun = {} if n % 3 else {"since": n % 5}
        await over_the_sky.made(begun | {"magpsf__lt": 15 + n / 32})
    await take_in(over_the_sky.settings, sky.second_batch(), TOPIC, 100_000)
    admin = await asyncpg.connect(admin_url(over_the_sky.settings))
    behind = "SELECT count(*) FROM app.watch WHERE upto < (SELECT lco_id FROM counter)"
    async with asyncio.timeout(HANGS_S):
        while await admin.fetchval(behind):  # noqa: ASYNC110 - it is elsewhere
            await asyncio.sleep(0.05)
    began = "CASE WHEN w.n % 3 = 0 THEN w.n % 5 ELSE (SELECT lco_id - 2 FROM counter) END"
    wanted = f"""
        SELECT w.id, a.lco_id
        FROM (SELECT *, ((filters -> 0 ->> 1)::float8 * 32 - 480)::int AS n FROM app.watch) w
        JOIN alert a ON a.magpsf < 15 + w.n / 32.0 AND a.lco_id > {began}"""
    found = "SELECT watch, lco_id FROM app.hit"
    assert await admin.fetch(f"{wanted} EXCEPT {found}") == []
    assert await admin.fetch(f"{found} EXCEPT {wanted}") == []
    counted = "SELECT sum(found) = (SELECT count(*) FROM app.hit) FROM app.watch"
    assert await admin.fetchval(counted)
    assert await admin.fetchval("SELECT count(DISTINCT upto) FROM app.watch") == 1
    await admin.close()
