"""A real browser before the real app. A complaint of its, or a request to another host, fails."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.app.conftest import Served, served
from tests.real_archive import Everything

__all__ = ["Served", "served"]

FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
--disable-background-networking --disable-component-update --disable-sync""".split()
AXE = Path(__file__).parents[2] / ".local" / "lib" / "axe" / "axe.js"


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium with a fresh profile."""
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        await browser.close()


@asynccontextmanager
async def opened_page(
    browser: Browser, *, excused: str | None = None, **context: Any
) -> AsyncIterator[Page]:
    """A page in a context of its own; afterwards it must have had nothing to complain of.

    `context` are Playwright's options, such as viewport, color_scheme, java_script_enabled. Of
    complaints, those that hold the text `excused` do not count.
    """
    own = await browser.new_context(**({"viewport": {"width": 1400, "height": 900}} | context))
    page = await own.new_page()
    page.set_default_timeout(15_000)
    hosts: set[str | None] = set()
    complaints: list[str] = []
    page.on("request", lambda r: hosts.add(urlsplit(r.url).hostname))
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield page
    finally:
        await own.close()
    assert hosts - {None} <= {"127.0.0.1"}
    assert [text for text in complaints if excused is None or excused not in text] == []


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A wide page with everything switched on."""
    async with opened_page(browser) as page:
        yield page


async def serious_findings(browser: Browser, address: str, **context: Any) -> list[str]:
    """What axe calls serious or critical on a page. Its script needs a context without policy."""
    async with opened_page(browser, **{"bypass_csp": True} | context) as page:
        await page.goto(address, wait_until="load")
        await page.add_script_tag(path=AXE)
        found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{v['id']}: {node['html']} {node['failureSummary']}"
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
        for node in v["nodes"]
    ]


async def width_beyond(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    beyond: int = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return beyond


@pytest.fixture(scope="session")
def real_sky(everything: Everything) -> httpx.AsyncClient:
    """A client of the app over all real packets, which the consumer's backfill took in."""
    return everything.client
