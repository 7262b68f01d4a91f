"""New alerts on the pages, as they come."""

from collections.abc import AsyncIterator
from typing import NamedTuple

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from app.settings import Settings
from tests.app.conftest import fresh_archive, serving
from tests.app.live.streams import grow
from tests.pages.conftest import follow, opened_page, serious_findings, width_beyond


class Growing(NamedTuple):
    """An archive that grows, served."""

    client: httpx.AsyncClient
    settings: Settings

    def at(self, path: str) -> str:
        return f"{str(self.client.base_url).rstrip('/')}{path}"


@pytest.fixture
async def growing() -> AsyncIterator[Growing]:
    async with fresh_archive() as settings:
        await grow(settings, 0, 3, object_id="ZTF26aaaaaaa")
        async with serving(settings) as client:
            yield Growing(client, settings)


async def opened_live(page: Page, address: str) -> None:
    """The page, once its stream has begun."""
    async with page.expect_response(lambda answer: "/stream?" in answer.url):
        await page.goto(address)


async def test_the_main_page_tells_of_new_alerts_and_shows_them(
    growing: Growing, page: Page
) -> None:
    await opened_live(page, growing.at("/?objectId=ZTF26aaaaaaa"))
    told = page.get_by_role("status")
    await expect(told).to_be_hidden()
    await grow(growing.settings, 3, 1, object_id="ZTF26aaaaaaa")
    await expect(told).to_have_text("1 new alert")
    await grow(growing.settings, 4, 2, object_id="ZTF26bbbbbbb")
    await grow(growing.settings, 6, 2, object_id="ZTF26aaaaaaa")
    await expect(told).to_have_text("3 new alerts")
    assert await page.locator("table.alerts tbody tr").count() == 3
    await follow(told.get_by_role("link"))
    await expect(page.locator("table.alerts tbody tr")).to_have_count(6)
    await expect(told).to_be_hidden()


async def test_an_object_tells_of_its_new_alerts(growing: Growing, page: Page) -> None:
    await opened_live(page, growing.at("/objects/ZTF26aaaaaaa/"))
    await grow(growing.settings, 3, 2, object_id="ZTF26aaaaaaa")
    told = page.locator("[data-stream]")
    await expect(told).to_have_text("2 new alerts")
    await follow(told.get_by_role("link"))
    await expect(page.get_by_text("5 alerts")).to_be_visible()
    assert not await told.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_a_phone_and_can_be_read(
    growing: Growing, browser: Browser, scheme: str
) -> None:
    size = {"width": 360, "height": 740}
    async with opened_page(browser, viewport=size, color_scheme=scheme) as page:
        await opened_live(page, growing.at("/"))
        await grow(growing.settings, 3, 3)
        await expect(page.get_by_role("status")).to_have_text("3 new alerts")
        assert await width_beyond(page) == 0
    assert await serious_findings(browser, growing.at("/"), color_scheme=scheme) == []


async def test_without_scripts_nothing_is_told(growing: Growing, browser: Browser) -> None:
    async with opened_page(browser, java_script_enabled=False) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(growing.at("/"))
        await expect(page.locator("[data-stream]")).to_be_hidden()
        assert asked
        assert not [url for url in asked if "/stream" in url]
