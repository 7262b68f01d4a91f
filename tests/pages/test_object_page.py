"""The page of an object."""

import re
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests import packets
from tests.app import sky
from tests.app.conftest import Served, fresh_archive, serving, take_in
from tests.pages.conftest import opened_page, serious_findings, width_beyond

HTML = {"Accept": "text/html"}


async def test_summary_curve_and_alerts(page: Page, served: Served) -> None:
    body: Any = await served.alerts({"object_id": sky.OBJECT})
    newest: Any = (await served.client.get(f"/api/v1/alerts/{sky.THIRD}")).json()
    await page.goto(f"{served.client.base_url}/objects/{sky.OBJECT}/", wait_until="load")
    assert await page.locator("h1").inner_text() == sky.OBJECT
    rows = page.locator("#alerts tbody tr")
    assert await rows.count() == len(body["items"]) == 3
    links = await rows.locator("a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    assert links == [f"/{item['candid']}/" for item in body["items"]]
    drawn = page.locator("[data-curve] .scatterlayer .points path")
    await expect(drawn).to_have_count(len(newest["history"]))
    summary = await page.locator("#summary tbody tr").all_inner_texts()
    assert len(summary) == 1
    assert summary[0].split("\t")[1] == "3"
    assert await page.locator("img.stamp").first.evaluate("i => i.naturalWidth") == 189
    assert await page.get_by_text("100.000000, -20.000000°").count() == 1
    for name, kind in (("one picture", "image/png"), ("FITS files (zip)", "application/zip")):
        address = await page.get_by_role("link", name=name).get_attribute("href")
        assert address is not None
        answer = await served.client.get(address)
        assert answer.headers["content-type"] == kind


async def test_two_names_of_one_star_find_each_other() -> None:
    arcsec = 1 / 3600
    messages = [
        packets.packet(candid=sky.BASE, object_id="ZTF26one", ra=359.9999, dec=60.0),
        packets.packet(candid=sky.FIRST, object_id="ZTF26two", ra=359.9999, dec=60 + arcsec),
        packets.packet(candid=sky.SECOND, object_id="ZTF26far", ra=359.9999, dec=60 + 3 * arcsec),
    ]
    async with fresh_archive() as settings:
        await take_in(settings, messages, "ztf_20260131_programid1")
        async with serving(settings) as client:
            for one, other in (("ZTF26one", "ZTF26two"), ("ZTF26two", "ZTF26one")):
                answer = await client.get(f"/objects/{one}/", headers=HTML)
                near = re.findall(r'<a href="/objects/(\w+)/">\w+</a> <span.*?>(.*?)″', answer.text)
                assert near == [(other, "1.00")]


@pytest.mark.parametrize("name", ["ZTF00nowhere", "<b>", "x" * 10_000, "%00", "1e308", "..%2f"])
async def test_an_unknown_object_is_a_404_page(served: Served, name: str) -> None:
    answer = await served.client.get(f"/objects/{name}/", headers=HTML)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "<b>" not in answer.text


@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_for_everyone(browser: Browser, served: Served, colours: str) -> None:
    address = f"{served.client.base_url}/objects/{sky.OBJECT}/"
    assert await serious_findings(browser, address, color_scheme=colours) == []
    phone = {"width": 360, "height": 740}
    async with opened_page(browser, viewport=phone, java_script_enabled=False) as page:
        await page.goto(address)
        assert await page.locator("svg.chart").is_visible()
    async with opened_page(browser, viewport=phone, color_scheme=colours) as page:
        await page.goto(address)
        assert await width_beyond(page) == 0
