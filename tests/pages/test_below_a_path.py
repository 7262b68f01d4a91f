"""The pages below a path of their host, behind a proxy that takes it off: all stays below it."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, expect

from tests.app import sky
from tests.app.conftest import Served, serving_below
from tests.pages.conftest import follow, opened_page
from tests.proxies import Stripping

BASE = "/archive/mars"


@pytest.fixture(scope="module")
async def proxy(served: Served) -> AsyncIterator[Stripping]:
    async with serving_below(served.settings, BASE) as proxy:
        yield proxy


async def test_from_page_to_page(browser: Browser, proxy: Stripping) -> None:
    """Links, forms, what scripts ask for and lead to, pictures, frames, and Swagger's own calls."""
    async with opened_page(browser) as page:
        asked: list[str] = []
        failed: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("response", lambda r: failed.append(r.url) if r.status >= 400 else None)

        # The main page: its box, its form, its headers.
        await page.goto(f"{proxy.address}/")
        await page.locator("#field-objectId").evaluate("field => field.value = 'ZTF26lcurve'")
        async with page.expect_navigation():
            await page.locator("form.filters").evaluate("form => form.requestSubmit()")
        await expect(page.locator("table.alerts tbody tr")).to_have_count(3)
        await follow(page.get_by_role("link", name="magpsf", exact=True))
        await follow(page.get_by_role("link", name="Remove the filter").first)
        await page.locator("#q").fill(sky.OBJECT)
        async with page.expect_navigation():
            await page.get_by_role("button", name="Go").click()

        # The object, an alert of it by its row, the next one by its point in the plot.
        await expect(page).to_have_url(f"{proxy.address}/objects/{sky.OBJECT}/")
        await follow(page.locator("#alerts a").first)
        await page.locator("[data-curve] .scatterlayer .points path").first.wait_for()
        stamp = page.locator("img.stamp").first
        assert await stamp.evaluate("image => image.decode().then(() => image.naturalWidth)") == 189
        here = page.url
        async with page.expect_navigation():
            await page.evaluate(
                """() => {
                  const plot = document.querySelector('[data-curve]');
                  const pages = plot.data.flatMap(trace => trace.customdata ?? []);
                  const base = document.documentElement.dataset.base;
                  const other = pages.find(page => page && base + page !== location.pathname);
                  plot.emit('plotly_click', {points: [{customdata: other}]});
                }"""
            )
        assert page.url != here
        assert page.url.startswith(f"{proxy.address}/33")

        # JS9 in its frame, with the stamp that it loads.
        async with page.expect_response(lambda r: ".fits?wcs=true" in r.url):
            await page.get_by_role("link", name="Open in JS9").click()
        frame = page.frame_locator('[data-frame-place="js9"] iframe')
        await frame.locator(".JS9").first.wait_for()

        # The night, and from it back into the search.
        await follow(page.locator('a[title="the night of this alert"]'))
        await page.locator("[data-night=sky] .scatterlayer .points path").first.wait_for()
        await follow(page.locator("#fields tbody a").first)
        await expect(page.locator("table.alerts tbody tr")).not_to_have_count(0)

        # Help with an example of it, and what is not there.
        await follow(page.get_by_role("link", name="Help", exact=True))
        await follow(page.locator('a[href*="drb__gte"]').first)
        await expect(page.get_by_role("heading", level=1)).to_contain_text("alert")
        assert failed == []

        # Swagger asks for its document, and tries an operation.
        await follow(page.get_by_role("link", name="API", exact=True))
        operation = page.locator("#operations-operation-get_health")
        await operation.locator(".opblock-summary-control").click()
        async with page.expect_response(lambda r: r.url.endswith("/healthz")) as answered:
            await operation.locator("button.execute").click()
        assert (await answered.value).ok

        assert len(asked) > 50
        beside = [url for url in asked if not urlsplit(url).path.startswith(f"{BASE}/")]
        assert beside == []
        assert proxy.beside == []


async def test_what_is_not_there_leads_back(browser: Browser, proxy: Stripping) -> None:
    async with opened_page(browser, excused="404") as page:
        await page.goto(f"{proxy.address}/999999/")
        await follow(page.get_by_role("link", name="Search the archive"))
        await expect(page).to_have_url(f"{proxy.address}/")
        assert await page.locator("table.alerts tbody tr").count() > 0
