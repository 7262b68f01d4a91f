"""From a region, pasted or as a file, to its alerts on a map: with scripts and without."""

from pathlib import Path
from typing import Any

import pytest
from lxml import html
from playwright.async_api import Browser, Page, expect

from tests.app.conftest import Served
from tests.app.regions.moc import disc, send
from tests.app.regions.skymaps import bytes_of, skymap
from tests.pages.conftest import follow, opened_page, serious_findings, width_beyond

DISC = disc(150.0, 30.0, 2.0)
TEXT = DISC.serialize("str")


def base_of(served: Served) -> str:
    return str(served.client.base_url).rstrip("/")


@pytest.mark.parametrize("scripts", [True, False])
async def test_pasted_from_the_main_page_on(
    served: Served, browser: Browser, scripts: bool
) -> None:
    wanted = await served.candids({"region": await send(served.client, DISC), "limit": "100"})
    async with opened_page(browser, java_script_enabled=scripts) as page:
        await page.goto(base_of(served))
        await follow(page.get_by_role("link", name="Search in a region (MOC, skymap)"))
        await page.get_by_label("or a MOC as text").fill(TEXT)
        await follow(page.get_by_role("button", name="Show its alerts"))
        await expect(page.get_by_role("heading", level=1)).to_contain_text("square degrees")
        shown = await page.locator("#alerts tbody th").all_inner_texts()
        assert shown == wanted
        assert await page.locator("circle.dot").count() == len(wanted)
        await page.get_by_label("Before (UTC)").fill("2026-01-14T12:00:00Z")
        await follow(page.get_by_role("button", name="Limit the time"))
        await expect(page.get_by_label("Before (UTC)")).to_have_value("2026-01-14T12:00:00Z")
        fewer = await page.locator("#alerts tbody th").all_inner_texts()
        assert 0 < len(fewer) < len(shown)
        links = await page.locator("main a").evaluate_all("all => all.map(one => one.href)")
    for address in {link for link in links if "/api/v1/" in link}:
        answer = await served.client.get(address)
        assert answer.status_code == 200, address
        if "format=csv" in address:
            assert len(answer.text.splitlines()) == 1 + len(fewer)


async def test_a_skymap_as_a_file(served: Served, page: Page, tmp_path: Path) -> None:
    path = tmp_path / "bayestar.multiorder.fits"
    path.write_bytes(bytes_of(skymap(150.0, 30.0, 8.0)))
    await page.goto(f"{base_of(served)}/regions/")
    await page.get_by_label("File: a MOC").set_input_files(path)
    await page.get_by_label("Credible level of a skymap").select_option("0.5")
    await page.get_by_label("From (UTC)").fill("2026-01-10")
    await follow(page.get_by_role("button", name="Show its alerts"))
    await expect(page.locator("main")).to_contain_text("of a skymap cut at 0.5")
    await expect(page.get_by_label("From (UTC)")).to_have_value("2026-01-10")
    assert await page.locator("circle.dot").count() > 50


async def test_deleted_without_scripts(served: Served, browser: Browser) -> None:
    async with opened_page(browser, java_script_enabled=False, excused="40") as page:
        await page.goto(f"{base_of(served)}/regions/")
        await page.get_by_label("or a MOC as text").fill(TEXT)
        await page.get_by_label("Before (UTC)").fill("2026-01-14T12:00:00Z")
        await follow(page.get_by_role("button", name="Show its alerts"))
        secret = await page.locator("#secret").inner_text()
        shown = await page.locator("#alerts tbody th").all_inner_texts()
        await follow(page.get_by_role("link", name="address of the region"))
        await expect(page.locator("#secret")).to_have_count(0)
        await expect(page.get_by_label("Before (UTC)")).to_have_value("2026-01-14T12:00:00Z")
        assert await page.locator("#alerts tbody th").all_inner_texts() == shown
        for given, said in ((f"{secret}x", "not the secret of the region"), (secret, "Send a")):
            await page.get_by_text("Delete this region").click()
            await page.get_by_label("Secret, shown when").fill(given)
            address = page.url
            await follow(page.get_by_role("button", name="Delete the region"))
            await expect(page.get_by_text(said)).to_be_visible()
            await page.goto(address)
        await expect(page.get_by_text("there is no region of this id")).to_be_visible()


async def test_what_is_no_region_is_said_on_the_form(served: Served) -> None:
    files: dict[str, Any] = {"file": ("", b"")}
    answer = await served.client.post("/regions/", data={"moc": "hello"}, files=files)
    assert answer.status_code == 400
    (alert,) = html.fromstring(answer.text).xpath("//*[@role='alert']")
    assert "this is no MOC" in alert.text_content()
    answer = await served.client.get(f"/regions/{'A' * 32}/", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "there is no region of this id" in answer.text


async def test_a_large_one_asks_for_a_range_of_time(served: Served) -> None:
    region = await send(served.client, "0/0-1")
    for window in ({}, {"time__gte": "yesterday"}):
        answer = await served.client.get(f"/regions/{region}/", params=window)
        assert answer.status_code == 200
        (alert,) = html.fromstring(answer.text).xpath("//*[@role='alert']")
        assert ("time__gte" if window else "a time range") in alert.text_content()
    window = {"time__gte": "2026-01-10", "time__lt": "2026-02-05"}
    answer = await served.client.get(f"/regions/{region}/", params=window)
    assert html.fromstring(answer.text).xpath("count(//table[@id='alerts']//tbody/tr)") > 0


async def test_all_can_read_them(served: Served, browser: Browser) -> None:
    region = await send(served.client, DISC)
    for address in ("/regions/", f"/regions/{region}/"):
        for colours in ("light", "dark"):
            look: dict[str, Any] = {"color_scheme": colours}
            look["viewport"] = {"width": 360, "height": 740}
            assert await serious_findings(browser, f"{base_of(served)}{address}", **look) == []
            async with opened_page(browser, **look) as page:
                await page.goto(f"{base_of(served)}{address}")
                assert await width_beyond(page) == 0
