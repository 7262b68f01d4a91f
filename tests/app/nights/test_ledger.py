"""The ledger's sums: kept, added to, and begun anew; always what the table holds."""

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import asyncpg
import pytest

from app.alerts.access.archive import Archive
from app.alerts.access.gate import Gate
from app.errors import QueryTooCostly
from app.nights import ledger
from app.nights.days import OUTCOMES, Item
from app.nights.ledger import Ledger
from app.settings import Settings
from archive.database import make_engine
from tests import packets
from tests.app import sky
from tests.app.conftest import database_of, fresh_archive, take_in
from tests.conftest import url_of

NIGHTS = [date(2026, 1, 31) - timedelta(days=n) for n in range(5)]


class Watched(Archive):
    """An archive that tells which statements it was asked, and fails some of them."""

    asked: list[str] = []  # noqa: RUF012 - a NamedTuple has no place for one of its own
    stopped: set[str] = set()  # noqa: RUF012 - the same

    async def fetch(self, statement: Any, **values: Any) -> list[asyncpg.Record]:
        Watched.asked.append(statement.sql)
        if statement.sql in Watched.stopped:
            Watched.stopped.clear()
            raise QueryTooCostly
        return await super().fetch(statement, **values)


async def taken(settings: Settings, n: int, night: date, topic: str = "one") -> None:
    """Two alerts, one of them known already, and a damaged one."""
    first, again = (
        packets.packet(candid=sky.BASE + k, cutouts=None) for k in (10 * n, 10 * max(n - 1, 0))
    )
    await take_in(settings, [first, again, b"damaged %d" % n], topic, 10 * n, night)


async def told(settings: Settings) -> list[Item]:
    """What the table holds, added up here."""
    connection = await asyncpg.connect(
        url_of("owner", database_of(settings)).replace("+asyncpg", "")
    )
    rows = await connection.fetch("SELECT * FROM ledger")
    await connection.close()
    sums: dict[date, dict[str, list[int]]] = {}
    for row in rows:
        own = sums.setdefault(row["night"], {}).setdefault(row["source"], [0] * len(OUTCOMES))
        for n, name in enumerate(OUTCOMES):
            own[n] += row[name]
    return [_item(night, sums[night]) for night in sorted(sums, reverse=True)]


def _item(night: date, topics: dict[str, list[int]]) -> Item:
    def named(sums: Sequence[int]) -> Item:
        return dict(zip(OUTCOMES, sums, strict=True))

    parts = [{"topic": name, **named(topics[name])} for name in sorted(topics)]
    whole = [sum(part[name] for part in parts) for name in OUTCOMES]
    return {"night": str(night), **named(whole), "topics": parts}


async def test_sums_are_added_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "AT_ONCE", 2)
    async with fresh_archive() as settings:
        engine = make_engine(settings, "test")
        archive, kept = Watched(engine, 4, 5, Gate(engine, 2)), Ledger()
        assert await kept.listed(archive, None, 10) == ([], None)
        assert await kept.one(archive, NIGHTS[0]) is None
        for n, night in enumerate(NIGHTS):
            await taken(settings, n, night)
        assert (await kept.listed(archive, None, 10)).items == await told(settings)
        Watched.asked.clear()
        for n, night in enumerate([NIGHTS[0], NIGHTS[3], NIGHTS[3]], len(NIGHTS)):
            await taken(settings, n, night, "another" if n % 2 else "one")
            assert (await kept.listed(archive, None, 10)).items == await told(settings)
        # The nights themselves, and what is new of them: nothing is added up again.
        assert len(Watched.asked) == 6
        await taken(settings, 20, NIGHTS[0] + timedelta(days=3))
        every = await told(settings)
        assert (await kept.listed(archive, None, 10)).items == every
        page = await kept.listed(archive, NIGHTS[1], 2)
        assert page == (every[3:5], f"{NIGHTS[3]:%Y%m%d}")
        assert await kept.one(archive, NIGHTS[2]) == every[3]
        await engine.dispose()


async def test_sums_are_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where too much has come to be added in time, and where too many nights are kept."""
    async with fresh_archive() as settings:
        engine = make_engine(settings, "test")
        archive, kept = Watched(engine, 4, 5, Gate(engine, 2)), Ledger()
        await taken(settings, 0, NIGHTS[0])
        await kept.listed(archive, None, 10)
        await taken(settings, 1, NIGHTS[0])
        await taken(settings, 2, NIGHTS[1])
        Watched.stopped.add(ledger._LATER.sql)
        assert (await kept.listed(archive, None, 10)).items == await told(settings)
        assert not Watched.stopped
        monkeypatch.setattr(ledger, "MOST", 1)
        for n in (3, 4):
            await taken(settings, n, NIGHTS[1])
            assert (await kept.listed(archive, None, 10)).items == await told(settings)
        await engine.dispose()


async def test_who_waits_for_one_that_fails_fails_with_it() -> None:
    async with fresh_archive() as settings:
        await taken(settings, 0, NIGHTS[0])
        engine = make_engine(settings, "test", 20)
        archive, kept = Watched(engine, 0.3, 5, Gate(engine, 2)), Ledger()
        url = url_of("owner", database_of(settings)).replace("+asyncpg", "")
        blocker = await asyncpg.connect(url)
        Watched.asked.clear()
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE ledger IN ACCESS EXCLUSIVE MODE")
            asked = [kept.one(archive, NIGHTS[0]) for _ in range(10)]
            failed = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(error, QueryTooCostly) for error in failed)
        # That of the first alone, and its second attempt.
        assert Watched.asked == [ledger._LATER.sql] * 2
        assert await kept.one(archive, NIGHTS[0]) == (await told(settings))[0]
        await blocker.close()
        await engine.dispose()


async def test_nobody_waits_for_others_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "WAIT_S", 0.05)
    go_on = asyncio.Event()

    class Slow(Archive):
        async def fetch(self, statement: Any, **values: Any) -> Any:
            await go_on.wait()
            return await super().fetch(statement, **values)

    async with fresh_archive() as settings:
        await taken(settings, 0, NIGHTS[0])
        engine = make_engine(settings, "test")
        archive, kept = Slow(engine, 4, 60, Gate(engine, 2)), Ledger()
        first = asyncio.create_task(kept.one(archive, NIGHTS[0]))
        await asyncio.sleep(0)
        with pytest.raises(QueryTooCostly, match="try again"):
            await kept.one(archive, NIGHTS[0])
        go_on.set()
        assert await first == (await told(settings))[0]
        await engine.dispose()
