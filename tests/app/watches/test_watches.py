"""Watches: an alert that matches is a hit once, whoever is killed; only the owner deletes them."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import asyncpg
import httpx
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from pydantic import SecretStr

from app.settings import Settings
from app.watches import described, hits, matching
from tests import packets
from tests.app import sky
from tests.app.conftest import fresh_archive, serving, take_in
from tests.app.jobs.running import admin_url, free_port, process
from tests.app.live.streams import HANGS_S, TOPIC, grow, growing, read_until
from tests.app.live.streams import following as following_alerts

WATCHES = "/api/v1/watches"
CSV = {"Content-Type": "text/csv"}


class Watching(NamedTuple):
    """An app that matches, over an archive of its own."""

    client: httpx.AsyncClient
    settings: Settings

    async def made(self, query: dict[str, Any], positions: str = "") -> dict[str, Any]:
        answer = await self.client.post(
            WATCHES, params=query, content=positions or None, headers=CSV if positions else {}
        )
        assert answer.status_code == 201, answer.text
        watch: dict[str, Any] = answer.json()
        assert answer.headers["location"].endswith(f"{WATCHES}/{watch['id']}")
        return watch

    async def matched(self, watch: dict[str, Any]) -> dict[str, Any]:
        """The watch, once all alerts that there are have been looked at."""
        newest = await number(self.settings)
        async with asyncio.timeout(HANGS_S):
            while True:
                told: dict[str, Any] = (await self.client.get(f"{WATCHES}/{watch['id']}")).json()
                if told["upto"] >= newest:
                    return told
                await asyncio.sleep(0.05)

    async def hits(self, watch: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
        path = f"{WATCHES}/{watch['id']}/alerts"
        answer = await self.client.get(path, params={"limit": 1000} | query)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items


async def number(settings: Settings) -> int:
    admin = await asyncpg.connect(admin_url(settings))
    newest: int = await admin.fetchval("SELECT lco_id FROM counter")
    await admin.close()
    return newest


@pytest.fixture
async def watching() -> AsyncIterator[Watching]:
    async with fresh_archive() as settings:
        own = settings.model_copy(update={"jobs_run": True, "watches_per_client": 200})
        async with serving(own) as client:
            yield Watching(client, own)


@pytest.fixture
async def over_the_sky(watching: Watching) -> Watching:
    await take_in(watching.settings, sky.first_batch(), TOPIC)
    return watching


SEARCHES: list[dict[str, Any]] = [
    {"magpsf__lt": 16},
    {"cone": "0,90,1"},
    {"cone": "0,0,1", "where": ["rb__gte:0.2", "filter:g"]},
    {"polygon": "149,29,151,29,151,31,149,31"},
    {"object_id": sky.OBJECT},
]


async def test_hits_are_what_a_list_finds(over_the_sky: Watching) -> None:
    """Of the past, and of what comes."""
    watches = [await over_the_sky.made(query | {"since": 0}) for query in SEARCHES]
    await take_in(over_the_sky.settings, sky.second_batch(), TOPIC, 100_000)
    for query, watch in zip(SEARCHES, watches, strict=True):
        told = await over_the_sky.matched(watch)
        wanted = await over_the_sky.client.get("/api/v1/alerts", params=query | {"limit": 1000})
        found = await over_the_sky.hits(watch)
        assert found == wanted.json()["items"] != []
        assert told["hits"] == len(found)


async def test_a_watch_begins_now(over_the_sky: Watching) -> None:
    watch = await over_the_sky.made({"object_id": sky.OBJECT})
    await take_in(over_the_sky.settings, sky.second_batch(), TOPIC, 100_000)
    await over_the_sky.matched(watch)
    assert [one["candid"] for one in await over_the_sky.hits(watch)] == [str(sky.THIRD)]


def positions_of(rng: np.random.Generator) -> list[tuple[float, float, float]]:
    """(ra, dec, radius) near the hand-made alerts: at the poles, across RA 0, and anywhere."""
    places = [(ra, dec) for _, ra, dec in sky.positions()]
    chosen = [places[n] for n in rng.choice(len(places), 80, replace=False)]
    near = [
        (
            float((ra + rng.normal(0, 0.02)) % 360),
            float(np.clip(dec + rng.normal(0, 0.02), -90, 90)),
        )
        for ra, dec in chosen
    ]
    fixed = [(0.0, 90.0), (0.0, -90.0), (359.99, 0.0), (0.01, 45.0), (180.0, 89.9)]
    return [(*place, float(rng.uniform(0.001, 0.2))) for place in [*near, *fixed]]


async def test_hits_near_positions_are_those_of_astropy(over_the_sky: Watching) -> None:
    places = positions_of(np.random.default_rng(5))
    body = "ra,dec,radius\n" + "\n".join(f"{ra!r},{dec!r},{r!r}" for ra, dec, r in places)
    everywhere = await over_the_sky.made({"since": 0}, body)
    bright = await over_the_sky.made({"since": 0, "magpsf__lt": 17}, body)
    assert everywhere["positions"] == len(places)
    alerts = (await over_the_sky.client.get("/api/v1/alerts", params={"limit": 1000})).json()[
        "items"
    ]
    there = SkyCoord([a["ra"] for a in alerts], [a["dec"] for a in alerts], unit="deg")
    asked = np.array(places)
    apart = SkyCoord(asked[:, :1], asked[:, 1:2], unit="deg").separation(there[None, :]).deg
    close = np.flatnonzero((apart < asked[:, 2:]).any(axis=0))
    wanted = {alerts[n]["candid"] for n in close}
    assert 20 < len(wanted) < len(alerts)
    await over_the_sky.matched(everywhere)
    await over_the_sky.matched(bright)
    assert {one["candid"] for one in await over_the_sky.hits(everywhere)} == wanted
    dim = {a["candid"] for a in alerts if a["magpsf"] >= 17}
    assert {one["candid"] for one in await over_the_sky.hits(bright)} == wanted - dim


async def test_its_alerts_come_in_every_format_and_as_a_stream(watching: Watching) -> None:
    watch = await watching.made({"object_id": "ZTF26aaaaaaa"})
    path = f"{WATCHES}/{watch['id']}"
    await grow(watching.settings, 0, 3, object_id="ZTF26aaaaaaa")
    await grow(watching.settings, 3, 1, object_id="ZTF26bbbbbbb")
    assert (await watching.matched(watch))["hits"] == 3
    csv = await watching.client.get(f"{path}/alerts", params={"format": "csv", "fields": "candid"})
    assert csv.text.split() == ["candid", *(str(packets_base() + n) for n in (2, 1, 0))]
    older = await watching.hits(watch, before=3, fields="lco_id")
    assert older == [{"lco_id": 2}, {"lco_id": 1}]
    async with following(watching.client, path, since=1) as events:
        first = await read_until(events, 4)
        await grow(watching.settings, 4, 2, object_id="ZTF26aaaaaaa")
        later = await read_until(events, 6)
    assert [e.id for e in [*first, *later] if e.kind == "alert"] == [2, 3, 5, 6]


async def test_a_list_grows_no_longer_than_it_may(watching: Watching) -> None:
    full = "ra,dec\n" + "1,1\n" * 10_000
    watch = await watching.made({"radius": "0.1"}, full)
    more = await change(watching, watch, {"radius": "0.1", "extend": "true"}, "ra,dec\n2,2")
    assert (more.status_code, "10,001 positions; it may have 10,000" in more.text) == (422, True)
    assert (await watching.client.get(f"{WATCHES}/{watch['id']}")).json()["positions"] == 10_000


def packets_base() -> int:
    return 3_300_100_000_000_015_000


def following(client: httpx.AsyncClient, path: str, **query: Any) -> Any:
    return following_alerts(client, path=f"{path}/stream", **query)


async def test_only_the_secret_deletes_a_watch(watching: Watching) -> None:
    watch = await watching.made({"cone": "1,1,1"})
    path, secret = f"{WATCHES}/{watch['id']}", watch["secret"]
    assert secret.startswith("mars_")
    assert "secret" not in (await watching.client.get(path)).json()
    admin = await asyncpg.connect(admin_url(watching.settings))
    kept = str(await admin.fetch("SELECT * FROM app.watch"))
    await admin.close()
    assert secret not in kept
    for wrong in ({}, {"Authorization": f"Bearer {secret}x"}, {"Authorization": secret}):
        assert (await watching.client.delete(path, headers=wrong)).status_code == 403
    right = {"Authorization": f"Bearer {secret}"}
    assert (await watching.client.delete(path, headers=right)).status_code == 204
    assert (await watching.client.get(path)).status_code == 404
    assert (await watching.client.delete(path, headers=right)).status_code == 404


@pytest.mark.parametrize(
    ("query", "body", "reason"),
    [
        ({}, "", "give at least one filter"),
        ({"since": "0"}, "", "give at least one filter"),
        ({"sort": "jd"}, "", "a stream is in the order"),
        ({"fields": "candid"}, "", "where the alerts of the watch are read"),
        ({"radius": "2"}, "ra,dec\n1,1", "at most 1 degree"),
        ({"radius": "0.1"}, "ra,dec,radius\n1,1,0.5\n1,1,1.5", "positions[1]: the radius must be"),
        ({}, "ra,dec\n1,1", "no radius"),
        ({}, "ra,dec,radius\n1,95,1", "positions[0]"),
        ({"radius": "0.1"}, "ra,dec\n" + "1,1\n" * 10_001, "more than 10,000 positions"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_cannot_be_watched_is_refused(
    watching: Watching, query: dict[str, str], body: str, reason: str
) -> None:
    headers = CSV if body else {}
    answer = await watching.client.post(WATCHES, params=query, content=body, headers=headers)
    assert answer.status_code == 422, answer.text
    assert reason in answer.text


async def test_a_client_has_so_many_and_a_server_without_a_database_none() -> None:
    async with fresh_archive() as settings:
        async with serving(settings) as client:
            asked = [client.post(WATCHES, params={"cone": "1,1,1"}) for _ in range(9)]
            statuses = [answer.status_code for answer in await asyncio.gather(*asked)]
            assert sorted(statuses) == [201] * 5 + [429] * 4
        bare = settings.model_copy(update={"app_database_url": SecretStr("")})
        async with serving(bare) as client:
            refused = await client.post(WATCHES, params={"cone": "1,1,1"})
            assert refused.status_code == 503
            assert "keeps no watches" in refused.text


async def test_what_nobody_reads_is_swept_and_the_oldest_hits_go(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, value in (
        (matching, "SWEEP_S", 0),
        (hits, "MAX_HITS", 5),
        (described, "MAX_HITS", 5),
        (hits, "EVERY", 1),
    ):
        monkeypatch.setattr(module, name, value)
    kept, gone = [await watching.made({"object_id": "ZTF26aaaaaaa"}) for _ in range(2)]
    await grow(watching.settings, 0, 3, object_id="ZTF26aaaaaaa")
    await watching.matched(kept)
    await grow(watching.settings, 3, 4, object_id="ZTF26aaaaaaa")
    assert (await watching.matched(kept))["hits"] == 5
    admin = await asyncpg.connect(admin_url(watching.settings))
    await admin.execute("UPDATE app.watch SET expires = now() WHERE id = $1", gone["id"])
    soon = "UPDATE app.watch SET expires = now() + interval '3 days' WHERE id = $1"
    await admin.execute(soon, kept["id"])
    assert (await watching.client.get(f"{WATCHES}/{gone['id']}")).status_code == 404
    assert (await watching.client.get(f"{WATCHES}/{kept['id']}")).status_code == 200
    days = "SELECT extract(day FROM expires - now()) FROM app.watch WHERE id = $1"
    assert await admin.fetchval(days, kept["id"]) > 300
    async with asyncio.timeout(HANGS_S):
        while await admin.fetchval("SELECT count(*) FROM app.watch") > 1:  # noqa: ASYNC110 - it is elsewhere
            await asyncio.sleep(0.05)
    await admin.close()


async def test_whoever_is_killed_each_hit_is_there_once() -> None:
    """Two processes that match: this one, and one that is killed again and again."""
    chance, batches, each = random.Random(20), 18, 4
    async with (
        fresh_archive() as settings,
        serving(settings.model_copy(update={"jobs_run": True})) as client,
    ):
        watching = Watching(client, settings)
        watches = [
            await watching.made({"object_id": packets.alert()["objectId"]}),
            await watching.made({"radius": "1"}, positions=f"ra,dec\n{one_place()}"),
        ]
        async with growing(settings) as take:
            for n in range(0, batches, 6):
                async with process(settings, free_port(), MARS_JOBS_RUN="true") as killed:
                    for m in range(6):
                        await take((n + m) * each, each)
                    await asyncio.sleep(chance.uniform(0, 0.5))
                    killed.send_signal(signal.SIGKILL)
                    await killed.wait()
            for watch in watches:
                await watching.matched(watch)
        # A hit that came twice would have broken the key; here are none too few.
        alerts = (await client.get("/api/v1/alerts", params={"limit": 1000})).json()["items"]
        assert len(alerts) == batches * each
        for watch in watches:
            found = await watching.hits(watch)
            assert [one["candid"] for one in found] == [one["candid"] for one in alerts]
        admin = await asyncpg.connect(admin_url(settings))
        assert await admin.fetchval("SELECT count(*) FROM app.hit") == 2 * len(alerts)
        await admin.close()


def one_place() -> str:
    """Where all alerts of `growing` are."""
    position = packets.alert()["candidate"]
    return f"{position['ra']},{position['dec']}"


async def change(
    watching: Watching, watch: dict[str, Any], query: dict[str, Any], positions: str = ""
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {watch['secret']}"} | (CSV if positions else {})
    path = f"{WATCHES}/{watch['id']}"
    return await watching.client.patch(
        path, params=query, content=positions or None, headers=headers
    )


async def test_a_changed_watch_keeps_what_it_found_and_goes_on(watching: Watching) -> None:
    watch = await watching.made({"object_id": "ZTF26aaaaaaa"})
    await grow(watching.settings, 0, 2, object_id="ZTF26aaaaaaa")
    await watching.matched(watch)
    told = await change(watching, watch, {"object_id": "ZTF26bbbbbbb"})
    assert (told.status_code, told.json()["query"]) == (200, "object_id=ZTF26bbbbbbb")
    assert (told.json()["upto"], told.json()["hits"]) == (2, 2)
    assert "secret" not in told.json()
    for n, name in enumerate(("ZTF26aaaaaaa", "ZTF26bbbbbbb")):
        await grow(watching.settings, 2 + n, 1, object_id=name)
    await watching.matched(watch)
    assert [one["object_id"][5] for one in await watching.hits(watch)] == ["b", "a", "a"]


async def test_filters_and_positions_are_changed_apart(watching: Watching) -> None:
    query = {"object_id": "ZTF26aaaaaaa", "radius": "1"}
    watch = await watching.made(query, f"ra,dec\n{one_place()}")
    away = (await change(watching, watch, {"radius": "1"}, "ra,dec\n10,80\n11,80")).json()
    assert (away["positions"], away["query"]) == (2, "object_id=ZTF26aaaaaaa")
    await grow(watching.settings, 0, 1, object_id="ZTF26aaaaaaa")
    assert (await watching.matched(watch))["hits"] == 0
    await change(watching, watch, {"radius": "0.5"}, f"ra,dec\n{one_place()}")
    other = (await change(watching, watch, {"object_id": "ZTF26bbbbbbb"})).json()
    assert (other["positions"], other["query"]) == (1, "object_id=ZTF26bbbbbbb")
    await grow(watching.settings, 1, 1, object_id="ZTF26aaaaaaa")
    await grow(watching.settings, 2, 1, object_id="ZTF26bbbbbbb")
    assert (await watching.matched(watch))["hits"] == 1
    admin = await asyncpg.connect(admin_url(watching.settings))
    assert await admin.fetchval("SELECT count(*) FROM app.watch_position") == 1
    await admin.close()


async def test_a_part_is_dropped_and_positions_are_added(watching: Watching) -> None:
    name, away, here = "ZTF26aaaaaaa", "ra,dec\n10,80\n11,80", f"ra,dec\n{one_place()}"
    watch = await watching.made({"object_id": "ZTF26bbbbbbb", "radius": "0.5"}, away)
    steps: list[tuple[dict[str, str], str, tuple[str, int]]] = [
        (
            {"extend": "true", "radius": "1"},
            f"ra,dec\n{one_place()}",
            ("object_id=ZTF26bbbbbbb", 3),
        ),
        ({"drop": "filters"}, "", ("", 3)),
        ({"object_id": name, "drop": "positions"}, "", (f"object_id={name}", 0)),
        ({"drop": "filters", "radius": "1"}, here, ("", 1)),
    ]
    for n, (query, body, wanted) in enumerate(steps):
        told = await change(watching, watch, query, body)
        assert told.status_code == 200, told.text
        assert (told.json()["query"], told.json()["positions"]) == wanted
        await grow(watching.settings, n, 1, object_id=name)
        # Only the first is found by none: its filter is of another object.
        assert (await watching.matched(watch))["hits"] == n
    admin = await asyncpg.connect(admin_url(watching.settings))
    assert await admin.fetchval("SELECT count(*) FROM app.watch_position") == 1
    await admin.close()


@pytest.mark.parametrize(
    ("query", "body", "status", "reason"),
    [
        ({"drop": "filters"}, "", 422, "would leave a watch of the whole archive"),
        ({"drop": "all"}, "", 422, "drop: must be filters or positions"),
        ({"drop": "filters", "cone": "2,2,2"}, "", 422, "cannot be combined"),
        ({"drop": "positions", "radius": "1"}, "ra,dec\n1,1", 422, "cannot be combined"),
        ({"extend": "true"}, "", 422, "adds positions: send them"),
        ({"extend": "maybe"}, "", 422, "must be true or false"),
        ({}, "", 422, "what is not given stays as it is"),
        ({"radius": "1"}, "", 422, "send them in the body"),
        ({"since": "0"}, "", 422, "goes on where it was"),
        ({"magpsf__lt": "x"}, "", 422, "magpsf__lt"),
        ({"radius": "0.1"}, "ra,dec\n" + "1,1\n" * 10_001, 422, "more than 10,000"),
        ({"radius": "0.1"}, "ra,dec\n" + "1,1\n" * 1_300_000, 413, "at most 5,000,000 bytes"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_cannot_be_changed_is_refused_and_stays(
    watching: Watching, query: dict[str, str], body: str, status: int, reason: str
) -> None:
    watch = await watching.made({"cone": "1,1,1"})
    answer = await change(watching, watch, query, body)
    assert (answer.status_code, reason in answer.text) == (status, True), answer.text
    stranger = await change(watching, watch | {"secret": "mars_x"}, query, body)
    assert stranger.status_code == 403
    kept = (await watching.client.get(f"{WATCHES}/{watch['id']}")).json()
    assert (kept["query"], kept["positions"]) == ("cone=1,1,1", 0)
