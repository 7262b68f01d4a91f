"""Swagger UI in a real browser: it works from our own files alone."""

from urllib.parse import urlsplit

from playwright.async_api import Page, async_playwright

from tests.app.conftest import Served

FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
--disable-background-networking --disable-component-update --disable-sync""".split()


async def test_docs(served: Served) -> None:
    hosts: set[str | None] = set()
    complaints: list[str] = []
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = await browser.new_page()
        page.on("request", lambda r: hosts.add(urlsplit(r.url).hostname))
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"{served.client.base_url}/docs")
        await _try_out(page)
        await browser.close()
    assert hosts - {None} == {"127.0.0.1"}
    assert complaints == []


async def _try_out(page: Page) -> None:
    """The page found no fault; as they come, the first form lists alerts, the check runs."""
    listed = await _executed(page, "alerts-list_alerts")
    assert '"candid"' in listed
    assert '"ok"' in await _executed(page, "operation-get_health")
    assert await page.locator(".errors-wrapper").count() == 0


async def _executed(page: Page, name: str) -> str:
    """Open an operation, execute it as it stands; the body of its answer."""
    operation = page.locator(f"#operations-{name}")
    await operation.locator(".opblock-summary-control").click()
    await operation.locator("button.execute").click()
    body = operation.locator(".live-responses-table .response-col_description .microlight")
    await body.first.wait_for(timeout=10_000)
    return await body.first.inner_text()
