"""A real browser before the real app. A complaint of its, or a request to another host, fails."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Set
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from tests.app.conftest import Served, served
from tests.real_archive import Everything

__all__ = ["Served", "served"]

BROWSER = "/usr/bin/chromium-headless-shell"
"""The whole Chromium takes four times the CPU for the same pages, for windows that nobody sees."""
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
--disable-background-networking --disable-component-update --disable-sync""".split()
PATIENCE_S = 30
"""How long a page may take on a busy machine; what comes sooner is not waited for."""
expect.set_options(timeout=PATIENCE_S * 1000)
AXE = Path(__file__).parents[2] / ".local" / "lib" / "npm" / "axe.js"


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, without windows, with a fresh profile."""
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield browser
        await browser.close()


@asynccontextmanager
async def opened_page(
    browser: Browser, *, excused: str | None = None, also: Set[str] = frozenset(), **context: Any
) -> AsyncIterator[Page]:
    """A page in a context of its own; afterwards it must have had nothing to complain of.

    `context` are Playwright's options, such as viewport, color_scheme, java_script_enabled. Of
    complaints, those that hold the text `excused` do not count; `also` are other hosts
    that it may ask.
    """
    own = await browser.new_context(**({"viewport": {"width": 1400, "height": 900}} | context))
    page = await own.new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    hosts: set[str | None] = set()
    complaints: list[str] = []
    page.on("request", lambda r: hosts.add(urlsplit(r.url).hostname))
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield page
    finally:
        await own.close()
    assert hosts - {None} <= {"127.0.0.1"} | also
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


async def follow(link: Locator) -> None:
    """Click what leads to another page, or to the same one anew; until that is loaded."""
    async with link.page.expect_navigation():
        await link.click()


async def becomes(read: Callable[[], Awaitable[Any]], wanted: Any) -> None:
    """Wait until what is read is what is wanted; fail with what is read instead."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while await read() != wanted:  # noqa: ASYNC110 - it is in the browser
                await asyncio.sleep(0.05)
    assert await read() == wanted


@asynccontextmanager
async def staying(page: Page) -> AsyncIterator[None]:
    """What is done meanwhile must lead nowhere."""
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url) if r.is_navigation_request() else None)
    yield
    # Where the page is about to go it asks for before this, or this is broken off.
    assert await page.evaluate("fetch('/healthz').then(answer => answer.status)") == 200
    assert asked == []


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
