"""Regions in the columnar copy, against mocpy's own test of every alert."""

from collections.abc import AsyncIterator

import httpx
import orjson
import pytest
from mocpy import MOC

from tests.app.columns.copied import Copied
from tests.app.columns.test_answers import waiting_for_the_copy
from tests.app.conftest import serving
from tests.app.regions.moc import disc, holds, send
from tests.app.regions.skymaps import bytes_of, skymap

ALERTS = "/api/v1/alerts"


@pytest.fixture(scope="module")
async def ours(copied: Copied) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(copied.settings) as client:
        await waiting_for_the_copy(client)
        yield client


async def all_places(client: httpx.AsyncClient, as_of: str = "") -> dict[str, tuple[float, float]]:
    query = {"format": "jsonl", "limit": "1000000", "fields": "candid,ra,dec", "as_of": as_of}
    answer = await client.get(ALERTS, params=query)
    lines = [line for line in answer.text.splitlines() if "candid" in line]
    rows = [orjson.loads(line) for line in lines]
    return {row["candid"]: (row["ra"], row["dec"]) for row in rows}


def wide() -> MOC:
    """A map of some 500 square degrees, cut at its credible level."""
    return MOC.from_string("4/0-30 2000-2025 5/9000-9100 8/700000-700200") + disc(0, 89, 6)


@pytest.mark.parametrize("sort", ["-jd", "magpsf", "-candid"])
async def test_equals_mocpy_row_by_row(ours: httpx.AsyncClient, copied: Copied, sort: str) -> None:
    moc, places = wide(), await all_places(ours)
    assert len(places) > copied.copy.rows > 0
    inside = {c for c, hit in zip(places, holds(moc, list(places.values())), strict=True) if hit}
    query = {"region": await send(ours, moc), "sort": sort, "limit": "200", "count": "exact"}
    told = (await ours.get(ALERTS, params=query | {"explain": "true"})).json()
    assert told["explain"]["way"] == "columns"
    assert told["count"] == len(inside) > 100
    found: list[str] = []
    page = told
    while True:
        found += [item["candid"] for item in page["items"]]
        if page["next"] is None:
            break
        page = (await ours.get(ALERTS, params=query | {"cursor": page["next"]})).json()
    assert len(found) == len(inside)
    assert set(found) == inside


async def test_a_file_of_a_skymaps_alerts(ours: httpx.AsyncClient) -> None:
    """By the copy's own rows, in bulk, and by filters beside the region."""
    data = bytes_of(skymap(200.0, 20.0, 7.0))
    answer = await ours.post("/api/v1/regions", content=data)
    told = answer.json()
    assert told["area_deg2"] > 400
    moc = MOC.from_string((await ours.get(told["links"]["moc_txt"])).text)
    places = await all_places(ours)
    inside = {c for c, hit in zip(places, holds(moc, list(places.values())), strict=True) if hit}
    query = {"region": told["id"], "format": "csv", "limit": "100000", "fields": "candid"}
    for more in ({}, {"sort": "magpsf"}):
        lines = (await ours.get(ALERTS, params=query | more)).text.splitlines()
        assert {line for line in lines if line.isdecimal()} == inside != set()
    bright = {"magpsf__lt": "18"}
    both = (await ours.get(ALERTS, params=query | bright)).text.splitlines()
    alone = (await ours.get(ALERTS, params={**query, **bright, "region": ""})).text.splitlines()
    assert {line for line in both if line.isdecimal()} == inside & {*alone}
