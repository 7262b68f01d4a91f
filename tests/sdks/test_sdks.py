"""Clients made of openapi.json: without a warning, and they read what is there."""

import asyncio
import io
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import fastavro
import httpx
import numpy as np
import pytest
from astropy.io import fits

from app.search.selection import ALERT_COLUMNS
from archive.columns import REAL
from tests.sdks.clients import (
    CLIENTS,
    FOLDER,
    PAGE,
    ROOT,
    TOOLS,
    Client,
    Made,
    complaints,
    run,
)
from tests.sdks.conftest import KINDS

each = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
_TEXT: Final = {"application/json": {"schema": {"$ref": "#/components/schemas/Text"}}}
BARE: Final = {
    "openapi": "3.1.0",
    "info": {"title": "bare", "version": "1"},
    "paths": {
        "/": {
            "get": {
                "operationId": "get_text",
                "responses": {"200": {"description": "a text", "content": _TEXT}},
            }
        }
    },
    "components": {
        "schemas": {"Text": {"type": "object", "properties": {"text": {"type": "string"}}}}
    },
}
"""Little more than the least that a document can say."""
READ: Final = ("pages", "back", "curve", "alert", "match", "refused", "missing")


@pytest.fixture(scope="session")
async def noise() -> set[str]:
    """What openapi-generator complains of in any document of OpenAPI 3.1."""
    folder = FOLDER / "bare"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bare.json").write_text(json.dumps(BARE))
    said = await run("openapi-generator-cli generate -g python -i bare.json -o out", folder)
    assert said.code == 0, said.text
    return set(complaints(said.text))


@pytest.fixture(scope="session")
def instants(document: Any) -> set[str]:
    """Names of what is a time."""
    components = document["components"]["schemas"].values()
    return {
        name
        for component in components
        for name, schema in component.get("properties", {}).items()
        if "date-time" in json.dumps(schema)
    }


def plain(value: Any, instants: set[str], name: str = "") -> Any:
    """The value as any language may have it: without nulls, times and singles as such."""
    if isinstance(value, dict):
        inner = {key: plain(child, instants, key) for key, child in value.items()}
        return {key: child for key, child in inner.items() if child is not None}
    if isinstance(value, list):
        return [plain(child, instants, name) for child in value]
    if isinstance(value, str) and name in instants:
        return datetime.fromisoformat(value)
    if (
        isinstance(value, int | float)
        and name in ALERT_COLUMNS
        and ALERT_COLUMNS[name].kind is REAL
    ):
        return float(np.float32(value))
    return value


async def test_the_committed_document_is_the_one_served(
    mars: httpx.AsyncClient, document: Any
) -> None:
    assert (await mars.get("/openapi.json")).json() == document


async def test_openapi_generator_finds_no_fault(noise: set[str]) -> None:
    command = f"openapi-generator-cli validate --recommend -i {ROOT / 'openapi.json'}"
    said = await run(command, FOLDER)
    assert said.code == 0, said.text
    assert "No validation issues detected." in said.text
    assert [line for line in complaints(said.text) if line not in noise] == []


@each
async def test_a_client_is_made_without_a_warning(
    client: Client, made: dict[str, Made], noise: set[str]
) -> None:
    for outcome in made[client.name].making:
        assert outcome.code == 0, outcome.text[-3000:]
        assert [line for line in complaints(outcome.text) if line not in noise] == []


@each
async def test_the_program_of_the_page_runs(
    client: Client, made: dict[str, Made], mars: httpx.AsyncClient, steps: list[str]
) -> None:
    query = {"rb__gte": 0.5, "limit": 5}
    newest = (await mars.get("/api/v1/alerts", params=query)).json()["items"][0]
    name, candid = newest["object_id"], newest["candid"]
    points = (await mars.get(f"/api/v1/objects/{name}/lightcurve")).json()["points"]
    detections = [point for point in points if point["kind"] == "detection"]
    stamp = (await mars.get(f"/api/v1/alerts/{candid}/cutouts/science.fits")).content
    shown = made[client.name].shown
    assert shown.code == 0, shown.text[-3000:]
    assert shown.out.splitlines() == [
        "page 1: 5 alerts",
        "page 2: 5 alerts",
        f"{name}: {len(points)} points, {len(detections)} detections",
        f"{candid}: {len(stamp)} bytes of FITS",
    ]
    steps.append(f"{client.name}: {shown.out.splitlines()[2]}")


@each
def test_programs_are_of_the_types_that_were_made(client: Client, made: dict[str, Made]) -> None:
    check = made[client.name].check
    assert check.code == 0, check.text[-3000:]
    assert complaints(check.text) == []


@each
async def test_a_client_reads_what_http_says(
    client: Client,
    made: dict[str, Made],
    expected: dict[str, Any],
    instants: set[str],
    steps: list[str],
) -> None:
    said = made[client.name].told
    assert said.code == 0, said.text[-3000:]
    told = json.loads(said.out)
    assert {point["class"] for point in told["curve"]} == {
        "".join(word.title() for word in kind.split("_")) for kind in KINDS
    }
    for what in READ:
        assert plain(told[what], instants) == plain(expected[what], instants), what
    for page in told["pages"]:
        assert page["items"]
    assert len(told["pages"]) == len(told["back"]) == 4
    found = sum(len(page["items"]) for page in told["pages"])
    matches = [len(one["matches"]) for one in told["match"]["items"]]
    assert matches[0] > 0 == matches[2]
    steps.append(
        f"{client.name}: {found} alerts in 4 pages, there and back; {len(told['curve'])} points "
        f"of {len(KINDS)} classes; {matches} matches; {told['refused']['code']} as Problem"
    )


# ZTF's own: the T of its SIMPLE does not stand where the standard has it.
@pytest.mark.filterwarnings("ignore:Found a SIMPLE card")
@each
async def test_downloads_are_whole(
    client: Client, made: dict[str, Made], expected: dict[str, Any], asked: dict[str, Any]
) -> None:
    assert made[client.name].told.code == 0
    for name in ("cutout.fits", "packet.avro"):
        read = await asyncio.to_thread((client.folder / name).read_bytes)
        assert read == expected[name], name
    with fits.open(client.folder / "cutout.fits") as images:
        assert images[0].data.shape == (63, 63)
    (record,) = fastavro.reader(io.BytesIO(expected["packet.avro"]))
    assert isinstance(record, dict)
    assert record["candid"] == int(asked["candid"])


@each
async def test_every_operation_is_there(
    client: Client, made: dict[str, Made], document: Any
) -> None:
    """Whatever joins openapi.json joins the clients."""
    assert made
    for methods in document["paths"].values():
        for operation in methods.values():
            snake = operation["operationId"]
            first, *words = snake.split("_")
            names = {"snake": snake, "camel": first + "".join(word.title() for word in words)}
            files = list(client.folder.glob(client.files.format_map(names)))
            pattern = client.operation.format_map(names)
            assert any(re.search(pattern, file.read_text()) for file in files), snake


@pytest.mark.parametrize("client", CLIENTS[:2], ids=lambda client: client.name)
def test_every_get_operation_answers(
    client: Client,
    made: dict[str, Made],
    expected: dict[str, Any],
    instants: set[str],
    steps: list[str],
) -> None:
    told = json.loads(made[client.name].told.out)["operations"]
    assert told.keys() == expected["operations"].keys()
    for name, answer in expected["operations"].items():
        assert plain(told[name], instants) == plain(answer, instants), name
    steps.append(f"{client.name}: {len(told)} operations called by name, each as HTTP has it")


def test_the_page_names_the_versions_that_are_tested() -> None:
    locked = (Path(__file__).parent / "requirements.txt").read_text()
    named = re.findall(r"([\w-]+)(==|@)([\d.]+)", PAGE)
    assert len(named) == 6
    for name, mark, version in named:
        if mark == "==":
            assert f"\n{name}=={version} " in f"\n{locked}", name
        else:
            installed = (TOOLS / "node" / "node_modules" / name / "package.json").read_text()
            assert json.loads(installed)["version"] == version, name
