"""Names resolved: here first, then from the cache, then by CDS, which may be slow, or lie."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from app.catalogue import look_up
from app.models import Place, Problem
from app.remotes import PACE_S
from app.settings import Settings
from tests.app import sky
from tests.app.cds import SKY, Cds, answer, knows_sesame, nobody, serving_cds
from tests.app.conftest import Served, database_of, fresh_archive, serving
from tests.app.test_operation import owner_of
from tests.app.test_remotes import LIES
from tests.conftest import url_of

COW = "SN 2018cow"
PATIENCE_S = 1.5


class Asker:
    """An app that asks a CDS of its own."""

    def __init__(self, client: httpx.AsyncClient, cds: Cds, settings: Settings) -> None:
        self.client, self.cds, self.settings = client, cds, settings

    async def get(self, name: str) -> httpx.Response:
        return await self.client.get("/api/v1/resolve", params={"name": name})

    async def place(self, name: str) -> Place:
        answered = await self.get(name)
        assert answered.status_code == 200, answered.text
        return Place.model_validate(answered.json())

    async def refused(self, name: str, status: int) -> Problem:
        answered = await self.get(name)
        assert answered.status_code == status, answered.text
        assert answered.headers["content-type"] == "application/problem+json"
        assert (status == 503) == ("retry-after" in answered.headers)
        return Problem.model_validate(answered.json())

    async def sql(self, statement: str, *values: Any) -> Any:
        url = url_of("app", database_of(self.settings)).replace("+asyncpg", "")
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetch(statement, *values)
        finally:
            await connection.close()

    async def age(self, name: str, interval: str) -> None:
        """Move back when a name was resolved."""
        moved = await self.sql(
            "UPDATE app.name SET resolved = resolved - $2::text::interval "
            "WHERE name = $1 RETURNING name",
            name,
            interval,
        )
        assert len(moved) == 1


@asynccontextmanager
async def asking(settings: Settings, **changed: Any) -> AsyncIterator[Asker]:
    """An app with a CDS of its own, and nothing in its cache."""
    async with serving_cds() as cds:
        given = {"resolve_timeout_s": PATIENCE_S, **cds.settings, **changed}
        ours = settings.model_copy(update=given)
        async with serving(ours) as client:
            asker = Asker(client, cds, ours)
            await asker.sql("DELETE FROM app.name")
            yield asker


@pytest.fixture
async def asker(served: Served) -> AsyncIterator[Asker]:
    async with asking(served.settings) as ours:
        yield ours


# -------------------------------------------------------------------------------------------------
# What is known here
# -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "canonical", "ra", "dec"),
    [
        ("m101", "M 101", 210.80225, 54.348944),
        ("M 31", "M 31 (Andromeda Galaxy)", 10.684792, 41.269056),
        ("Messier 31", "M 31 (Andromeda Galaxy)", 10.684792, 41.269056),
        ("ngc224", "M 31 (Andromeda Galaxy)", 10.684792, 41.269056),
        ("NGC 0224", "M 31 (Andromeda Galaxy)", 10.684792, 41.269056),
        ("andromeda  galaxy", "M 31 (Andromeda Galaxy)", 10.684792, 41.269056),
        ("IC 10", "IC 10", 5.07225, 59.303778),
        # A duplicate is the object it duplicates.
        ("IC 11", "NGC 281", 13.248, 56.62122),
    ],
)
async def test_catalogue(asker: Asker, name: str, canonical: str, ra: float, dec: float) -> None:
    place = await asker.place(name)
    assert place.name.startswith(canonical)
    assert (place.ra, place.dec) == pytest.approx((ra, dec), abs=0.01 if name == "IC 11" else 1e-5)
    assert place.source == "OpenNGC"
    assert asker.cds.asked == []


async def test_what_the_catalogue_does_not_hold() -> None:
    for name in ("ngc 0", "ngc 9999", "ic 1064", "m 111", "m31a", "ngc", "m", "m 1_0", 'm1" or 1'):
        assert await look_up(name) is None, name


async def test_the_catalogue_does_not_hold_up_the_loop() -> None:
    """SQLite is read in a thread: the loop goes on meanwhile."""
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    beside = asyncio.create_task(tick())
    began = time.perf_counter()
    for number in range(60, 80):
        assert await look_up(f"m {number}")
    took = time.perf_counter() - began
    beside.cancel()
    assert ticks > took / 0.1
    began = time.perf_counter()
    assert await look_up("m 70")
    assert time.perf_counter() - began < 0.05


async def test_an_object_is_at_the_mean_of_its_alerts(asker: Asker) -> None:
    place = await asker.place(sky.OBJECT.upper())
    assert (place.name, place.source) == (sky.OBJECT, "MARS")
    assert (place.ra, place.dec) == pytest.approx((100.0, -20.0), abs=1e-9)
    alert = await asker.place(str(sky.LATE))
    assert (alert.ra, alert.dec) == pytest.approx((150.0, 30.0), abs=1e-9)
    assert asker.cds.asked == []


async def test_lco_ids(asker: Asker) -> None:
    place = await asker.place("1")
    listed = await asker.client.get(
        "/api/v1/alerts", params={"where": "lco_id:1", "cone": f"{place.ra},{place.dec},0.001"}
    )
    assert len(listed.json()["items"]) == 1


async def test_coordinates_need_nobody(served: Served) -> None:
    place = (await served.client.get("/api/v1/resolve", params={"name": "10.68 -41.27"})).json()
    assert place == {
        "name": "10.68 -41.27",
        "ra": 10.68,
        "dec": -41.27,
        "radius": 0.01,
        "source": "coordinates",
    }


@pytest.mark.parametrize("name", ["ZTF99zzzzzzz", "999999999", "999999999999999999", "433 Eros"])
async def test_what_the_archive_does_not_hold(asker: Asker, name: str) -> None:
    problem = await asker.refused(name, 404)
    assert ("ssnamenr=433" if "Eros" in name else name) in problem.detail
    assert asker.cds.asked == []


# -------------------------------------------------------------------------------------------------
# CDS, and the cache
# -------------------------------------------------------------------------------------------------


async def test_sesame_is_asked_once_and_remembered(asker: Asker) -> None:
    first = await asker.place(COW)
    assert (first.name, first.source) == (COW, "CDS Sesame")
    assert (first.ra, first.dec) == SKY[COW]
    assert await asker.place("  SN   2018cow ") == first
    assert asker.cds.asked == [("sesame", COW)]
    await asker.age(COW, "29 days 23 hours")
    assert await asker.place(COW) == first
    assert len(asker.cds.asked) == 1
    await asker.age(COW, "2 hours")
    assert await asker.place(COW) == first
    assert len(asker.cds.asked) == 2
    (row,) = await asker.sql("SELECT * FROM app.name WHERE resolved > now() - interval '1 minute'")
    assert (row["name"], row["canonical"], row["source"]) == (COW, COW, "CDS Sesame")


async def test_a_miss_is_remembered_for_an_hour(asker: Asker) -> None:
    problem = await asker.refused("Androdema Galaxy", 404)
    assert problem.suggestions is not None
    assert problem.suggestions[0] == "andromeda galaxy"
    assert "coordinates" in problem.detail
    await asker.age("Androdema Galaxy", "59 minutes")
    await asker.refused("Androdema Galaxy", 404)
    assert len(asker.cds.asked) == 1
    await asker.age("Androdema Galaxy", "2 minutes")
    await asker.refused("Androdema Galaxy", 404)
    assert len(asker.cds.asked) == 2
    await asker.age("Androdema Galaxy", "2 hours")
    await asker.place(COW)
    held = await asker.sql("SELECT name FROM app.name")
    assert [row["name"] for row in held] == [COW], "an old miss is forgotten"


async def test_simbad_answers_when_sesame_does_not(asker: Asker) -> None:
    asker.cds.sesame = nobody
    place = await asker.place("RR Lyr")
    assert (place.name, place.source) == ("V* RR Lyr", "SIMBAD")
    assert (place.ra, place.dec) == SKY["RR Lyr"]
    assert [who for who, _ in asker.cds.asked] == ["sesame", "simbad"]
    await asker.refused("Nothing of the kind", 404)


async def test_what_is_old_is_better_than_nothing(asker: Asker) -> None:
    first = await asker.place(COW)
    await asker.refused("Unheard of", 404)
    asker.cds.sesame = asker.cds.simbad = nobody
    await asker.age(COW, "300 days")
    await asker.age("Unheard of", "2 hours")
    assert await asker.place(COW) == first
    await asker.refused("Unheard of", 404)
    problem = await asker.refused("RR Lyr", 503)
    assert "CDS Sesame: no usable answer; SIMBAD: no usable answer" in problem.detail


@pytest.mark.parametrize("what", ["silent", "500", "another host", "10 MB", "ra 400"])
async def test_lies(asker: Asker, what: str) -> None:
    """Whatever CDS does, it is a 503 in time, for that name alone, and nothing of it is kept."""
    asker.cds.sesame = asker.cds.simbad = LIES[what]
    problem = await asker.refused(COW, 503)
    assert "CDS Sesame" in problem.detail
    assert "SIMBAD" in problem.detail
    assert await asker.sql("SELECT * FROM app.name") == []
    assert len(asker.cds.addresses) == 2, "no redirect was followed"
    assert (await asker.place("m31")).source == "OpenNGC"


async def test_an_object_without_a_position_is_unknown(asker: Asker) -> None:
    asker.cds.sesame = lambda name: answer("# x\n%I.0 X 1\n%C.0 ?\n\n#====Done (2026)====\n")
    assert "nobody knows the name 'X 1'" in (await asker.refused("X 1", 404)).detail
    asker.cds.sesame = nobody
    asker.cds.simbad = lambda name: answer(
        '{"metadata":[{"name":"main_id"},{"name":"ra"},{"name":"dec"}],"data":[["X 2",null,null]]}'
    )
    assert "nobody knows the name 'X 2'" in (await asker.refused("X 2", 404)).detail


async def test_the_time_is_bounded(asker: Asker) -> None:
    asker.cds.sesame = asker.cds.simbad = lambda name: None
    began = time.perf_counter()
    problem = await asker.refused(COW, 503)
    # Had each of the two the whole time, it would be twice as long; a busy machine adds its own.
    assert time.perf_counter() - began < 2 * PATIENCE_S
    assert problem.detail.count("no answer in time") == 2


async def test_nobody_listens(served: Served) -> None:
    nowhere = {"sesame_url": "http://127.0.0.1:9/a", "simbad_tap_url": "http://127.0.0.1:9/b"}
    async with asking(served.settings, **nowhere) as asker:
        assert "no usable answer" in (await asker.refused(COW, 503)).detail
    async with asking(served.settings, sesame_url="", simbad_tap_url="") as asker:
        assert "none is asked here" in (await asker.refused(COW, 503)).detail
        assert (await asker.place("ngc 1")).source == "OpenNGC"
        assert asker.cds.addresses == []


async def test_who_fails_is_left_alone(served: Served) -> None:
    async with asking(served.settings, simbad_tap_url="") as asker:
        asker.cds.sesame = nobody
        for n in range(3):
            assert "no usable answer" in (await asker.refused(f"Star {n}", 503)).detail
        asker.cds.sesame = knows_sesame
        assert "left alone" in (await asker.refused(COW, 503)).detail
        assert len(asker.cds.asked) == 3


async def test_who_asks_too_much_waits_or_is_refused(asker: Asker) -> None:
    """CDS shuts out who asks often: questions are spaced, and beyond the time there is a 503."""
    began = time.perf_counter()
    answers = await asyncio.gather(*(asker.get(f"Star {n}") for n in range(20)))
    statuses = [a.status_code for a in answers]
    assert set(statuses) == {404, 503}
    assert time.perf_counter() - began < PATIENCE_S + 0.7
    assert len(asker.cds.asked) <= 2 * (PATIENCE_S / PACE_S + 1)
    assert "at once" in next(a for a in answers if a.status_code == 503).json()["detail"]
    await asyncio.sleep(1)
    assert (await asker.place(COW)).source == "CDS Sesame", "the queue is no failure of theirs"


async def test_the_same_question_is_asked_once(asker: Asker) -> None:
    asker.cds.delay_s = 0.2
    answers = await asyncio.gather(*(asker.get(COW) for _ in range(30)))
    assert {a.status_code for a in answers} == {200}
    assert asker.cds.asked == [("sesame", COW)]


async def test_a_client_that_leaves_takes_nothing_from_others(asker: Asker) -> None:
    asker.cds.delay_s = 0.3
    leaving = asyncio.create_task(asker.get(COW))
    await asyncio.sleep(0.1)
    staying = asyncio.create_task(asker.get(COW))
    await asyncio.sleep(0.05)
    leaving.cancel()
    assert (await staying).status_code == 200
    assert asker.cds.asked == [("sesame", COW)]


async def test_no_connection_is_held_while_cds_is_asked(asker: Asker) -> None:
    asker.cds.delay_s = 0.8
    asked = [asyncio.create_task(asker.get(f"{COW} {n}")) for n in range(2)]
    # Until the cache has been read, on a connection that is made for it.
    await asyncio.sleep(0.5)
    assert asker.cds.addresses
    metrics = (await asker.client.get("/metrics")).text
    assert "mars_database_connections_in_use 0.0" in metrics
    idle = await asker.sql(
        "SELECT state FROM pg_stat_activity WHERE application_name = 'mars-app-names' "
        "AND datname = current_database() AND state <> 'idle'"
    )
    assert idle == []
    await asyncio.gather(*asked)


@pytest.mark.parametrize("url", ["", "postgresql+asyncpg://mars_app:x@127.0.0.1:9/mars", "wrong"])
async def test_without_a_cache_names_are_resolved(served: Served, url: str) -> None:
    given = SecretStr(
        url_of("app", database_of(served.settings)).replace("mars_app:", "mars_app:not-")
        if url == "wrong"
        else url
    )
    async with asking(served.settings) as asker:
        changed = asker.settings.model_copy(update={"app_database_url": given})
        async with serving(changed) as client:
            for _ in range(2):
                answered = await client.get("/api/v1/resolve", params={"name": COW})
                assert answered.status_code == 200
            assert (await client.get("/readyz")).status_code == 200
        assert len(asker.cds.asked) == 2, "nothing was kept"


async def test_without_an_archive_names_are_resolved(served: Served) -> None:
    gone = SecretStr("postgresql+asyncpg://mars_reader:x@127.0.0.1:9/mars")
    async with asking(served.settings) as asker, fresh_archive() as other:
        owner = await asyncpg.connect(owner_of(other))
        await owner.execute("DROP TABLE alert CASCADE; INSERT INTO migration VALUES (9999, 'x')")
        await owner.close()
        for url in (gone, other.database_url):
            changed = asker.settings.model_copy(update={"database_url": url})
            async with serving(changed) as client:
                for name in ("m31", COW, "10 20"):
                    answered = await client.get("/api/v1/resolve", params={"name": name})
                    assert answered.status_code == 200, name
                for name in (sky.OBJECT, "42", str(sky.LATE)):
                    answered = await client.get("/api/v1/resolve", params={"name": name})
                    assert answered.status_code == 503, name
                    assert "database" in answered.json()["detail"]


# -------------------------------------------------------------------------------------------------
# Hostile names
# -------------------------------------------------------------------------------------------------

REFUSED = ["\0", "a\0b", "a\x07b", "\u202e", "x" * 201, "x" * 10_000, "\ud7ff"]


async def test_hostile_names_are_unknown(asker: Asker) -> None:
    for name in ("<script>alert(1)</script>", "'; DROP TABLE app.name; --", "%00"):
        problem = await asker.refused(f" {name}\n", 404)
        assert repr(name) in problem.detail
        assert await asker.sql("SELECT source FROM app.name WHERE name = $1", name)


@pytest.mark.parametrize("name", [*REFUSED, "", " ", "400 41", "m31 r=x"])
async def test_names_that_are_none(asker: Asker, name: str) -> None:
    answered = await asker.get(name)
    assert answered.status_code == 422
    assert answered.json()["errors"][0]["parameter"] == "name"
    assert asker.cds.asked == []


async def test_parameters_of_resolve(served: Served) -> None:
    for query in ("", "?nam=m31", "?name=m31&radius=2"):
        answered = await served.client.get(f"/api/v1/resolve{query}")
        assert answered.status_code == 422
        assert answered.json()["errors"][0]["parameter"] in ("name", "nam", "radius")


# -------------------------------------------------------------------------------------------------
# The search box
# -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "page"),
    [
        ("", "/"),
        ("10.684583 +41.269167", "/?cone=10.684583,41.269167,0.000555556"),
        ('00:42:44.3 +41:16:09 r=5"', "/?cone=10.6845833,41.2691667,0.00138889"),
        ("m101", "/?cone=210.80225,54.3489444,0.199917"),
        ("m101 r=1", "/?cone=210.80225,54.3489444,1"),
        (COW, "/?cone=244.000927,22.268031,0.00277778"),
        ("ztf26LCURVE", "/objects/ZTF26lcurve/"),
        ("3310100000000015000", "/3310100000000015000/"),
        ("42", "/42/"),
        ("433 Eros", "/?ssnamenr=433"),
        ("C/2020 F3 (NEOWISE)", "/?ssnamenr=C%2F2020F3"),
    ],
)
async def test_the_search_box_leads_on(asker: Asker, typed: str, page: str) -> None:
    answered = await asker.client.get("/search", params={"q": typed})
    assert (answered.status_code, answered.headers["location"]) == (303, page)


async def test_the_search_box_finds_nothing(asker: Asker) -> None:
    answered = await asker.client.get("/search", params={"q": "Xyzzy"})
    assert answered.status_code == 404
    assert "Xyzzy" in answered.json()["detail"]
    for typed in ("10 91", "x" * 300, "\0"):
        answered = await asker.client.get("/search", params={"q": typed})
        assert answered.status_code == 422
        assert answered.json()["errors"][0]["parameter"] == "q"
