"""Over HTTP beside the same SQL by asyncpg, and downloads beside the bare ranged GET."""

import os
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import aiohttp
import asyncpg

from app.alerts.asking.queries import HISTORIES_OF, ONE_ALERT
from app.alerts.sql.search_sql import Shape, page_statement
from app.alerts.sql.statements import Statement
from app.search.search import DEFAULT_SORT
from app.search.vocabulary import FILTERS, ZTF
from archive.objects import ObjectStore, open_store
from archive.settings import ArchiveSettings
from bench.measure import Ask, Figure, ask, compare, p50_figure

SAMPLE: Final = 2000


class Pick(NamedTuple):
    """An alert of the archive, and where its bytes lie."""

    candid: int
    object_id: str
    ra: float
    dec: float
    key: str
    packet: tuple[int, int]
    science: tuple[int, int]


class Served(NamedTuple):
    """Both ways to the archive."""

    pool: asyncpg.Pool
    http: aiohttp.ClientSession
    store: ObjectStore
    address: str
    picks: Sequence[Pick]
    past: Sequence[Pick]
    """Alerts whose packets had a history: those that were copied into the archive have none."""

    def pick(self, n: int) -> Pick:
        """The n-th alert of the sample, round and round."""
        return self.picks[n % len(self.picks)]

    def pick_with_history(self, n: int) -> Pick:
        """The n-th of those that have a history."""
        return self.past[n % len(self.past)]

    async def sql(self, statement: Statement, **values: Any) -> None:
        await self.pool.fetch(statement.sql, *statement.arguments({"as_of": None, **values}))

    async def get(self, path: str, accept: str = "*/*") -> None:
        async with self.http.get(self.address + path, headers={"Accept": accept}) as answer:
            await answer.read()
            assert answer.status == 200, (path, answer.status)


@asynccontextmanager
async def served(address: str) -> AsyncIterator[Served]:
    """Connections to an archive that has rows, and to the app that serves it."""
    dsn = os.environ["MARS_READER_DATABASE_URL"].replace("+asyncpg", "")
    limit = aiohttp.TCPConnector(limit=64)
    async with (
        asyncpg.create_pool(dsn, min_size=16, max_size=16, server_settings=_PATIENT) as pool,
        aiohttp.ClientSession(connector=limit, auto_decompress=False) as http,
        open_store(ArchiveSettings()) as store,
    ):
        everywhere = await _picks(pool, _EVERYWHERE)
        past = await _picks(pool, _WITH_HISTORY)
        yield Served(pool, http, store, address, everywhere, past)


_PATIENT: Final = {"statement_timeout": "60000"}
"""The floor is what the statement takes, however long; the role's own bound is the app's."""
_SOME: Final = 100_000
"""Alerts from which those that are asked for are drawn."""
_EVERYWHERE: Final = """
SELECT candid FROM alert TABLESAMPLE SYSTEM ({percent}) WHERE packet_offset IS NOT NULL"""
_WITH_HISTORY: Final = "SELECT candid FROM history TABLESAMPLE SYSTEM ({percent})"
_PICKS: Final = """
SELECT candid, object_id, ra, dec, key, packet_offset, packet_length, science_offset, science_length
FROM alert JOIN bundle ON bundle.id = alert.bundle
WHERE candid = ANY($1) AND packet_offset IS NOT NULL AND science_offset IS NOT NULL"""


async def _picks(pool: asyncpg.Pool, sample: str) -> list[Pick]:
    """Alerts whose bytes are in the store, from everywhere in a table of any size."""
    table = "public.history" if "FROM history" in sample else "public.alert"
    rows = await pool.fetchval("SELECT reltuples FROM pg_class WHERE oid = to_regclass($1)", table)
    percent = min(100.0, 100 * _SOME / max(rows, 1))
    found = [row[0] for row in await pool.fetch(sample.format(percent=percent))]
    chosen = random.Random(1).sample(sorted(found), min(SAMPLE, len(found)))
    return [
        Pick(row[0], row[1], row[2], row[3], row[4], (row[5], row[6]), (row[7], row[8]))
        for row in await pool.fetch(_PICKS, chosen)
    ]


async def searches(s: Served, clients: int, count: int) -> list[Figure]:
    """Each kind of question at so many clients."""
    figures = []
    for what, (floor, ours, target) in (await _questions(s)).items():
        floors, answers = await compare(floor, ours, count, clients)
        figures.append(p50_figure(_named(what, clients), "same SQL", floors, answers, target))
    return figures


def _named(what: str, clients: int) -> str:
    return f"{what}, {clients} client{'s' if clients > 1 else ''}"


async def _questions(s: Served) -> dict[str, tuple[Ask, Ask, str]]:
    """Name -> the SQL, the same over HTTP, and the target of SPEED for their ratio."""
    cone, one = _statement(cone=True), _statement("object_id__in")
    newest = await s.pool.fetchval("SELECT batch FROM counter")

    async def with_history(n: int) -> None:
        pick = s.pick_with_history(n)
        await s.sql(ONE_ALERT["candid"], number=pick.candid)
        await s.sql(HISTORIES_OF, object_id=pick.object_id, as_of=newest)

    def cone_of(radius: float) -> tuple[Ask, Ask]:
        return (
            lambda n: s.sql(cone, ra=s.pick(n).ra, dec=s.pick(n).dec, radius=radius),
            lambda n: s.get(f"/api/v1/alerts?cone={s.pick(n).ra},{s.pick(n).dec},{radius:.8f}"),
        )

    return {
        "cone 10 arcsec": (*cone_of(10 / 3600), "≤ 2 × or + 2 ms"),
        "cone 0.1°": (*cone_of(0.1), "≤ 2 × or + 2 ms"),
        **await _pages(s),
        "alert with history": (
            with_history,
            lambda n: s.get(f"/api/v1/alerts/{s.pick_with_history(n).candid}"),
            "≤ 3 × or + 2 ms",
        ),
        "alerts of an object": (
            lambda n: s.sql(one, value0=[s.pick(n).object_id]),
            lambda n: s.get(f"/api/v1/alerts?object_id={s.pick(n).object_id}"),
            "≤ 3 × or + 2 ms",
        ),
    }


async def _pages(s: Served) -> dict[str, tuple[Ask, Ask, str]]:
    """The questions whose answer is a hundred alerts."""
    page, bright, earlier = _statement(), _statement("magpsf__lte"), _statement("jd__lt")
    first = await s.pool.fetchval("SELECT min(jd) FROM alert")
    last = await s.pool.fetchval("SELECT max(jd) FROM alert")
    moments = random.Random(2)

    def limit(n: int) -> float:
        return 18.0 + n % 20 / 10

    return {
        "first page": (lambda _: s.sql(page), lambda _: s.get("/api/v1/alerts"), "≤ 3 ×"),
        "filtered page": (
            lambda n: s.sql(bright, value0=limit(n)),
            lambda n: s.get(f"/api/v1/alerts?magpsf__lte={limit(n)}"),
            "≤ 3 ×",
        ),
        # Each time other rows, so that the app finds none among those it keeps.
        "page from any time": (
            lambda _: s.sql(earlier, value0=moments.uniform(first, last)),
            lambda _: s.get(f"/api/v1/alerts?jd__lt={moments.uniform(first, last)!r}"),
            "≤ 3 ×",
        ),
    }


def _statement(*filters: str, cone: bool = False) -> Statement:
    """A page of 100, newest first."""
    wanted = tuple(FILTERS[name] for name in filters)
    return page_statement(Shape(ZTF, 100, DEFAULT_SORT, cone=cone, filters=wanted))


async def downloads(s: Served, clients: int, count: int) -> list[Figure]:
    """The original packet and a cutout, beside the same bytes from the store itself."""
    figures = []
    for what, path in (("packet", "avro"), ("science", "cutouts/science.fits.gz")):

        async def bare(n: int, what: str = what) -> None:
            pick = s.pick(n)
            offset, length = pick.packet if what == "packet" else pick.science
            assert len(await s.store.get(pick.key, offset, length)) == length

        async def over_http(n: int, path: str = path) -> None:
            await s.get(f"/api/v1/alerts/{s.pick(n).candid}/{path}")

        floors, answers = await compare(bare, over_http, count, clients)
        figures.append(
            p50_figure(_named(path, clients), "bare ranged GET", floors, answers, "≤ 2 ×")
        )
    return figures


async def legacy(s: Served, clients: int, count: int) -> list[Figure]:
    """MARS's own door: its JSON, a deep page of it, and the page for people, beside page 1."""
    page = _statement()
    first, deep, people = "/?format=json", "/?format=json&page=350", "/"
    figures = []
    for what, floor_name, floor, path, target in (
        ("MARS's first page", "same SQL", lambda _: s.sql(page), first, "≤ 3 ×"),
        ("MARS's page 350", "its page 1", lambda _: s.get(first), deep, "≤ 2 ×"),
        ("first page as HTML", "its JSON", lambda _: s.get(first), people, "≤ 2.5 ×"),
    ):

        async def over_http(_: int, path: str = path) -> None:
            await s.get(path, accept="text/html" if path == people else "application/json")

        floors, answers = await compare(floor, over_http, count, clients)
        figures.append(p50_figure(_named(what, clients), floor_name, floors, answers, target))
    return figures


async def throughput(s: Served, clients: int, count: int) -> dict[str, float]:
    """Requests a second over HTTP, for the comparison with the first MARS."""
    kinds: dict[str, Ask] = {
        "first page": lambda _: s.get("/api/v1/alerts"),
        "cone 10 arcsec": lambda n: s.get(
            f"/api/v1/alerts?cone={s.pick(n).ra},{s.pick(n).dec},{10 / 3600:.8f}"
        ),
        "alert with history": lambda n: s.get(f"/api/v1/alerts/{s.pick_with_history(n).candid}"),
        "cutout": lambda n: s.get(f"/api/v1/alerts/{s.pick(n).candid}/cutouts/science.fits.gz"),
    }
    return {what: (await ask(work, count, clients)).per_s for what, work in kinds.items()}
