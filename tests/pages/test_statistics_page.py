"""The page of statistics in a browser: what it shows is the JSON, and its links find as much."""

import math
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from lxml import html
from playwright.async_api import Browser, expect

from app.statistics.models import Statistics
from tests.app.columns.copied import execute
from tests.app.conftest import app_settings, fresh_archive, serving
from tests.catalog.catalogs import add_alerts, until_counted, update_catalog
from tests.conftest import new_place
from tests.pages.conftest import opened_page, serious_findings, width_beyond

HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
async def counted(template: str) -> AsyncIterator[tuple[httpx.AsyncClient, Statistics]]:
    """Some thousand simulated alerts of 150 nights, all of them in the catalog, served."""
    async with new_place(template) as place:
        await add_alerts(place, 4000)
        # As if they had come over some months.
        await execute(place, "UPDATE ledger SET time = time - (16 - batch) * interval '9 days'")
        await update_catalog(place)
        async with serving(app_settings(place)) as client:
            yield client, Statistics.model_validate(await until_counted(client))


async def read(client: httpx.AsyncClient) -> html.HtmlElement:
    answer = await client.get("/statistics/", headers=HTML)
    assert answer.status_code == 200, answer.text[:500]
    return html.fromstring(answer.content)


def number(text: str) -> int:
    return int(text.replace(",", "").strip() or 0)


def table(page: html.HtmlElement, name: str) -> list[html.HtmlElement]:
    rows: list[html.HtmlElement] = page.xpath(f'//table[@id="{name}"]/tbody/tr')
    return rows


async def total(client: httpx.AsyncClient, address: str) -> int:
    """How many alerts a link finds."""
    if address.startswith("/api/"):
        return int((await client.get(address)).json()["count"])
    if address.startswith("/nights/"):
        body = (await client.get(f"/api/v1{address.rstrip('/')}/fields")).json()
        return int(body["alerts"])
    found, page = 0, 1
    while True:
        answer = (await client.get(f"{address}&format=json&page={page}")).json()
        found += len(answer["results"])
        if not answer["has_next"]:
            return found
        page += 1


async def test_api(counted: tuple[httpx.AsyncClient, Statistics]) -> None:
    client, statistics = counted
    answer = await client.get("/api/v1/statistics")
    assert statistics.totals.alerts == statistics.growth[-1].total == 4000
    again = await client.get(
        "/api/v1/statistics", headers={"If-None-Match": answer.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    refused = await client.get("/api/v1/statistics?format=csv")
    assert refused.status_code == 422


async def test_tables_are_the_json(counted: tuple[httpx.AsyncClient, Statistics]) -> None:
    client, statistics = counted
    page = await read(client)
    totals = [number(t) for t in page.xpath('//dl[@id="totals"]//dd[not(@class)]/text()')]
    own = statistics.totals
    assert totals == [own.alerts, own.objects, own.nights, own.exposures, own.bodies]
    sums: Counter[str] = Counter()
    for name in ("nights", "magnitudes", "rb", "drb", "objects", "areas"):
        sums[name] = sum(number(row[-1].text_content()) for row in table(page, name))
    drawn = {
        "nights": own.alerts,
        "magnitudes": sum(sum(one.counts) for one in statistics.magpsf),
        "rb": sum(statistics.rb.counts),
        "drb": sum(statistics.drb.counts),
        "objects": own.objects,
        "areas": own.alerts,
    }
    assert sums == drawn
    assert [number(row[1].text_content()) for row in table(page, "bodies")] == [
        body.alerts for body in statistics.bodies
    ]
    assert [number(row[-1].text_content()) for row in table(page, "growth")][-1] == 4000
    # Each bar of a stack is a cell of its table.
    for name in ("nights", "magnitudes"):
        bars = page.xpath(f'//section[@aria-labelledby="{name}-title"]//g[contains(@class, "bar")]')
        cells = [
            cell
            for row in table(page, name)
            for cell in row.xpath("./td[position() < last()]")
            if number(cell.text_content())
        ]
        assert len(bars) == len(cells) > 30
    pixels = sum(1 for count in statistics.sky.counts if count)
    legend = page.xpath('//ul[@aria-label="Alerts in each pixel"]/li')
    assert sum(number(li.text_content().split(": ")[1].split()[0]) for li in legend) == pixels


@pytest.mark.parametrize("name", ["nights", "magnitudes", "rb", "drb", "bodies"])
async def test_each_number_leads_to_as_many_alerts(
    counted: tuple[httpx.AsyncClient, Statistics], name: str
) -> None:
    client, _ = counted
    links = [link for row in table(await read(client), name) for link in row.xpath(".//a")]
    assert len(links) >= 3
    every = math.ceil(len(links) / 40)
    for link in links[::every]:
        assert await total(client, link.get("href")) == number(link.text_content()), link.get(
            "href"
        )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1400])
async def test_without_javascript_on_any_screen(
    counted: tuple[httpx.AsyncClient, Statistics], browser: Browser, scheme: Any, width: int
) -> None:
    client, statistics = counted
    shown = {"width": width, "height": 800}
    async with opened_page(
        browser, viewport=shown, color_scheme=scheme, java_script_enabled=False
    ) as page:
        await page.goto(f"{client.base_url}/statistics/")
        await expect(page.get_by_role("img")).to_have_count(7)
        alerts = page.locator("#totals dd").first
        await expect(alerts).to_have_text(f"{statistics.totals.alerts:,}")
        for summary in await page.locator("summary").all():
            await summary.press("Enter")
        await expect(page.locator("#nights tbody tr").first).to_be_visible()
    async with opened_page(browser, viewport=shown, color_scheme=scheme) as page:
        await page.goto(f"{client.base_url}/statistics/")
        assert await width_beyond(page) == 0
        current = page.get_by_role("navigation", name="Site").locator('[aria-current="page"]')
        await expect(current).to_have_text("Statistics")
    address = f"{client.base_url}/statistics/"
    assert await serious_findings(browser, address, viewport=shown, color_scheme=scheme) == []


async def test_without_a_catalog(browser: Browser) -> None:
    async with fresh_archive() as settings, serving(settings) as client:
        answer = await client.get("/api/v1/statistics")
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"]
        assert "`python -m catalog update`" in answer.json()["detail"]
        page = await read(client)
        text = " ".join(page.text_content().split())
        assert "Statistics are counted in the columnar catalog" in text
        assert "The ledger has no alert yet." in text
        assert await serious_findings(browser, f"{client.base_url}/statistics/") == []


async def test_what_the_ledger_knows_by_itself(template: str) -> None:
    async with new_place(template) as place:
        await add_alerts(place, 500)
        async with serving(app_settings(place)) as client:
            page = await read(client)
            assert [number(t) for t in page.xpath('//dl[@id="totals"]//dd/text()')] == [500, 1]
            assert [number(c.text_content()) for c in table(page, "growth")[0][1:]] == [500, 500]
            assert len(page.xpath('//svg[@role="img"]')) == 1


async def test_a_catalog_of_nothing(template: str) -> None:
    async with new_place(template) as place:
        await update_catalog(place)
        async with serving(app_settings(place)) as client:
            assert (await client.get("/statistics/", headers=HTML)).status_code == 200
