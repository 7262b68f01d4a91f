"""Watches made by a click, their page and their feed."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from playwright.async_api import Browser, Page, expect

from tests import packets
from tests.app.live.streams import grow
from tests.app.watches.test_watches import Watching, watching
from tests.pages.conftest import follow, opened_page, serious_findings, width_beyond

__all__ = ["watching"]

ATOM = {"a": "http://www.w3.org/2005/Atom"}


def at(watching: Watching, path: str) -> str:
    return f"{str(watching.client.base_url).rstrip('/')}{path}"


async def test_a_search_is_watched_by_one_click(watching: Watching, browser: Browser) -> None:
    async with opened_page(browser, excused="404") as page:
        address = await watch_by_click(watching, page)
    watch = address.rstrip("/").rpartition("/")[2]
    assert (await watching.client.get(f"/api/v1/watches/{watch}")).status_code == 404


async def watch_by_click(watching: Watching, page: Page) -> str:
    """Make a watch, see what it finds, delete it; the address that its page had."""
    await grow(watching.settings, 0, 2, object_id="ZTF26aaaaaaa")
    await page.goto(at(watching, "/?objectId=ZTF26aaaaaaa"))
    await page.get_by_role("link", name="Watch", exact=True).click()
    await expect(page.get_by_role("button", name="Watch this search")).to_be_in_viewport()
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
    await page.get_by_text("Change or delete this watch").click()
    await page.get_by_label("Secret, to delete it").fill(secret)
    await follow(page.get_by_role("button", name="Delete the watch"))
    await page.goto(address)
    await expect(page.get_by_text("no such watch")).to_be_visible()
    return address


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


POSITION = packets.alert()["candidate"]
NEAR = f"here, {POSITION['ra']}, {POSITION['dec']}\nelsewhere, 10, 80\n"


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_pasted_list_is_watched_from_the_main_page_on(
    watching: Watching, browser: Browser, scripts: bool
) -> None:
    await grow(watching.settings, 0, 1)
    async with opened_page(browser, java_script_enabled=scripts, excused="422") as page:
        await page.goto(at(watching, "/"))
        await follow(page.get_by_role("link", name="Watch a list of positions"))
        await page.get_by_label("or lines").fill(NEAR.replace("80", "95"))
        await page.get_by_label("brighter than").fill("30")
        await follow(page.get_by_role("button", name="Watch them"))
        await expect(page.get_by_role("alert")).to_contain_text("id 'elsewhere'")
        await expect(page.get_by_label("brighter than")).to_have_value("30")
        await page.get_by_label("or lines").fill(NEAR)
        await follow(page.get_by_role("button", name="Watch them"))
        await expect(page.locator(".headline")).to_have_text("magpsf < 30, near 2 positions")
        await follow(page.get_by_role("link", name="address of the watch"))
        watch = {"id": page.url.rstrip("/").rpartition("/")[2]}
        await grow(watching.settings, 1, 2)
        await watching.matched(watch)
        await page.reload()
        await expect(page.locator("table.alerts tbody tr")).to_have_count(2)
        # All three alerts of the object are on its curve.
        assert await page.locator("svg.spark").first.locator("circle").count() == 3
        feed = page.locator("head link[type='application/atom+xml']")
        assert (await feed.get_attribute("href") or "").endswith(f"{watch['id']}/atom")


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_watch_is_changed_with_its_secret_and_a_file(
    watching: Watching, browser: Browser, scripts: bool, tmp_path: Path
) -> None:
    watch = await watching.made({"object_id": "ZTF26aaaaaaa"})
    path = tmp_path / "list.csv"
    path.write_text("name;RA;Dec\na;10;20\nb;11;21\n")
    async with opened_page(browser, java_script_enabled=scripts, excused="403") as page:
        await page.goto(at(watching, f"/watches/{watch['id']}/"))
        await page.get_by_text("Change or delete this watch").click()
        await page.get_by_label("Filters").fill("magpsf__lt=17")
        await page.get_by_label("Secret of the watch").fill("mars_wrong")
        await follow(page.get_by_role("button", name="Change the watch"))
        await expect(page.get_by_role("alert")).to_contain_text("not the secret")
        await expect(page.get_by_label("Filters")).to_have_value("magpsf__lt=17")
        await page.get_by_label("File: CSV").set_input_files(path)
        await page.get_by_label("Secret of the watch").fill(watch["secret"])
        await follow(page.get_by_role("button", name="Change the watch"))
        await expect(page.locator(".headline")).to_have_text("magpsf < 17, near 2 positions")
        await page.get_by_text("Change or delete this watch").click()
        await page.get_by_label("Leave them all out").check()
        await page.get_by_label("or lines").fill("c, 12, 22")
        await page.get_by_label("Add them to the 2 positions").check()
        await page.get_by_label("Secret of the watch").fill(watch["secret"])
        await follow(page.get_by_role("button", name="Change the watch"))
        await expect(page.locator(".headline")).to_have_text("near 3 positions")
    told = (await watching.client.get(f"/api/v1/watches/{watch['id']}")).json()
    assert (told["query"], told["positions"]) == ("", 3)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_form_fits_a_phone_and_can_be_read(
    watching: Watching, browser: Browser, scheme: str
) -> None:
    size = {"width": 360, "height": 740}
    async with opened_page(browser, viewport=size, color_scheme=scheme) as page:
        await page.goto(at(watching, "/watches/"))
        assert await width_beyond(page) == 0
    assert await serious_findings(browser, at(watching, "/watches/"), color_scheme=scheme) == []


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
