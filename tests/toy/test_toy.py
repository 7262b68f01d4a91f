"""That a new survey is a folder: the toy is taken in, searched, paged, matched and exported."""

import io
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import numpy as np
import orjson
import pyarrow.parquet
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.io.votable import parse_single_table
from fastapi import FastAPI, Request, Response

from app.alerts.access.archive import Archive, open_archive
from app.alerts.asking.counting import Tally, tally
from app.alerts.asking.paging import page_of
from app.alerts.asking.searching import count_alerts, find_alerts
from app.alerts.output.exports import send_alerts
from app.alerts.output.fragments import Fragments
from app.alerts.output.items import alert_items
from app.errors import BadParameters
from app.match.crossmatch import Matcher
from app.match.targets import Target
from app.search.regions import Cone
from app.search.search import Search, parse_search
from app.search.windows import check_sort
from archive.errors import MarsError
from archive.surveys.ztf import ZTF
from archive.tables import conflict, ledger, reject
from consumer.batches import ingest
from consumer.batches.sorting import Raw
from consumer.checks.verify import verify
from tests.app.conftest import NIGHT, app_settings
from tests.conftest import Place, new_place, opened, url_of
from tests.consumer.archives import rows_of
from tests.packets import packet
from tests.toy.survey import TOY, TOY_INTAKE, TOY_VOCABULARY

API = "http://toy.test/api"


def made(n: int, rng: random.Random) -> dict[str, Any]:
    """An alert near the pole, so that cones go round it; every seventh without a magnitude."""
    return {
        "id": 2**60 + n,
        "object": f"T{n // 3}",
        "jd": 2461000.5 + n / 100,
        "ra": rng.uniform(0, 360),
        "dec": 90 - rng.uniform(0, 2),
        "mag": 99.0 if n % 7 == 0 else round(rng.uniform(15, 22), 3),
        "visits": n,
        "rising": n % 2 == 0,
        "note": f"n. {n}",
        "band": "uy"[n % 2],
        "unheard": "of",
    }


SENT = [made(n, random.Random(n)) for n in range(60)]


def message(fields: dict[str, Any], image: bytes = b"\x1f\x8bimage") -> bytes:
    return json.dumps(fields).encode() + b"\n" + image


@dataclass
class Toy:
    place: Place
    archive: Archive
    consumer: ingest.Archive


@pytest.fixture(scope="module")
async def toy(template: str) -> AsyncIterator[Toy]:
    """Sixty alerts of the toy, one again, one other under a known id, one private, one damaged."""
    messages = [message(fields) for fields in SENT]
    messages += [messages[0], message(SENT[1] | {"mag": 1.0}), message(SENT[2] | {"private": True})]
    messages += [b"no toy"]
    async with new_place(template) as place:
        owner = await asyncpg.connect(url_of("owner", place.database).replace("+asyncpg", ""))
        await owner.execute(Path(__file__).with_name("schema.sql").read_text())
        await owner.close()
        async with opened(place) as both, open_archive(app_settings(place)) as archive:
            ours = both._replace(intake=TOY_INTAKE)
            for first in range(0, len(messages), 25):
                raws = [
                    Raw("toy", 0, first + n, "", NIGHT, data)
                    for n, data in enumerate(messages[first : first + 25])
                ]
                await ingest.ingest(ours, "stream", ingest.Batch(raws))
            # Another survey beside it, in the same ledger.
            beside = Raw("ztf", 0, 0, "", NIGHT, packet(candid=2**60))
            await ingest.ingest(both, "stream", ingest.Batch([beside]))
            yield Toy(place, archive, ours)


def asked(**parameters: str) -> Search:
    return parse_search(parameters.items(), vocabulary=TOY_VOCABULARY)


async def found(toy: Toy, **parameters: str) -> list[int]:
    _, rows = await find_alerts(toy.archive, asked(**parameters))
    return [row["id"] for row in rows]


async def test_what_comes_in_adds_up_and_is_sound(toy: Toy) -> None:
    lines = [row for row in await rows_of(toy.consumer, ledger) if row.source == "toy"]
    counts = ("received", "stored", "duplicate", "private", "rejected")
    totals = [sum(getattr(row, name) for row in lines) for name in counts]
    assert totals == [64, 60, 1 + 1, 1, 1]
    (damaged,) = await rows_of(toy.consumer, reject)
    assert damaged.reason.startswith("not the toy's")
    assert len(await rows_of(toy.consumer, conflict)) == 1
    verdict = await verify(toy.consumer, surveys=(ZTF, TOY))
    assert (verdict.faults, verdict.unknown, verdict.checked["alerts"]) == ([], [], 61)
    # Alone it has no histories, and the ledger speaks of more than its alerts.
    alone = (await verify(toy.consumer, surveys=(TOY,))).faults
    assert len(alone) == 1
    assert "1 stored by the ledger, but there are 0" in alone[0]


async def test_a_cone_and_filters_find_what_brute_force_finds(toy: Toy) -> None:
    sky = SkyCoord([s["ra"] for s in SENT] * units.deg, [s["dec"] for s in SENT] * units.deg)
    near = sky.separation(SkyCoord(120 * units.deg, 89.5 * units.deg)).deg < 1
    wanted = [s["id"] for s, inside in zip(SENT, near, strict=True) if inside]
    assert sorted(await found(toy, cone="120,89.5,1", limit="1000")) == wanted != []
    bright = [s["id"] for s in SENT if s["mag"] <= 18 and s["band"] == "u"]
    assert sorted(await found(toy, mag__lte="18", filter="u")) == bright != []
    both = sorted({*wanted} & {*bright})
    assert sorted(await found(toy, cone="120,89.5,1", mag__lte="18", filter="u")) == both
    assert await found(toy, object_id="T3", where="visits__gt:9") == [2**60 + 11, 2**60 + 10]
    assert await count_alerts(toy.archive, asked(mag__isnull="true")) == 9
    assert await tally(toy.archive, asked(), 5, True, exact=True) == Tally(60, "exact")
    # The toy's table has no alert of ZTF's, and ZTF's none of the toy's.
    _, rows = await find_alerts(toy.archive, parse_search([]))
    assert [row["candid"] for row in rows] == [2**60]


@pytest.mark.parametrize("sort", ["-jd", "id", "object_id", "-lco_id"])
async def test_pages_lead_through_all_and_back(toy: Toy, sort: str) -> None:
    there, pages = [], []
    search = asked(sort=sort, limit="7")
    while True:
        page = page_of(search, *await find_alerts(toy.archive, search))
        there += [row["id"] for row in page.rows]
        pages.append([row["id"] for row in page.rows])
        if page.next is None:
            break
        search = asked(sort=sort, limit="7", cursor=page.next)
    assert sorted(there) == [s["id"] for s in SENT]
    assert page.prev is not None
    search = asked(sort=sort, limit="7", cursor=page.prev)
    back = page_of(search, *await find_alerts(toy.archive, search))
    assert [row["id"] for row in back.rows] == pages[-2]
    with pytest.raises(BadParameters, match="belongs to another search"):
        parse_search([("limit", "7"), ("cursor", page.prev)])


async def test_an_alert_has_the_keys_and_links_of_its_survey(toy: Toy) -> None:
    _, rows = await find_alerts(toy.archive, asked(visits="4"))
    (item,) = alert_items(rows, API, TOY_VOCABULARY)
    sent = SENT[4]
    assert tuple(item) == TOY_VOCABULARY.keys
    kept = Fragments(partial(alert_items, vocabulary=TOY_VOCABULARY), API, TOY.key)
    for _ in range(2):
        assert orjson.loads(orjson.dumps(kept.of(rows))) == [item]
    assert (item["id"], item["object_id"], item["filter"]) == (str(sent["id"]), "T1", "u")
    assert {
        name: item[name] for name in ("jd", "ra", "dec", "mag", "visits", "rising", "note")
    } == {name: sent[name] for name in ("jd", "ra", "dec", "mag", "visits", "rising", "note")}
    galactic = SkyCoord(sent["ra"] * units.deg, sent["dec"] * units.deg).galactic
    assert np.allclose((item["l"], item["b"]), (galactic.l.deg, galactic.b.deg), atol=1e-9)
    own = f"{API}/alerts/{sent['id']}"
    assert item["links"] == {
        "self": own,
        "object": f"{API}/objects/T1",
        "avro": f"{own}/avro",
        "thumbnail": f"{own}/cutouts/thumbnail.fits",
    }


def test_errors_speak_of_its_own_fields() -> None:
    with pytest.raises(BadParameters, match="did you mean 'mag__lte'"):
        asked(mags__lte="18")
    with pytest.raises(BadParameters, match="'g' is not one of u, y; an example is u"):
        asked(filter="g")
    with pytest.raises(BadParameters, match="sorting by jd, id, object_id, lco_id does not"):
        check_sort(asked(sort="mag"))


async def test_positions_are_matched_with_it(toy: Toy) -> None:
    targets = [Target(n, str(n), Cone(s["ra"], s["dec"], 1e-4)) for n, s in enumerate(SENT)]
    pieces = Matcher(toy.archive).pieces(targets, asked(limit="5"), 10)
    matched = [one async for piece in pieces for one in piece.found]
    assert [one.matches[0][0] for one in matched] == [s["id"] for s in SENT]


@pytest.fixture
async def client(toy: Toy) -> AsyncIterator[httpx.AsyncClient]:
    """A route of the toy's own, as its folder would bring it."""
    app = FastAPI()
    app.state.settings = app_settings(toy.place)

    @app.get("/toy")
    async def list_toys(request: Request) -> Response:
        given = request.query_params.multi_items()
        return await send_alerts(
            request, toy.archive, parse_search(given, vocabulary=TOY_VOCABULARY), {}
        )

    @app.exception_handler(MarsError)
    async def tell(_: Request, error: Exception) -> Response:
        return Response(str(error), 422)

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://toy.test") as client:
        yield client


async def test_it_is_exported_in_every_format(client: httpx.AsyncClient) -> None:
    asked_for = {"limit": "5000", "fields": "id,object_id,mag,time,links", "sort": "id"}
    csv = (await client.get("/toy", params=asked_for | {"format": "csv"})).text
    head, *lines = csv.split("\r\n")[:-1]
    links = "links_self,links_object,links_avro,links_thumbnail"
    assert head == f"id,object_id,mag,time,{links}"
    assert [int(line.partition(",")[0]) for line in lines] == [s["id"] for s in SENT]
    jsonl = (await client.get("/toy", params=asked_for | {"format": "jsonl"})).text.splitlines()
    items = [json.loads(line) for line in jsonl]
    assert [i["mag"] for i in items] == [None if s["mag"] == 99 else s["mag"] for s in SENT]
    parquet = (await client.get("/toy", params=asked_for | {"format": "parquet"})).content
    table = pyarrow.parquet.read_table(io.BytesIO(parquet))
    assert table["id"].to_pylist() == [s["id"] for s in SENT]
    votable = (await client.get("/toy", params=asked_for | {"format": "votable"})).content
    assert list(parse_single_table(io.BytesIO(votable)).array["id"]) == [s["id"] for s in SENT]
    refused = await client.get("/toy", params={"format": "csv", "candid": "1"})
    assert (refused.status_code, "candid" in refused.text) == (422, True)


async def test_its_bytes_are_one_range_of_a_bundle(toy: Toy) -> None:
    owner = await asyncpg.connect(url_of("reader", toy.place.database).replace("+asyncpg", ""))
    rows = await owner.fetch("SELECT * FROM toy JOIN bundle ON bundle.id = toy.bundle LIMIT 9")
    await owner.close()
    for row in rows:
        assert row["key"].startswith("toy/")
        got = await toy.consumer.store.get(
            row["key"], row["thumbnail_offset"], row["thumbnail_length"]
        )
        assert got == b"\x1f\x8bimage"
