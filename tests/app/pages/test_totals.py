"""Totals that say how sure they are, and the filter to blame."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.alerts.access.archive import Archive
from app.alerts.access.gate import Gate
from app.alerts.asking import counting
from app.errors import QueryTooCostly
from app.mars.form import read_form
from app.pages.lists import totals
from app.pages.lists.totals import Blame, Total
from app.search.search import Search
from archive.database import make_engine
from tests.app.conftest import Served, database_of
from tests.conftest import url_of


@pytest.fixture
async def archive(served: Served) -> AsyncIterator[Archive]:
    """The hand-made sky as the app reads it, with the planner's statistics up to date."""
    url = url_of("owner", database_of(served.settings)).replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    await connection.execute("ANALYZE alert")
    await connection.close()
    engine = make_engine(served.settings, "test", 2, ping=False)
    yield Archive(engine, 4.0, 5.0, Gate(engine, 2))
    await engine.dispose()


def search(**parameters: str) -> Search:
    return read_form(parameters.items()).search


async def matching(served: Served, query: str) -> int:
    return len(await served.candids(f"{query}&limit=1000"))


async def test_what_was_seen_to_its_end_is_counted(archive: Archive) -> None:
    assert await totals.say_total(archive, search(rb__gte="0.5"), 1, False) == Total("1 alert")
    assert await totals.say_total(archive, search(rb__gte="0.5"), 1234, False) == Total(
        "1,234 alerts"
    )


async def test_the_whole_archive_by_its_ledger(served: Served, archive: Archive) -> None:
    count = await matching(served, "")
    assert await totals.say_total(archive, search(), 100, True) == Total(f"{count} alerts")


@pytest.mark.parametrize(
    ("parameters", "typed"),
    [
        ({"dec__gt": "0"}, "dec__gt=0"),
        ({"cone": "150,30,2"}, "cone=150,30,2"),
        ({"ssnamenr": "433"}, "ssnamenr=433"),
        ({"cone": "0,0,2", "rb__gte": "0.3"}, "cone=0,0,2&rb__gte=0.3"),
    ],
)
async def test_few_are_counted(
    served: Served, archive: Archive, parameters: dict[str, str], typed: str
) -> None:
    count = await matching(served, typed)
    assert count > 1
    assert await totals.say_total(archive, search(**parameters), 1, True) == Total(
        f"{count} alerts"
    )


async def test_many_are_estimated(
    served: Served, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "COUNTED", 50)
    count = await matching(served, "dec__gt=0")
    said = await totals.say_total(archive, search(dec__gt="0"), 1, True)
    assert said.note == "estimated, not counted"
    assert said.words.startswith("About ")
    assert abs(int(said.words.split()[1]) - count) < 0.2 * count


async def test_of_many_in_a_cone_only_a_bound_is_told(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "COUNTED", 50)
    said = await totals.say_total(archive, search(cone="150,30,2"), 1, True)
    assert said == Total("More than 50 alerts", "counted up to 50")


async def test_what_takes_too_long_is_not_counted(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "COUNT_S", 1e-6)
    said = await totals.say_total(archive, search(dec__gt="0"), 100, True)
    assert said == Total("More than 100 alerts", "counting them all would take too long")


async def test_blame_within_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "PROBES_S", 0.5)

    async def any_without(name: str) -> bool:
        if name == "costly":
            raise QueryTooCostly
        if name == "endless":
            await asyncio.sleep(60)
        return name == "guilty"

    assert await totals.find_blame(["innocent", "guilty"], any_without) == Blame(["guilty"], 2)
    assert await totals.find_blame(["costly", "guilty"], any_without) == Blame(["guilty"], 1)
    assert await totals.find_blame(["guilty", "endless", "guilty"], any_without) == Blame(
        ["guilty"], 1
    )
