"""Packets of a real stream, each with one thing wrong that can be stored: all of it can be had."""

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import fastavro
import httpx
import pytest

from archive.surveys.ztf.packet import decode
from tests.app.conftest import app_settings, serving, take_in
from tests.app.nights.visits import Visit, faults, named, routes, strict, visits
from tests.catalog.catalogs import until_counted, update_catalog
from tests.conftest import new_place
from tests.consumer.test_poison import STORED

UNLIKE = ' "quoted" & it\'s </script>'
pytestmark = pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyUserWarning")


def own(path: Path) -> bytes:
    """The packet with an object id of its own: they were made from one."""
    reader = fastavro.reader(io.BytesIO(path.read_bytes()))
    record: Any = next(reader)
    record["objectId"] = path.stem + UNLIKE
    out = io.BytesIO()
    fastavro.writer(out, reader.writer_schema, [record])
    return out.getvalue()


@pytest.fixture(scope="module")
async def poisoned(real: Path, template: str) -> AsyncIterator[tuple[httpx.AsyncClient, list[Any]]]:
    """An app on an archive of them, and its alerts."""
    async with new_place(template) as place:
        settings = app_settings(place)
        messages = [own(real / "poison" / f"{name}.avro") for name in STORED]
        assert [decode(message).damage for message in messages] == [None] * len(STORED)
        await take_in(settings, messages, "ztf_20260131_programid1")
        await update_catalog(place)
        async with serving(settings) as client:
            await until_counted(client)
            items = (await client.get("/api/v1/alerts?fields=candid,object_id,lco_id,time")).json()
            yield client, items["items"]


async def test_each_is_stored(poisoned: tuple[httpx.AsyncClient, list[Any]]) -> None:
    _, alerts = poisoned
    assert sorted(alert["object_id"] for alert in alerts) == sorted(
        name + UNLIKE for name in STORED
    )


async def test_every_address(poisoned: tuple[httpx.AsyncClient, list[Any]]) -> None:
    client, alerts = poisoned
    document = (await client.get("/openapi.json")).json()
    known = {
        "candid": [alert["candid"] for alert in alerts],
        "number": [str(alert["lco_id"]) for alert in alerts],
        "object_id": [alert["object_id"] for alert in alerts],
        "night": sorted({alert["time"][:10].replace("-", "") for alert in alerts}),
        "kind": ["science", "Template"],
    }
    asked: list[Visit] = []
    for route in routes():
        if {*named(route)} <= known.keys():
            asked += visits(document, route, known)
    found = await faults(client, asked)
    assert not found, "\n".join([str(len(found)), *found[:20]])


async def test_points(poisoned: tuple[httpx.AsyncClient, list[Any]]) -> None:
    """What cannot be said of a point is null, and a point that has no time is left out."""
    client, alerts = poisoned
    counts = {}
    for alert in alerts:
        path = f"/api/v1/alerts/{alert['candid']}"
        history = strict((await client.get(path)).content)["history"]
        counts[alert["object_id"].removesuffix(UNLIKE)] = len(history)
        if alert["object_id"].startswith("fp_pid_null"):
            assert any(point["pid"] is None for point in history)
        if alert["object_id"].startswith("c_magpsf_m999"):
            (own_point,) = (point for point in history if point["kind"] == "detection")
            assert (own_point["magpsf"], own_point["flux_ujy"]) == (-999, None)
    whole = counts["fid_4"]
    for name in ("prv_jd_nan", "prv_jd_0", "prv_jd_mjd", "fp_jd_null"):
        assert 0 < counts[name] < whole, counts


async def test_the_forms_of_the_docs_are_filled(
    poisoned: tuple[httpx.AsyncClient, list[Any]],
) -> None:
    client, alerts = poisoned
    shown = strict((await client.get("/docs/openapi.json")).content)
    for parameter in shown["paths"]["/api/v1/objects/{object_id}"]["get"]["parameters"]:
        if parameter["name"] == "object_id":
            assert parameter["examples"]["one"]["value"] in {a["object_id"] for a in alerts}
