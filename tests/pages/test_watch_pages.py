"""Watches made by a click, their page and their feed."""

from xml.etree import ElementTree

import pytest
from playwright.async_api import Browser, Page, expect

from tests.app.live.streams import grow
from tests.app.watches.test_watches import Watching, watching
from tests.pages.conftest import follow, opened_page, serious_findings, width_beyond

__all__ = ["watching"]

ATOM = {"a": "http://www.w3.org/2005/Atom"}


def at(watching: Watching, path: str) -> str:
    return f"{str(watching.client.base_url).rstrip('/')}{path}"


async def test_a_search_is_watched_by_one_click(watching: Watching, browser: Browser) -> None:
    async with opened_page(browser, excused="404") as page:
        await watch_by_click(watching, page)


async def watch_by_click(watching: Watching, page: Page) -> None:
    await grow(watching.settings, 0, 2, object_id="ZTF26aaaaaaa")
    await page.goto(at(watching, "/?objectId=ZTF26aaaaaaa"))
    await follow(page.get_by_role("button", name="Watch this search"))
    await expect(page.get_by_text("object_id = ZTF26aaaaaaa")).to_be_visible()
    secret = await page.locator("#secret").inner_text()
    await follow(page.get_by_role("link", name="address of the watch"))
    await expect(page.locator("#secret")).to_have_count(0)
    await expect(page.get_by_text("None yet")).to_be_visible()
    await grow(watching.settings, 2, 3, object_id="ZTF26aaaaaaa")
    address = page.url
    told = page.get_by_role("status")
    await expect(told).to_have_text("3 new alerts")
    await follow(told.get_by_role("link"))
    await expect(page.locator("table.alerts tbody tr")).to_have_count(3)
    await page.get_by_label("Secret").fill(secret)
    await follow(page.get_by_role("button", name="Delete the watch"))
    await page.goto(address)
    await expect(page.get_by_text("no such watch")).to_be_visible()


@pytest.mark.parametrize("name", ["Watch this object", "Watch this place, 2″ around"])
async def test_an_object_or_its_place_is_watched_without_scripts(
    watching: Watching, browser: Browser, name: str
) -> None:
    await grow(watching.settings, 0, 1, object_id="ZTF26aaaaaaa")
    async with opened_page(browser, java_script_enabled=False) as page:
        await page.goto(at(watching, "/objects/ZTF26aaaaaaa/"))
        await follow(page.get_by_role("button", name=name))
        address = await page.get_by_role("link", name="address of the watch").get_attribute("href")
    assert address is not None
    watch = {"id": address.rstrip("/").rpartition("/")[2]}
    await grow(watching.settings, 1, 2, object_id="ZTF26aaaaaaa")
    assert (await watching.matched(watch))["hits"] == 2


async def test_the_feed_holds_the_newest(watching: Watching) -> None:
    watch = await watching.made({"object_id": "ZTF26aaaaaaa"})
    await grow(watching.settings, 0, 3, object_id="ZTF26aaaaaaa")
    await watching.matched(watch)
    answer = await watching.client.get(watch["links"]["atom"])
    assert answer.headers["content-type"] == "application/atom+xml"
    feed = ElementTree.fromstring(answer.content)
    assert feed.findtext("a:id", namespaces=ATOM) == watch["links"]["self"]
    entries = feed.findall("a:entry", ATOM)
    wanted = [one["links"]["self"] for one in await watching.hits(watch)]
    assert [one.findtext("a:id", namespaces=ATOM) for one in entries] == wanted
    assert all("ZTF26aaaaaaa" in (e.findtext("a:title", namespaces=ATOM) or "") for e in entries)
    for link in feed.findall("a:entry/a:link", ATOM):
        assert (await watching.client.get(link.attrib["href"])).status_code == 200


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_page_fits_a_phone_and_can_be_read(
    watching: Watching, browser: Browser, scheme: str
) -> None:
    watch = await watching.made({"object_id": "ZTF26aaaaaaa", "magpsf__lt": 30})
    await grow(watching.settings, 0, 3, object_id="ZTF26aaaaaaa")
    await watching.matched(watch)
    address = at(watching, f"/watches/{watch['id']}/")
    size = {"width": 360, "height": 740}
    async with opened_page(browser, viewport=size, color_scheme=scheme) as page:
        await page.goto(address)
        await expect(page.locator("table.alerts tbody tr")).to_have_count(3)
        assert await width_beyond(page) == 0
    assert await serious_findings(browser, address, color_scheme=scheme) == []
