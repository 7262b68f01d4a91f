"""Each example of openapi.json is asked of an archive that holds the alerts which they name."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from app.search.examples import JOB, NIGHT
from consumer.batches.ingest import Batch, ingest
from consumer.batches.sorting import Raw
from dev.simulator import simulate
from tests.app.addresses import ENDLESS
from tests.app.conftest import app_settings, serving
from tests.app.names.cds import serving_cds
from tests.catalog.catalogs import until_counted, update_catalog
from tests.conftest import new_place, opened
from tests.schema.conftest import UNBOUNDED, real_packets

DOCUMENT = json.loads(Path("openapi.json").read_bytes())


class Asked(NamedTuple):
    """One request that openapi.json shows."""

    method: str
    path: str
    query: dict[str, Any]
    kind: str = ""
    body: str = ""


def shown(parameter: Any) -> list[Any]:
    """The examples of a parameter and of the schema it refers to; a closed set whole."""
    schema = parameter["schema"]
    if reference := schema.get("$ref"):
        schema = DOCUMENT["components"]["schemas"][reference.rpartition("/")[2]]
    values = [one["value"] for one in parameter.get("examples", {}).values()]
    values += [parameter["example"]] if "example" in parameter else []
    values += [*schema.get("examples", []), *schema.get("enum", [])]
    return [value for n, value in enumerate(values) if value not in values[:n]]


def text(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, bool) else value


def bodies(operation: Any) -> Iterator[tuple[str, str]]:
    """Media type and example of each spelling of a body."""
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = content["schema"]
        if reference := schema.get("$ref"):
            schema = DOCUMENT["components"]["schemas"][reference.rpartition("/")[2]]
        # Files and forms with files have none: nobody types them.
        examples = [content["example"]] if "example" in content else schema.get("examples", [])
        for example in examples:
            yield kind, example if isinstance(example, str) else json.dumps(example)


def requests() -> Iterator[Asked]:
    """With what must be there each operation, and that with each other example by itself."""
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items() if path not in ENDLESS else ():
            parameters = operation.get("parameters", [])
            needed = [p for p in parameters if p.get("required") or "example" in p]
            places = {p["name"]: shown(p)[0] for p in needed if p["in"] == "path"}
            query = {p["name"]: text(shown(p)[0]) for p in needed if p["in"] == "query"}
            (kind, body), *others = [*bodies(operation)] or [("", "")]
            asked = Asked(method, path.format_map(places), query, kind, body)
            yield asked
            yield from (asked._replace(kind=k, body=b) for k, b in others)
            for parameter in parameters:
                for value in shown(parameter) if parameter["in"] == "query" else ():
                    # What is filled in beside it, a cone for one, may exclude it.
                    yield asked._replace(query=query | {parameter["name"]: text(value)})


ASKED = [one for one in requests() if JOB not in one.path]


@pytest.fixture(scope="module")
async def client(template: str, real: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Over all real packets, and a topic of the night that is shown."""
    topic, night = f"ztf_{NIGHT}_programid1", datetime.strptime(NIGHT, "%Y%m%d").replace(tzinfo=UTC)
    async with new_place(template) as place, serving_cds() as cds:
        await real_packets(place)
        async with opened(place) as archive:
            messages = [packet.message for packet in simulate(20, 1)]
            raws = [Raw(topic, 0, n, "", night.date(), data) for n, data in enumerate(messages)]
            await ingest(archive, "stream", Batch(raws))
        await update_catalog(place)
        settings = app_settings(place).model_copy(update=UNBOUNDED | cds.settings)
        async with serving(settings) as client:
            await until_counted(client)
            yield client


async def answered(client: httpx.AsyncClient, asked: Asked) -> httpx.Response:
    headers = {"Content-Type": asked.kind} if asked.kind else {}
    content = asked.body.encode() or None
    return await client.request(
        asked.method, asked.path, params=asked.query, content=content, headers=headers
    )


async def test_each_example_is_answered(client: httpx.AsyncClient) -> None:
    assert len(ASKED) > 250
    refused = []
    for asked in ASKED:
        answer = await answered(client, asked)
        if not answer.is_success:
            refused.append((asked, answer.status_code, answer.text))
    assert refused == []


async def test_what_a_body_shows_matches(client: httpx.AsyncClient) -> None:
    operation = DOCUMENT["paths"]["/api/v1/match"]["post"]
    found = [
        (await answered(client, Asked("post", "/api/v1/match", {}, *one))).json()["items"][0]
        for one in bodies(operation)
    ]
    assert len(found) == 3
    assert all(item["matches"] for item in found)


@pytest.mark.parametrize(
    ("sent_to", "not_its_own"),
    [
        ("/api/v1/match/jobs", "/api/v1/jobs/{job}/alerts.{suffix}"),
        ("/api/v1/search/jobs", "/api/v1/jobs/{job}/matches.parquet"),
    ],
)
async def test_a_job_from_its_beginning_to_its_end(
    client: httpx.AsyncClient, sent_to: str, not_its_own: str
) -> None:
    """POST, GET, the result, DELETE, each with the id that the first gave."""
    named = [
        (method, path)
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
        if "{job}" in path and path != not_its_own
    ]
    (kind, body), *_ = bodies(DOCUMENT["paths"][sent_to]["post"])
    started = await answered(client, Asked("post", sent_to, {}, kind, body))
    job = started.json()["id"]
    address = f"/api/v1/jobs/{job}"
    async with asyncio.timeout(120):
        while (await client.get(address)).json()["status"] != "done":  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.05)
    for method, path in sorted(named, key=lambda one: one[0] == "delete"):
        answer = await client.request(method, path.format(job=job, suffix="parquet"))
        assert answer.is_success, (method, path, answer.text)
    assert (await client.get(address)).status_code == 404
