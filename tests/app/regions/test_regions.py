"""Regions sent in each spelling and way, told, kept and refused."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from cdshealpix.nested import vertices_skycoord
from hypothesis import given
from hypothesis import strategies as st
from mocpy import MOC
from pydantic import SecretStr
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import create_async_engine

from app import schema
from app.errors import NotFound, RequestError, WrongSecret
from app.regions.covering import circles_around, enclosing_cells
from app.regions.kept import Regions, open_regions
from app.regions.models import NewRegion
from app.regions.reading import MAX_CELLS, MAX_RANGES, read_region
from app.regions.writing import SPELLINGS, MocSuffix
from tests.app.conftest import Served, fresh_archive, serving
from tests.app.regions.moc import REGIONS, disc, send
from tests.app.regions.skymaps import bytes_of, skymap

MOC_TEXT = "5/1000-1002 6/8000"
SKY = skymap(150.0, 30.0, 8.0)


def as_fits(moc: MOC) -> bytes:
    return SPELLINGS[MocSuffix.FITS].write(moc)


WAYS: dict[str, dict[str, Any]] = {
    "text": {"content": MOC_TEXT, "headers": {"Content-Type": "text/plain"}},
    "json": {"json": {"5": [1000, 1001, 1002], "6": [8000]}},
    "fits": {
        "content": as_fits(MOC.from_string(MOC_TEXT)),
        "headers": {"Content-Type": "application/fits"},
    },
    "no type": {"content": MOC_TEXT},
    "commas": {"content": "5/1000,1001-1002 6/8000"},
    "a file": {"files": {"file": ("a.fits", as_fits(MOC.from_string(MOC_TEXT)))}},
    "a text of a form": {"data": {"moc": MOC_TEXT}, "files": {"file": ("", b"")}},
}


@pytest.mark.parametrize("way", WAYS)
async def test_each_way_gives_the_same_region(served: Served, way: str) -> None:
    answer = await served.client.post(REGIONS, **WAYS[way])
    assert answer.status_code == 201, answer.text
    told = NewRegion.model_validate(answer.json())
    assert answer.headers["location"] == told.links.self
    assert answer.headers["cache-control"] == "no-store"
    assert (told.cells, told.max_order, told.credible_level) == (4, 6, None)
    assert told.area_deg2 == pytest.approx(MOC.from_string(MOC_TEXT).sky_fraction * 41252.96125)
    again = await served.client.get(told.links.self)
    assert again.json() | {"expires": "", "secret": told.secret} == answer.json() | {"expires": ""}
    assert (await served.client.get(told.links.alerts)).status_code == 200


@pytest.mark.parametrize("suffix", list(MocSuffix))
async def test_its_moc_comes_back_in_each_spelling(served: Served, suffix: MocSuffix) -> None:
    moc = disc(10.0, -89.0, 3.0, 10)
    region = await send(served.client, moc)
    answer = await served.client.get(f"{REGIONS}/{region}/moc.{suffix}")
    assert answer.headers["content-type"] == SPELLINGS[suffix].media_type
    assert read_region(answer.content).moc == moc
    if suffix is MocSuffix.FITS:
        with fits.open(io.BytesIO(answer.content)) as file:
            file.verify("exception")


@pytest.mark.parametrize("level", [None, 0.5, 0.9, 0.99])
async def test_a_skymap_is_cut_at_its_level(served: Served, level: float | None) -> None:
    params = {} if level is None else {"credible_level": level}
    answer = await served.client.post(REGIONS, content=bytes_of(SKY), params=params)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert told["credible_level"] == (level or 0.9)
    moc = MOC.from_string((await served.client.get(told["links"]["moc_txt"])).text)
    inside = np.isin(np.array(SKY["UNIQ"]), moc.uniq_hpx) | _within(moc, SKY)
    weights = np.array(SKY["PROBDENSITY"]) * np.pi / 3 / 4.0 ** _orders(SKY)
    own = weights[inside].sum()
    # At least the level, and without its faintest cell less.
    assert own >= told["credible_level"] > own - weights[inside].max()
    assert np.array(SKY["PROBDENSITY"])[inside].min() >= np.array(SKY["PROBDENSITY"])[~inside].max()


def _orders(sky: Table) -> np.ndarray:
    orders: np.ndarray = np.log2(np.array(sky["UNIQ"]) // 4).astype(int) // 2
    return orders


def _within(moc: MOC, sky: Table) -> np.ndarray:
    """Whether each cell of a map lies in a MOC."""
    uniq, order = np.array(sky["UNIQ"]), _orders(sky)
    low = (uniq - 4 ** (order + 1)) << 2 * (29 - order)
    ranges = moc.to_depth29_ranges.astype(np.int64)
    place = np.searchsorted(ranges[:, 0], low, "right") - 1
    inside: np.ndarray = (place >= 0) & (low < ranges[place, 1])
    return inside


def test_a_skymap_is_cut_as_mocpy_cuts_its_file(tmp_path: Any) -> None:
    path = tmp_path / "map.fits"
    path.write_bytes(bytes_of(SKY))
    own = MOC.from_multiordermap_fits_file(path, cumul_to=0.9, strict=False)
    assert read_region(bytes_of(SKY), 0.9).moc == own


def flat() -> Table:
    return Table({"PROB": np.full(12, 1 / 12)})


def changed(**columns: Any) -> bytes:
    table = SKY.copy()
    for name, value in columns.items():
        table[name] = value
    return bytes_of(table)


BAD: dict[str, tuple[bytes, str]] = {
    "nothing": (b" ", "the body is empty"),
    "no MOC": (b"hello", "this is no MOC"),
    "no ASCII": ("5/é".encode(), "this is no MOC"),
    "too deep": (b"30/1", "a cell that does not exist"),
    "beyond the sky": (b"5/12288", "a cell that does not exist"),
    "overlapping": (b"5/1 6/4", "this is no MOC"),
    "no cell": (b"5/", "the region is empty"),
    "JSON of something else": (b'{"a": [1]}', "'a' is no order"),
    "a list": (b"[1]", "this is no MOC"),
    "no order": (b'{"6": [21000], "30": [1]}', "'30' is no order: 0 to 29 are"),
    "nested": (b'{"6":' + b"[" * 100_000, "this is no MOC"),
    "half a MOC": (as_fits(disc(1, 2, 3))[:3000], "cannot be read"),
    "a FITS image": (b"SIMPLE  =                    T", "cannot be read"),
    "cells of one order": (bytes_of(flat()), ".multiorder.fits"),
    "half a skymap": (bytes_of(SKY)[:6000], "cannot be read"),
    "a UNIQ of 0": (changed(UNIQ=0), "UNIQ must be"),
    "densities below 0": (changed(PROBDENSITY=-1.0), "0 or more"),
    "no number": (changed(PROBDENSITY=np.nan), "finite"),
    "all 0": (changed(PROBDENSITY=0.0), "add up to 0"),
    "too much": (changed(PROBDENSITY=1.0), "add up to 12.57"),
    "too many": (
        (b"12/" + b",".join(str(2 * n).encode() for n in range(MAX_RANGES + 1))),
        "at most 20,000 are allowed",
    ),
    "far too many, which are one range": (
        (b"12/" + b" ".join(str(n).encode() for n in range(MAX_CELLS + 2))),
        "lists 100,001 cells; at most 100,000 are allowed",
    ),
    "far too many in JSON": (b'{"12": [' + b"1, " * (MAX_CELLS + 1) + b"1]}", "at most 100,000"),
}


@pytest.mark.parametrize("what", BAD)
async def test_refused_bodies(served: Served, what: str) -> None:
    data, reason = BAD[what]
    answer = await served.client.post(REGIONS, content=data)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert reason in answer.json()["detail"]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("credible_level=0", "between 0 and 1"),
        ("credible_level=1", "between 0 and 1"),
        ("credible_level=x", "not a number"),
        ("credible_level=0.5&credible_level=0.6", "given more than once"),
        ("level=0.9", "unknown parameter"),
    ],
)
async def test_refused_parameters(served: Served, query: str, reason: str) -> None:
    answer = await served.client.post(f"{REGIONS}?{query}", content=MOC_TEXT)
    assert answer.status_code == 422
    assert reason in answer.json()["errors"][0]["reason"]


async def test_a_form_must_hold_one_region(served: Served) -> None:
    both: dict[str, Any] = {"data": {"moc": MOC_TEXT}, "files": {"file": ("a", b"5/1")}}
    nothing: dict[str, Any] = {"data": {"credible_level": "0.9"}, "files": {"file": ("", b"")}}
    for form in (both, nothing):
        answer = await served.client.post(REGIONS, **form)
        assert answer.status_code == 400
        assert "send one region" in answer.json()["detail"]


async def test_too_large(served: Served) -> None:
    answer = await served.client.post(REGIONS, content=b"5/1 " * 1_300_000)
    assert answer.status_code == 413


@asynccontextmanager
async def kept(served: Served, **more: Any) -> AsyncIterator[Regions]:
    """The regions of an archive, as another process of the app has them."""
    async with open_regions(served.settings.model_copy(update=more)) as regions:
        assert regions is not None
        yield regions


async def expire(regions: Regions, region: str, when: Any) -> None:
    async with regions._engine.begin() as connection:
        table = schema.region
        own = update(table).where(table.c.id == region)
        await connection.execute(own.values(expires=func.now() + when))


async def test_expired_ones_are_unknown_and_swept(served: Served) -> None:
    region = await send(served.client, MOC_TEXT)
    async with kept(served) as regions:
        assert (await regions.find(region)).area > 0
        await expire(regions, region, timedelta(seconds=-1))
        # What was seen a moment ago is not looked for again at once.
        regions._seen.clear()
        with pytest.raises(NotFound):
            await regions.find(region)
    async with kept(served) as regions:
        with pytest.raises(NotFound):
            await regions.find(region)
        assert (await served.client.get(f"{REGIONS}/{region}")).status_code == 404
        await send(served.client, MOC_TEXT)
        async with regions._engine.connect() as connection:
            left = select(func.count()).where(schema.region.c.id == region)
            assert await connection.scalar(left) == 0


async def test_a_use_puts_the_end_off(served: Served) -> None:
    region = await send(served.client, MOC_TEXT)
    async with kept(served) as regions:
        await expire(regions, region, timedelta(days=1))
        await regions.find(region)
        row, _ = await regions.read(region)
    assert row.expires - row.created > timedelta(days=29)


async def test_a_client_has_so_many_at_most() -> None:
    async with fresh_archive() as other:
        settings = other.model_copy(update={"regions_per_client": 1})
        async with serving(settings) as client:
            await send(client, MOC_TEXT)
            answer = await client.post(REGIONS, content=MOC_TEXT)
    assert answer.status_code == 429
    assert "you already have 1 regions" in answer.json()["detail"]


async def test_without_a_database_of_its_own(served: Served) -> None:
    settings = served.settings.model_copy(update={"app_database_url": SecretStr("")})
    async with serving(settings) as client:
        asked = [
            await client.post(REGIONS, content=MOC_TEXT),
            await client.get(f"{REGIONS}/{'A' * 32}"),
            await client.get("/api/v1/alerts", params={"region": "A" * 32}),
        ]
    assert [answer.status_code for answer in asked] == [503] * 3
    assert all("keeps no regions" in answer.json()["detail"] for answer in asked)


order_and_cell = st.integers(0, 14).flatmap(
    lambda order: st.tuples(st.just(order), st.integers(0, 12 * 4**order - 1))
)


@given(st.lists(order_and_cell, min_size=1, max_size=6))
def test_circles_hold_every_corner_of_a_region(found: list[tuple[int, int]]) -> None:
    moc = MOC.from_healpix_cells(
        np.array([cell for _, cell in found], np.uint64),
        np.array([order for order, _ in found], np.uint8),
        max_depth=14,
    )
    cells = enclosing_cells(moc)
    assert (cells is not None) or moc.sky_fraction * 41253 > 100
    if cells is None:
        return
    circles = circles_around(*cells)
    centres = SkyCoord(circles["ra"], circles["dec"], unit="deg")
    for order, cell in found:
        for corner in vertices_skycoord(np.array([cell]), order)[0]:
            assert (centres.separation(corner).deg <= circles["radius"]).any()


@given(st.binary(max_size=300) | st.text('0123456789/-, {}[]":', max_size=100).map(str.encode))
def test_any_bytes_are_read_or_refused_in_words(data: bytes) -> None:
    with suppress(RequestError):
        assert read_region(data).area > 0


FITS_MOC, FITS_MAP = as_fits(disc(1, 2, 3)), bytes_of(SKY)


@pytest.mark.parametrize("whole", [FITS_MOC, FITS_MAP])
@given(data=st.data())
def test_any_damage_of_a_file_is_read_or_refused(whole: bytes, data: st.DataObject) -> None:
    spoilt = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    places = st.integers(0, min(len(spoilt), 9000))
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=5)):
        spoilt[place : place + 1] = bytes([value])
    with suppress(RequestError):
        assert read_region(bytes(spoilt)).area > 0


async def test_a_region_is_deleted_by_its_secret_alone(served: Served) -> None:
    sent = (await served.client.post(REGIONS, content=MOC_TEXT)).json()
    itself, secret = f"{REGIONS}/{sent['id']}", sent["secret"]
    assert "secret" not in (await served.client.get(itself)).json()
    for wrong in ({}, {"Authorization": f"Basic {secret}"}, {"Authorization": f"Bearer {secret}x"}):
        answer = await served.client.delete(itself, headers=wrong)
        assert answer.status_code == 403, answer.text
        assert "secret" in answer.json()["detail"]
    assert await served.alerts({"region": sent["id"], "limit": 1})
    right = {"Authorization": f"Bearer {secret}"}
    assert (await served.client.delete(itself, headers=right)).status_code == 204
    assert (await served.client.delete(itself, headers=right)).status_code == 404
    assert (await served.client.get(itself)).status_code == 404
    answer = await served.client.get("/api/v1/alerts", params={"region": sent["id"]})
    assert answer.status_code == 422


async def test_a_region_without_a_secret_cannot_be_deleted(served: Served) -> None:
    region = await send(served.client, MOC_TEXT)
    async with kept(served) as regions:
        async with regions._engine.begin() as connection:
            own = update(schema.region).where(schema.region.c.id == region)
            await connection.execute(own.values(secret=None))
        with pytest.raises(WrongSecret):
            await regions.remove(region, "")


async def test_another_process_soon_misses_what_is_deleted(served: Served) -> None:
    """But not what it only cannot look for, as the database is away."""
    sent = (await served.client.post(REGIONS, content=MOC_TEXT)).json()
    async with kept(served) as regions, kept(served) as others:
        assert await others.find(sent["id"])
        await regions.remove(sent["id"], sent["secret"])
        others._seen.clear()
        reachable = others._engine
        others._engine = create_async_engine("postgresql+asyncpg://nobody@127.0.0.1:9/nothing")
        assert await others.find(sent["id"])
        others._engine = reachable
        for _ in range(2):
            with pytest.raises(NotFound, match="been deleted"):
                await others.find(sent["id"])
