"""Batch matches against brute force, and every way to ask for them and to be refused."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import httpx
import numpy as np
import pyarrow.parquet
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import votable

from app.alerts.access.archive import Archive
from app.alerts.access.gate import Gate
from app.answers.formats import FORMATS
from app.match import crossmatch
from app.match.crossmatch import Matcher
from app.match.models import MatchList
from app.match.targets import Target
from app.search.regions import Cone
from app.search.search import Search
from archive.database import make_engine
from tests.app import sky
from tests.app.alerts.test_cones import CENTRES, all_alerts
from tests.app.conftest import Served
from tests.real_archive import Everything

MATCH = "/api/v1/match"
JSON = {"Content-Type": "application/json"}


async def ask(
    client: httpx.AsyncClient, positions: list[dict[str, Any]], **query: Any
) -> httpx.Response:
    return await client.post(MATCH, json={"positions": positions}, params=query)


async def items(client: httpx.AsyncClient, positions: Any, **query: Any) -> list[dict[str, Any]]:
    answer = await ask(client, positions, **query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def brute(
    candids: list[str], sky_coord: SkyCoord, ra: float, dec: float, radius: float
) -> list[tuple[str, float]]:
    """Candid and separation [arcsec] of what lies within the radius, nearest first."""
    apart = SkyCoord(ra, dec, unit="deg").separation(sky_coord).arcsec
    inside = [(c, a) for c, a in zip(candids, apart, strict=True) if a < radius * 3600]
    return sorted(inside, key=lambda pair: pair[1])


def same(found: Iterable[dict[str, Any]], expected: list[tuple[str, float]]) -> int:
    """Assert that both hold the same alerts in the order of their separations; how many."""
    matches = list(found)
    assert {m["candid"] for m in matches} == {c for c, _ in expected}
    assert len(matches) == len(expected)
    apart = [m["separation_arcsec"] for m in matches]
    assert apart == sorted(apart)
    assert np.allclose(apart, [a for _, a in expected], rtol=1e-9, atol=1e-7)
    return len(matches)


async def test_equals_brute_force_at_poles_and_across_ra_0(served: Served) -> None:
    candids, positions = all_alerts()
    places = [*CENTRES, *((ra, dec) for _, ra, dec in sky.positions()[::7])]
    asked: list[dict[str, Any]] = [
        {"id": f"p{n}", "ra": ra, "dec": dec, "radius": (2 / 3600, 1 / 60, 1.0, 9.5)[n % 4]}
        for n, (ra, dec) in enumerate(places * 4)
    ]
    found = await items(served.client, asked, limit=1000, fields="candid")
    assert [(one["index"], one["id"]) for one in found] == [(n, f"p{n}") for n in range(len(asked))]
    hits = 0
    for one, want in zip(found, asked, strict=True):
        expected = brute(candids, positions, want["ra"] % 360, want["dec"], want["radius"])
        hits += same(one["matches"], expected)
        assert one["truncated"] is False
    assert hits > 1000


@pytest.mark.parametrize("radius", [1.5 / 3600, 0.05])
async def test_equals_brute_force_on_every_real_packet(
    everything: Everything, radius: float
) -> None:
    packets = [public.record["candidate"] for public in everything.packets.values()]
    positions = SkyCoord([p["ra"] for p in packets], [p["dec"] for p in packets], unit="deg")
    candids = [str(p["candid"]) for p in packets]
    asked = [{"ra": p["ra"] + 1e-5, "dec": p["dec"], "radius": radius} for p in packets]
    found = await items(everything.client, asked, limit=1000, fields="candid")
    hits = sum(
        same(one["matches"], brute(candids, positions, want["ra"], want["dec"], radius))
        for one, want in zip(found, asked, strict=True)
    )
    assert hits >= len(packets)


async def test_whole_alerts_are_those_of_the_list(served: Served) -> None:
    answer = await ask(served.client, [{"id": "x", "ra": 100.0, "dec": -20.0, "radius": '1"'}])
    body = MatchList.model_validate(answer.json())
    assert body.as_of == 2
    (one,) = answer.json()["items"]
    listed = (await served.alerts({"cone": '100,-20,1"', "sort": "candid"}))["items"]
    assert len(listed) == 3
    assert [{k: v for k, v in m.items() if k != "separation_arcsec"} for m in one["matches"]] == (
        listed
    )


async def test_the_nearest_come_first_and_the_rest_is_said(served: Served) -> None:
    full, cut, none = await items(
        served.client,
        [
            {"ra": 150.0, "dec": 30.0, "radius": 2},
            {"ra": 150.0, "dec": 30.0, "radius": 0.2},
            {"ra": 250.0, "dec": 30.0, "radius": 2},
        ],
        limit=5,
        fields="candid",
    )
    everyone = await items(served.client, [{"ra": 150.0, "dec": 30.0, "radius": 2}], limit=1000)
    nearest = [m["candid"] for m in everyone[0]["matches"][:5]]
    assert [m["candid"] for m in full["matches"]] == nearest
    assert (full["truncated"], cut["truncated"], none["truncated"]) == (True, False, False)
    assert none["matches"] == []
    exact = await ask(served.client, [{"ra": 100, "dec": -20, "radius": 0.01}], limit=3)
    assert (exact.json()["truncated"], len(exact.json()["items"][0]["matches"])) == (False, 3)
    assert (await ask(served.client, [{"ra": 100, "dec": -20, "radius": 0.01}], limit=2)).json()[
        "truncated"
    ] is True


async def test_filters_and_as_of(served: Served) -> None:
    near = [{"ra": 100.0, "dec": -20.0, "radius": 0.01}, {"ra": 0.0, "dec": 90.0, "radius": 2}]
    first = await items(served.client, near, as_of=1, fields="candid")
    assert {m["candid"] for m in first[0]["matches"]} == {str(sky.FIRST), str(sky.SECOND)}
    for query in ({"magpsf__lte": 16.5}, {"object_id": sky.OBJECT}, {"where": "rb__isnull:true"}):
        found = await items(served.client, near, limit=1000, **query)
        for place, one in zip(near, found, strict=True):
            cone = f"{place['ra']},{place['dec']},{place['radius']}"
            listed = await served.candids({"cone": cone, "limit": 1000, **query})
            assert {m["candid"] for m in one["matches"]} == set(listed)
    assert (await ask(served.client, near, as_of=99)).status_code == 422


async def test_tables_hold_a_row_for_each_match(served: Served) -> None:
    asked = [
        {"id": 'a,"b', "ra": 100.0, "dec": -20.0, "radius": 0.01},
        {"id": "none", "ra": 250.0, "dec": 30.0, "radius": 1},
        {"id": "pole", "ra": 0.0, "dec": 90.0, "radius": 2},
    ]
    query = {"fields": "candid,magpsf,isdiffpos", "limit": 7}
    expected = [
        (one["index"], one["id"], m["candid"], m["separation_arcsec"], one["truncated"])
        for one in await items(served.client, asked, **query)
        for m in one["matches"]
    ]
    text = (await ask(served.client, asked, format="csv", **query)).text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [
        (int(r["index"]), r["id"], r["candid"], float(r["separation_arcsec"]), r["truncated"])
        for r in rows
    ] == [(*row[:4], str(row[4]).lower()) for row in expected]
    data = (await ask(served.client, asked, format="parquet", **query)).content
    table = pyarrow.parquet.read_table(io.BytesIO(data))
    names = ("index", "id", "candid", "separation_arcsec", "truncated")
    assert [
        (i, name, str(candid), apart, cut)
        for i, name, candid, apart, cut in zip(
            *(table[name].to_pylist() for name in names), strict=True
        )
    ] == expected
    xml = (await ask(served.client, asked, format="votable", **query)).content
    read = votable.parse_single_table(io.BytesIO(xml), verify="exception").to_table()
    assert [float(x) for x in read["separation_arcsec"]] == [row[3] for row in expected]
    lines = (await ask(served.client, asked, format="jsonl", **query)).text.splitlines()
    parsed = [json.loads(line) for line in lines]
    assert [p["id"] for p in parsed] == ['a,"b', "none", "pole"]
    assert {p["as_of"] for p in parsed} == {2}
    # What was written is taken back in.
    again = await served.client.post(
        f"{MATCH}?radius=2d&fields=candid",
        content=b"id,ra,dec\n" + b"x,100,-20\n" * 3,
        headers={"Content-Type": "text/csv; charset=utf-8", "Accept": "application/x-ndjson"},
    )
    assert len(again.text.splitlines()) == 3


async def test_ten_thousand_take_one_statement_for_hundreds(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    fetch = Archive.fetch

    async def counted(self: Archive, statement: Any, **values: Any) -> Any:
        if self.engine is engine:  # others look at the newest alerts meanwhile
            asked.append(statement.sql)
        return await fetch(self, statement, **values)

    monkeypatch.setattr(Archive, "fetch", counted)
    engine = make_engine(served.settings, "test", 1)
    matcher = Matcher(Archive(engine, 4, 5, Gate(engine, 1)))
    rng = np.random.default_rng(3)
    targets = [
        Target(n, str(n), Cone(float(ra), float(dec), 1e-4))
        for n, (ra, dec) in enumerate(
            zip(rng.uniform(0, 360, 10_000), rng.uniform(-90, 90, 10_000), strict=True)
        )
    ]
    try:
        found = [one async for p in matcher.pieces(targets, Search(), 2) for one in p.found]
    finally:
        await engine.dispose()
    assert [one.target for one in found] == targets
    assert len(asked) <= 10_000 / crossmatch.CHUNK + 1


def test_chunks_bound_rows_and_area() -> None:
    small = [Target(n, "", Cone(0, 0, 0.001)) for n in range(1000)]
    sizes = [len(chunk) for chunk in crossmatch.split_in_chunks(small, 1000)]
    assert sum(sizes) == 1000
    assert max(sizes) * 1001 <= 50_000
    wide = [Target(n, "", Cone(0, 0, 9.0)) for n in range(5)] + small[:10]
    assert [len(chunk) for chunk in crossmatch.split_in_chunks(wide, 10)] == [1, 1, 1, 1, 11]


POSITION: dict[str, Any] = {"ra": 1.0, "dec": 2.0, "radius": 0.1}
WRONG_QUERIES = [
    ({"cone": "1,2,3"}, "cone"),
    ({"sort": "jd"}, "sort"),
    ({"cursor": "x"}, "cursor"),
    ({"limit": 1001}, "limit"),
    ({"limit": 5000, "format": "csv"}, "limit"),
    ({"radius": "11"}, "radius"),
    ({"radius": ["1", "2"]}, "radius"),
    ({"magspf__lte": 19}, "magspf__lte"),
    ({"fields": "candid,nonsense"}, "fields"),
    ({"format": "fits"}, "format"),
]


@pytest.mark.parametrize(("query", "name"), WRONG_QUERIES)
async def test_a_wrong_query_is_named(served: Served, query: dict[str, Any], name: str) -> None:
    answer = await ask(served.client, [POSITION], **query)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [e["parameter"] for e in answer.json()["errors"]] == [name]


async def test_bad_positions_are_refused_all_at_once(served: Served) -> None:
    bad: list[dict[str, Any]] = [
        POSITION,
        POSITION | {"id": "x", "ra": 400},
        {"ra": 1, "dec": 2},
        {"id": "z"},
    ]
    answer = await ask(served.client, bad)
    assert answer.status_code == 422
    told = [(e["parameter"], e["reason"]) for e in answer.json()["errors"]]
    assert [where for where, _ in told] == [f"positions[{n}]" for n in (1, 2, 3)]
    assert told[0][1].startswith("id 'x': ra must be between")
    assert "no radius" in told[1][1]
    none = await ask(served.client, [])
    assert (none.status_code, none.json()["errors"][0]["parameter"]) == (422, "positions")
    many = await ask(served.client, [POSITION] * 10_001)
    assert many.status_code == 422
    assert "/api/v1/match/jobs" in many.json()["detail"]


HOSTILE: list[tuple[str, bytes, int]] = [
    ("application/json", b'{"positions": [{"ra": 1', 400),
    ("application/json", b"\x00\xff" * 1000, 400),
    ("application/json", b"[" * 200_000, 400),
    ("application/json", b"[" + b'{"a":' * 200_000, 400),
    ("application/json", b'[{"ra": 1e999, "dec": 1}]', 422),
    ("application/json", b'[{"ra": ' + b"9" * 4000 + b', "dec": 1}]', 422),
    ("application/json", b"[" + b" " * 5_000_001, 413),
    ("text/csv", b"ra,dec\n" + b"\n" * 5_000_000, 413),
    ("text/csv", b"ra,dec\n" + b'"' * 5000, 400),
    ("application/x-votable+xml", b"<a>" * 100_000, 400),
    ("text/xml", b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>', 400),
    ("application/yaml", b"a: 1", 415),
    ("", b"", 415),
]


@pytest.mark.parametrize(("kind", "body", "status"), HOSTILE)
async def test_hostile_bodies(served: Served, kind: str, body: bytes, status: int) -> None:
    for address in (MATCH, f"{MATCH}/jobs"):
        answer = await served.client.post(
            f"{address}?radius=1", content=body, headers={"Content-Type": kind}
        )
        if address == MATCH or status != 413:
            assert answer.status_code == status, answer.text[:300]
            assert answer.json()["status"] == status
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_browser_may_ask(served: Served) -> None:
    asks = {
        "Origin": "https://example.org",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    answer = await served.client.options(MATCH, headers=asks)
    assert answer.status_code == 200
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_clients_that_go_away_leave_no_connection_behind(served: Served) -> None:
    body = json.dumps([{"ra": 150.0, "dec": 30.0, "radius": 3.0}] * 2000)
    for _ in range(12):
        async with served.client.stream("POST", MATCH, content=body, headers=JSON) as answer:
            await anext(answer.aiter_raw())
    async with asyncio.timeout(30):
        while (  # noqa: ASYNC110 - it is asked over HTTP
            "mars_database_connections_in_use 0.0" not in (await served.client.get("/metrics")).text
        ):
            await asyncio.sleep(0.05)
    assert len(await items(served.client, [POSITION])) == 1


async def test_a_client_has_only_so_many_under_way(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, gate, begun_by = asyncio.Semaphore(0), asyncio.Event(), Matcher.begun_by

    @contextmanager
    def noted(self: Matcher, client: str) -> Iterator[None]:
        with begun_by(self, client):
            begun.release()
            yield

    monkeypatch.setattr(Matcher, "begun_by", noted)

    async def slow() -> AsyncIterator[bytes]:
        yield b"ra,dec"
        await gate.wait()
        yield b"\n1,2\n"

    def post(content: Any) -> Awaitable[httpx.Response]:
        kind = {"Content-Type": "text/csv"}
        return served.client.post(f"{MATCH}?radius=1", content=content, headers=kind)

    many = [asyncio.ensure_future(post(slow())) for _ in range(crossmatch.MAX_OF_CLIENT)]
    for _ in many:
        await begun.acquire()
    refused = await post(b"ra,dec\n1,2")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    gate.set()
    assert {(await one).status_code for one in many} == {200}
    assert (await post(b"ra,dec\n1,2")).status_code == 200


async def test_what_breaks_in_mid_stream_never_looks_whole(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    pick, calls = crossmatch._pick, 0

    async def failing(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 2:
            raise asyncpg.ConnectionDoesNotExistError
        return await pick(*args)

    monkeypatch.setattr(crossmatch, "_pick", failing)
    for query in ({}, {"format": "csv"}):
        calls = 0
        with pytest.raises(httpx.RemoteProtocolError):
            await ask(served.client, [POSITION] * 2000, **query)
    calls = 3
    answer = await ask(served.client, [POSITION])
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize("name", ["csv", "votable"])
async def test_our_own_tables_are_read_back(served: Served, name: str) -> None:
    table = await served.client.get("/api/v1/alerts", params={"format": name, "limit": 200})
    kind = {"Content-Type": table.headers["content-type"]}
    query = {"radius": '0.1"', "fields": "candid", "limit": "1000"}
    answer = await served.client.post(MATCH, content=table.content, headers=kind, params=query)
    assert answer.status_code == 200, answer.text
    found = answer.json()["items"]
    assert len(found) == 200
    assert all(one["id"] in {m["candid"] for m in one["matches"]} for one in found)


@pytest.mark.parametrize("name", FORMATS)
async def test_an_id_comes_back_whatever_it_holds(served: Served, name: str) -> None:
    hard = 'a,"b"\r\n#\t\x01 é\u2028'
    position = {"id": hard, "ra": 100.0, "dec": -20.0, "radius": '1"'}
    answer = await ask(served.client, [position], format=name, fields="candid")
    assert answer.status_code == 200, answer.text
    if name == "json":
        assert answer.json()["items"][0]["id"] == hard.strip()
    if name == "csv":
        rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
        assert {row["id"] for row in rows} == {hard.strip()}
