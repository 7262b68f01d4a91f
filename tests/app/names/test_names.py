"""Names resolved: here first, then from the cache, then by CDS, which may be slow, or lie."""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import httpx
import pytest
from pydantic import SecretStr
from pyongc import ongc

from app.alerts.models import Place
from app.answers.models import Problem
from app.names.catalogue import look_up
from app.names.remotes import Remote
from app.names.resolver import Names
from app.settings import Settings
from tests.app import sky
from tests.app.conftest import Served, database_of, fresh_archive, serving
from tests.app.names.cds import SKY, Cds, answer, knows_sesame, nobody, serving_cds
from tests.app.names.test_remotes import LIES
from tests.app.test_operation import owner_of
from tests.conftest import url_of

COW = "SN 2018cow"
PATIENCE_S = 30
"""How long those who answer may take on a busy machine."""
SILENCE_S = 1.5
"""How long those are waited for who never do."""


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


@pytest.fixture
async def hasty(served: Served) -> AsyncIterator[Asker]:
    """One that soon gives up."""
    async with asking(served.settings, resolve_timeout_s=SILENCE_S) as ours:
        yield ours


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


async def test_the_catalogue_does_not_hold_up_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite is read in a thread, once for each object: the loop goes on meanwhile."""
    get, goes_on, reads = ongc.get, threading.Event(), 0

    def held(number: str) -> Any:
        nonlocal reads
        reads += 1
        assert goes_on.wait(10), "the loop waits for the catalogue"
        return get(number)

    monkeypatch.setattr(ongc, "get", held)
    asyncio.get_running_loop().call_soon(goes_on.set)
    first = await look_up("m 77")
    assert first is not None
    assert await look_up("M77") == first
    assert reads == 1


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
async def test_lies(served: Served, what: str) -> None:
    """Whatever CDS does, it is a 503 in time, for that name alone, and nothing of it is kept."""
    patience = SILENCE_S if what == "silent" else PATIENCE_S
    async with asking(served.settings, resolve_timeout_s=patience) as asker:
        asker.cds.sesame = asker.cds.simbad = LIES[what]
        problem = await asker.refused(COW, 503)
        assert "CDS Sesame" in problem.detail
        assert "SIMBAD" in problem.detail
        assert await asker.sql("SELECT * FROM app.name") == []
        assert len(asker.cds.addresses) == 2, "no redirect was followed"
        assert (await asker.place("m31")).source == "OpenNGC"


async def test_an_object_without_a_position_is_unknown(asker: Asker) -> None:
    asker.cds.sesame = lambda name: answer("# x\n%I.0 X 1\n%C.0 ?\n\n#====Done (2026)====\n")
    assert "unknown name 'X 1'" in (await asker.refused("X 1", 404)).detail
    asker.cds.sesame = nobody
    asker.cds.simbad = lambda name: answer(
        '{"metadata":[{"name":"main_id"},{"name":"ra"},{"name":"dec"}],"data":[["X 2",null,null]]}'
    )
    assert "unknown name 'X 2'" in (await asker.refused("X 2", 404)).detail


async def test_the_time_is_bounded(hasty: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The two share it: who is asked last has what the first left."""
    ask, shares = Remote.ask, list[float]()

    async def noted(self: Remote, client: httpx.AsyncClient, name: str, within_s: float) -> Any:
        shares.append(within_s)
        return await ask(self, client, name, within_s)

    monkeypatch.setattr(Remote, "ask", noted)
    hasty.cds.sesame = hasty.cds.simbad = lambda name: None
    problem = await hasty.refused(COW, 503)
    assert problem.detail.count("no answer in time") == 2
    assert len(shares) == 2
    assert sum(shares) <= SILENCE_S


async def test_nobody_listens(served: Served) -> None:
    nowhere = {"sesame_url": "http://127.0.0.1:9/a", "simbad_tap_url": "http://127.0.0.1:9/b"}
    async with asking(served.settings, **nowhere) as asker:
        assert "no usable answer" in (await asker.refused(COW, 503)).detail
    async with asking(served.settings, sesame_url="", simbad_tap_url="") as asker:
        assert "none is configured" in (await asker.refused(COW, 503)).detail
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


async def test_who_asks_too_much_waits_or_is_refused(served: Served) -> None:
    """CDS shuts out who asks often: questions are spaced, and beyond the time there is a 503."""
    async with asking(served.settings, resolve_timeout_s=2 * SILENCE_S) as asker:
        answers = await asyncio.gather(*(asker.get(f"Star {n}") for n in range(50)))
        statuses = Counter(a.status_code for a in answers)
        assert statuses.keys() == {404, 503}
        assert len(asker.cds.asked) < 50
        assert "at once" in next(a for a in answers if a.status_code == 503).json()["detail"]
        assert (await asker.place(COW)).source == "CDS Sesame", "the queue is no failure of theirs"


async def test_the_same_question_is_asked_once(asker: Asker) -> None:
    asker.cds.gate.clear()
    many = [asyncio.create_task(asker.get(COW)) for _ in range(30)]
    await asker.cds.came.acquire()
    asker.cds.gate.set()
    answers = await asyncio.gather(*many)
    assert {a.status_code for a in answers} == {200}
    assert asker.cds.asked == [("sesame", COW)]


async def test_a_client_that_leaves_takes_nothing_from_others(
    asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up, came = Names.look_up, asyncio.Semaphore(0)

    async def noted(self: Names, name: str) -> Any:
        came.release()
        return await look_up(self, name)

    monkeypatch.setattr(Names, "look_up", noted)
    asker.cds.gate.clear()
    leaving = asyncio.create_task(asker.get(COW))
    await came.acquire()
    staying = asyncio.create_task(asker.get(COW))
    await came.acquire()
    leaving.cancel()
    with suppress(asyncio.CancelledError):
        await leaving
    asker.cds.gate.set()
    assert (await staying).status_code == 200
    assert asker.cds.asked == [("sesame", COW)]


async def test_no_connection_is_held_while_cds_is_asked(asker: Asker) -> None:
    asker.cds.gate.clear()
    asked = [asyncio.create_task(asker.get(f"{COW} {n}")) for n in range(2)]
    for _ in asked:
        await asker.cds.came.acquire()
    metrics = (await asker.client.get("/metrics")).text
    assert "mars_database_connections_in_use 0.0" in metrics
    idle = await asker.sql(
        "SELECT state FROM pg_stat_activity WHERE application_name = 'mars-app-names' "
        "AND datname = current_database() AND state <> 'idle'"
    )
    assert idle == []
    asker.cds.gate.set()
    assert {a.status_code for a in await asyncio.gather(*asked)} == {404}


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
