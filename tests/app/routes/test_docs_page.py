"""Swagger UI in a real browser: it works from our own files alone, and each form as it stands."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import Locator, Page, async_playwright, expect
from pydantic import SecretStr

from app.search.examples import JOB, NIGHT, OF_FIELD
from dev.simulator import simulate
from tests import packets
from tests.app.addresses import ENDLESS
from tests.app.conftest import Served, database_of, fresh_archive, serving, take_in
from tests.catalog.catalogs import until_counted, update_catalog
from tests.conftest import Place
from tests.pages.conftest import BROWSER, FLAGS

METHODS = ("get", "post", "delete")
OF_JOBS = ("get_job", "get_job_result", "get_search_result", "delete_job")
"""They want the name of a job that was made before; in this order."""


@pytest.fixture(scope="module")
async def simulated() -> AsyncIterator[httpx.AsyncClient]:
    """A client of a small archive that holds nothing of what openapi.json shows."""
    async with fresh_archive() as settings:
        messages = [packet.message for packet in simulate(24, 5)]
        await take_in(settings, messages, "ztf_20260131_programid1")
        await update_catalog(Place(database_of(settings), settings.s3_bucket))
        running = settings.model_copy(update={"jobs_run": True})
        async with serving(running) as client:
            await until_counted(client)
            yield client


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """A page that must have nothing to complain of, and asks no other host."""
    hosts: set[str | None] = set()
    complaints: list[str] = []
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=BROWSER, args=FLAGS)
        page = await browser.new_page()
        page.set_default_timeout(120_000)  # The first form has seventy fields.
        page.on("request", lambda r: hosts.add(urlsplit(r.url).hostname))
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        await browser.close()
    assert hosts - {None} == {"127.0.0.1"}
    assert complaints == []


def operations(document: Any) -> list[tuple[str, str]]:
    """Tag and name of each, those of jobs last.

    Not of watches and regions that were made before, whose ids nobody can fill in; nor of streams,
    which have no end.
    """
    found = [
        (path[method]["tags"][0], path[method]["operationId"])
        for address, path in document["paths"].items()
        for method in METHODS
        if method in path and address not in ENDLESS
        if not re.search(r"{(watch|region)}", address)
    ]
    names = [name for _, name in found]
    of_jobs = [found[names.index(name)] for name in OF_JOBS]
    return [*(one for one in found if one not in of_jobs), *of_jobs]


async def test_every_form_answers_as_it_stands(simulated: httpx.AsyncClient, page: Page) -> None:
    document = (await simulated.get("/openapi.json")).json()
    await page.goto(f"{simulated.base_url}/docs")
    started: dict[str, str] = {}
    for tag, name in operations(document):
        operation = page.locator(f"#operations-{tag}-{name}")
        await operation.locator(".opblock-summary-control").click()
        if name in OF_JOBS:
            job = started["start_search_job" if name == "get_search_result" else "start_match_job"]
            await _without_a_job_says_what_to_put(operation)
            await _ended(simulated, job)
            await operation.locator("input[placeholder='job']").fill(job)
        async with page.expect_response(lambda r: "/docs" not in r.url) as answered:
            await operation.locator("button.execute").click()
        answer = await answered.value
        assert answer.ok, (name, answer.url, answer.status)
        if name in ("start_match_job", "start_search_job"):
            started[name] = (await answer.json())["id"]
        if name == "match_positions":
            assert (await answer.json())["items"][0]["matches"]
        if name != "delete_job":
            assert answer.headers.get("content-length") != "0", name
        await operation.locator(".live-responses-table .response").first.wait_for()
        await operation.locator(".opblock-summary-control").click()
    await expect(page.locator(".errors-wrapper")).to_have_count(0)


async def _without_a_job_says_what_to_put(operation: Locator) -> None:
    """Empty, and not sent so."""
    field = operation.locator("input[placeholder='job']")
    await expect(field).to_have_value("")
    await expect(operation.locator(".parameters").first).to_contain_text("POST /api/v1/match/jobs")
    await operation.locator("button.execute").click()
    await expect(operation.locator("input.invalid")).to_have_count(1)


async def _ended(client: httpx.AsyncClient, job: str) -> None:
    """Until the job is done, if it is still there."""
    address = f"/api/v1/jobs/{job}"
    async with asyncio.timeout(120):
        while (await client.get(address)).json()["status"] != "done":  # noqa: ASYNC110 - HTTP has no event
            await asyncio.sleep(0.1)


async def test_its_document_shows_what_is_here(simulated: httpx.AsyncClient) -> None:
    shown = (await simulated.get("/docs/openapi.json")).text
    public = (await simulated.get("/openapi.json")).text
    for example in (OF_FIELD["candid"], OF_FIELD["object_id"], NIGHT, JOB, "0.8143", "16.1457"):
        assert example in public
        assert example not in shown
    assert json.loads(shown)["paths"].keys() == json.loads(public)["paths"].keys()


async def test_its_document_of_an_empty_archive() -> None:
    async with fresh_archive() as settings, serving(settings) as client:
        shown = (await client.get("/docs/openapi.json")).json()
    assert OF_FIELD["candid"] in json.dumps(shown)


async def test_its_document_takes_any_name_that_is_stored() -> None:
    name = f'a"b\\{JOB}\\n<'
    async with fresh_archive() as settings:
        await take_in(settings, [packets.packet(object_id=name)], "ztf_20260131_programid1")
        async with serving(settings) as client:
            document = (await client.get("/docs/openapi.json")).json()
    of_object = document["paths"]["/api/v1/objects/{object_id}"]["get"]["parameters"]
    (shown,) = (p["examples"] for p in of_object if p["name"] == "object_id")
    assert shown == {"one": {"value": name}}


async def test_its_document_without_a_database(served: Served) -> None:
    gone = SecretStr("postgresql+asyncpg://mars_reader:x@127.0.0.1:9/mars")
    async with serving(served.settings.model_copy(update={"database_url": gone})) as client:
        answer = await client.get("/docs/openapi.json")
    assert answer.status_code == 200
    assert OF_FIELD["candid"] in answer.text
