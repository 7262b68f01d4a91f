"""The coverage of the archive, against every alert that the columnar copy holds."""

from collections.abc import AsyncIterator

import astropy.units as u
import httpx
import numpy as np
import pytest
from mocpy import MOC

from app.regions.reading import read_region
from app.statistics.models import MAP_ORDER
from tests.app.columns.copied import Copied
from tests.app.columns.test_regions import all_places
from tests.app.conftest import Served, serving


@pytest.fixture(scope="module")
async def ours(copied: Copied) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(copied.settings) as client:
        while (await client.get("/vo/moc")).status_code == 503:
            pass
        yield client


async def test_it_is_of_every_alert_of_the_copy(ours: httpx.AsyncClient, copied: Copied) -> None:
    answer = await ours.get("/vo/moc")
    assert answer.headers["content-type"] == "application/fits"
    moc = read_region(answer.content).moc
    assert moc.max_order == MAP_ORDER
    places = np.array(list((await all_places_of_the_copy(ours, copied)).values()))
    ra, dec = places.T * u.deg
    assert moc == MOC.from_lonlat(ra, dec, max_norder=MAP_ORDER)


async def all_places_of_the_copy(
    client: httpx.AsyncClient, copied: Copied
) -> dict[str, tuple[float, float]]:
    return await all_places(client, as_of=str(copied.copy.as_of))


@pytest.mark.parametrize(("form", "kind"), [("json", "application/json"), ("ASCII", "text/plain")])
async def test_its_spellings(ours: httpx.AsyncClient, form: str, kind: str) -> None:
    answer = await ours.get("/vo/moc", params={"FORMAT": form})
    assert answer.headers["content-type"].startswith(kind)
    whole = read_region((await ours.get("/vo/moc", params={"format": "fits"})).content)
    assert read_region(answer.content).moc == whole.moc
    assert answer.headers["etag"] == (await ours.get(f"/vo/moc?FORMAT={form}")).headers["etag"]


async def test_errors_are_votables(ours: httpx.AsyncClient, served: Served) -> None:
    for answer, status, words in (
        (await ours.get("/vo/moc?FORMAT=png"), 400, "FORMAT must be fits, json, ascii"),
        (await served.client.get("/vo/moc"), 503, "this archive has none yet"),
    ):
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/x-votable+xml"
        assert words in answer.text


async def test_the_record_names_it(served: Served) -> None:
    text = (await served.client.get("/vo/record.xml")).text
    assert f"{str(served.client.base_url).rstrip('/')}/vo/moc</footprint>" in text
