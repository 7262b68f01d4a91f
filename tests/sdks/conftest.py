"""A server with the real packets or, without them, simulated alerts; what is asked of it."""

import asyncio
import hashlib
import json
import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from consumer.batches.ingest import Batch, ingest
from consumer.batches.sorting import Raw
from consumer.topics import night_of
from dev.simulator import simulate, tonight
from tests.app.addresses import ENDLESS
from tests.app.conftest import app_settings, serving
from tests.conftest import DATA, lines_at_the_end, new_place, opened
from tests.sdks.clients import CLIENTS, ROOT, Made, make

API = "/api/v1"
KINDS = {"detection", "earlier_detection", "upper_limit", "forced"}
TEXT = {"Content-Type": "text/plain"}
MOVING = {"get_metrics"}
"""Operations whose answer is another one each time."""


@pytest.fixture(scope="session")
def steps() -> list[str]:
    """Lines that are printed when the run ends, passed or not."""
    return lines_at_the_end("clients from openapi.json")


@pytest.fixture(scope="session")
async def simulated(template: str) -> AsyncIterator[httpx.AsyncClient]:
    """A thousand simulated alerts, served; each second one is known from histories alone."""
    async with new_place(template) as place:
        async with opened(place) as archive:
            topic = f"ztf_{tonight():%Y%m%d}_programid1"
            night = night_of(topic, datetime.now(UTC))
            messages = [packet.message for packet in simulate(2000, 1)][::2]
            raws = [Raw(topic, 0, n, "", night, data) for n, data in enumerate(messages)]
            await ingest(archive, "stream", Batch(raws))
        async with serving(app_settings(place)) as client:
            yield client


@pytest.fixture(scope="session")
def mars(request: pytest.FixtureRequest, steps: list[str]) -> httpx.AsyncClient:
    """What plain HTTP is asked of."""
    if (DATA / "ztf" / "manifest.csv").is_file():
        steps.append("the real packets are served")
        client = request.getfixturevalue("everything").client
    else:
        steps.append("simulated alerts are served: there are no real packets in MARS_TEST_DATA")
        client = request.getfixturevalue("simulated")
    assert isinstance(client, httpx.AsyncClient)
    return client


@pytest.fixture(scope="session")
def document() -> Any:
    """The committed openapi.json."""
    return json.loads((ROOT / "openapi.json").read_text())


async def read(mars: httpx.AsyncClient, path: str, **query: Any) -> Any:
    answer = await mars.get(API + path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def all_kinds(mars: httpx.AsyncClient) -> Any:
    """The light curve of an object that has all four kinds of points."""
    alerts = (await read(mars, "/alerts", limit=1000, fields="object_id"))["items"]
    for name in dict.fromkeys(alert["object_id"] for alert in alerts):
        curve = await read(mars, f"/objects/{name}/lightcurve")
        if {point["kind"] for point in curve["points"]} == KINDS:
            return curve
    raise AssertionError("no object has all kinds of points")


@pytest.fixture(scope="session")
async def asked(mars: httpx.AsyncClient, document: Any) -> dict[str, Any]:
    """What each client is to read."""
    curve = await all_kinds(mars)
    name = curve["object_id"]
    near = (await read(mars, "/alerts", object_id=name, limit=1))["items"][0]
    place = {"ra": near["ra"], "dec": near["dec"]}
    where = ["chipsf__gte:0", "ssnamenr__isnull:true"]
    search = {"filter": "r", "rb__gte": 0.5, "where": where}
    count = (await read(mars, "/alerts", **search, count="exact", limit=1))["count"]
    night = (await read(mars, "/nights"))["items"][0]["night"].replace("-", "")
    sent = await mars.post(f"{API}/regions", content=b"6/21000-21003", headers=TEXT)
    known = {
        "candid": near["candid"],
        "object_id": name,
        "night": night,
        "kind": "science",
        "name": "M31",
        "region": sent.json()["id"],
        "ending": "fits",
        # They are not there, and whoever asks is told so.
        "job": "x" * 32,
        "watch": "x" * 32,
        "suffix": "parquet",
    }
    return {
        "address": str(mars.base_url).rstrip("/"),
        "candid": near["candid"],
        "object_id": name,
        "search": search | {"limit": math.ceil(count / 3.5)},
        "positions": [
            {"id": "by number", **place, "radius": 0.001},
            {"id": "by text", **place, "radius": '2"'},
            {"id": "elsewhere", "ra": 0.5, "dec": -89.5},
        ],
        "radius": '1.5"',
        "operations": operations(document, known),
    }


def operations(document: Any, known: dict[str, str]) -> list[dict[str, Any]]:
    """Every GET operation, with what its required parameters are to be."""
    return [
        {
            "operation": methods["get"]["operationId"],
            "tag": methods["get"]["tags"][0],
            "path": path,
            "parameters": {
                parameter["name"]: known[parameter["name"]]
                for parameter in methods["get"].get("parameters", ())
                if parameter.get("required")
            },
        }
        for path, methods in document["paths"].items()
        if "get" in methods and path not in ENDLESS
        if methods["get"]["operationId"] not in MOVING
    ]


async def pages(mars: httpx.AsyncClient, search: dict[str, Any]) -> list[Any]:
    """Every page of a search."""
    found = [await read(mars, "/alerts", **search)]
    while found[-1]["next"]:
        found.append(await read(mars, "/alerts", **search, cursor=found[-1]["next"]))
    return found


async def every_operation(mars: httpx.AsyncClient, asked: dict[str, Any]) -> dict[str, Any]:
    """What each GET operation answers: its JSON, or the digest of its bytes."""
    told = {}
    for operation in asked["operations"]:
        given = operation["parameters"]
        path = operation["path"].format_map(given)
        query = {n: v for n, v in given.items() if f"{{{n}}}" not in operation["path"]}
        answer = await mars.get(path, params=query)
        is_json = answer.headers["content-type"].split(";")[0].endswith("json")
        told[operation["operation"]] = (
            answer.json() if is_json else {"sha256": hashlib.sha256(answer.content).hexdigest()}
        )
    return told


@pytest.fixture(scope="session")
async def expected(mars: httpx.AsyncClient, asked: dict[str, Any], document: Any) -> dict[str, Any]:
    """What plain HTTP reads: each client must have read the same."""
    names = document["components"]["schemas"]["LightCurvePoint"]["discriminator"]["mapping"]

    def by_class(points: list[Any]) -> list[Any]:
        return [{"class": names[point["kind"]].rpartition("/")[2], **point} for point in points]

    alert = await read(mars, f"/alerts/{asked['candid']}")
    curve = await read(mars, f"/objects/{asked['object_id']}/lightcurve")
    match = await mars.post(
        API + "/match",
        params={"radius": asked["radius"], "limit": 2},
        json={"positions": asked["positions"]},
    )
    refused = await mars.get(API + "/alerts", params={"sort": "magpsf"})
    found = await pages(mars, asked["search"])
    cutout = await mars.get(f"{API}/alerts/{asked['candid']}/cutouts/science.fits")
    return {
        "pages": found,
        "back": [[alert["candid"] for alert in page["items"]] for page in reversed(found)],
        "curve": by_class(curve["points"]),
        "alert": alert | {"history": by_class(alert["history"])},
        "match": match.json(),
        "refused": {"code": 422, "parameter": "sort"} | refused.json(),
        "missing": (await mars.get(API + "/alerts/1")).json(),
        "operations": await every_operation(mars, asked),
        "cutout.fits": cutout.content,
        "packet.avro": (await mars.get(f"{API}/alerts/{asked['candid']}/avro")).content,
    }


@pytest.fixture(scope="session")
async def made(mars: httpx.AsyncClient, asked: dict[str, Any]) -> dict[str, Made]:
    """All clients, made and run at the same time."""
    answer = await mars.get("/openapi.json")
    done = await asyncio.gather(
        *(make(client, answer.text, asked["address"], json.dumps(asked)) for client in CLIENTS)
    )
    return {client.name: one for client, one in zip(CLIENTS, done, strict=True)}
