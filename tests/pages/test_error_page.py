"""The error page, for people only."""

from typing import Any

import httpx
import pytest
from playwright.async_api import Browser

from tests.app.conftest import Served
from tests.pages.conftest import opened_page, serious_findings, width_beyond

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


async def ask(served: Served, path: str, accept: str) -> httpx.Response:
    return await served.client.get(path, headers={"Accept": accept})


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html;q=0.1,application/json"])
async def test_programs_get_a_problem(served: Served, accept: str) -> None:
    answer = await ask(served, "/nowhere/", accept)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_api_never_answers_a_page(served: Served) -> None:
    for path in ("/api/v1/alerts/1", "/api/v1/alerts?nonsense=1", "/static/nothing.js"):
        answer = await ask(served, path, BROWSER)
        assert answer.headers["content-type"] == "application/problem+json"


async def test_people_get_a_page_that_quotes_nothing_raw(served: Served) -> None:
    answer = await ask(served, "/<script>alert(1)</script>", BROWSER)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert "<script>alert" not in answer.text
    assert "<h1>Not Found</h1>" in answer.text


@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_it_can_be_read_by_all(browser: Browser, served: Served, colours: str) -> None:
    look: dict[str, Any] = {"color_scheme": colours, "viewport": {"width": 360, "height": 740}}
    address = f"{served.client.base_url}/nowhere/"
    async with opened_page(browser, excused="status of 404", **look) as page:
        await page.goto(address)
        assert await width_beyond(page) == 0
    assert await serious_findings(browser, address, excused="status of 404", **look) == []
