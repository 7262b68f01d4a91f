"""The main page in a browser: every filter, sorting, paging, keys, a phone, no scripts."""

import asyncio
from contextlib import redirect_stdout
from io import BytesIO, StringIO
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pyarrow.parquet
import pytest
from lxml import html
from playwright.async_api import Browser, Page, Route, expect

from app.mars.form import FORM
from tests.app import sky
from tests.app.conftest import fresh_archive, serving, take_in
from tests.app.regions.moc import disc, send
from tests.pages.conftest import (
    becomes,
    follow,
    opened_page,
    serious_findings,
    staying,
    width_beyond,
)

HTML = {"Accept": "text/html"}
# Values that find some of the real packets, and not all, where the form's examples do not.
VALUES: Final = {
    "time__since": "63072000",
    "objectidps": "127370008133564418",
    "objectcone": "M31, 20",
    "ra__gt": "200",
    "ra__lt": "100",
    "l__gt": "100",
    "l__lt": "130",
    "jd__gt": "2459000.5",
    "jd__lt": "2459000.5",
    "time__gt": "2020-01-01",
    "time__lt": "2020-01-01T12:00",
}


def at(client: httpx.AsyncClient, path: str) -> str:
    return str(client.base_url.join(path))


async def listed(page: Page) -> list[str]:
    """The ids in the table, once it has all come."""
    await page.wait_for_load_state("load")
    cells = page.locator("table.alerts tbody tr td:first-child")
    return [text.strip() for text in await cells.all_inner_texts()]


async def answered(client: httpx.AsyncClient, **query: str) -> list[str]:
    """The ids in the JSON of the same search."""
    answer = await client.get("/", params=query | {"format": "json"})
    assert answer.status_code == 200, answer.text
    return [str(result["lco_id"]) for result in answer.json()["results"]]


async def fill(page: Page, name: str, value: str) -> None:
    field = page.locator(f"#field-{name}")
    if not await field.is_visible():
        await page.locator("details", has=field).last.locator("> summary").click()
    if await field.evaluate("e => e.tagName") == "SELECT":
        await field.select_option(value)
    else:
        await field.fill(value)


async def submit(page: Page) -> None:
    await follow(page.get_by_role("button", name="Search", exact=True))


async def send_region(client: httpx.AsyncClient) -> str:
    """A region around the newest alert."""
    (newest,) = (await client.get("/api/v1/alerts", params={"limit": 1})).json()["items"]
    return await send(client, disc(newest["ra"], newest["dec"], 20.0, 6))


async def test_every_filter_finds_what_its_json_finds(
    real_sky: httpx.AsyncClient, page: Page
) -> None:
    """The form is filled and sent in a browser; what it asks for is read without one.

    To lay out each list takes a browser a second, and the other tests here do it: here the form is
    one that found nothing.
    """
    found: dict[str, int] = {}
    await page.goto(at(real_sky, "/?objectId=nothing"))
    await fill(page, "objectId", "")
    await page.route("**/*", stay)
    for name, entry in FORM.items():
        value = VALUES.get(name, entry.example)
        if name == "region":
            value = await send_region(real_sky)
        for before in list(found)[-1:]:
            await fill(page, before, "")
        await fill(page, name, value)
        address = await sent(page)
        # What is empty stays out of the address.
        assert httpx.URL(address).params == httpx.QueryParams({name: value})
        shown = html.fromstring((await real_sky.get(address, headers=HTML)).content)
        assert shown.get_element_by_id(f"field-{name}").value == value
        cells = shown.xpath('//table[contains(@class, "alerts")]/tbody/tr/td[1]')
        ids = [cell.text_content().strip() for cell in cells]
        assert ids == await answered(real_sky, **{name: value}), name
        found[name] = len(ids)
    assert [name for name, count in found.items() if count == 0] == ["ssnamenr"]


async def stay(route: Route) -> None:
    """Answer so that a browser stays where it is."""
    if route.request.is_navigation_request():
        await route.fulfill(status=204)
    else:
        await route.continue_()


async def sent(page: Page) -> str:
    """The address that the form asks for, on a page that stays."""
    async with page.expect_request(lambda r: r.is_navigation_request()) as asked:
        await page.get_by_role("button", name="Search", exact=True).click()
    # As if people had come back to it.
    await page.evaluate("dispatchEvent(new Event('pageshow'))")
    return (await asked.value).url


async def test_filters_together_and_chips_that_remove_them(
    real_sky: httpx.AsyncClient, page: Page
) -> None:
    await page.goto(at(real_sky, "/"))
    given = {"filter": "r", "magpsf__lte": "17.5", "rb__gte": "0.6"}
    for name, value in given.items():
        await fill(page, name, value)
    await submit(page)
    assert await listed(page) == await answered(real_sky, **given)
    chips = page.locator("ul.chips .chip span")
    assert await chips.all_inner_texts() == ["filter = r", "magpsf ≤ 17.5", "rb ≥ 0.6"]
    await follow(page.get_by_role("link", name="Remove the filter magpsf ≤ 17.5"))
    assert await chips.all_inner_texts() == ["filter = r", "rb ≥ 0.6"]
    assert await page.input_value("#field-rb__gte") == "0.6"
    assert await listed(page) == await answered(real_sky, filter="r", rb__gte="0.6")
    await follow(page.get_by_role("link", name="Remove all"))
    assert await listed(page) == await answered(real_sky)


async def test_a_click_on_a_header_sorts_and_another_turns_it_round(
    real_sky: httpx.AsyncClient, page: Page
) -> None:
    await page.goto(at(real_sky, "/?rb__gte=0.6"))
    header = page.get_by_role("columnheader", name="magpsf")
    for order, words in (("desc", "descending"), ("asc", "ascending"), ("desc", "descending")):
        await follow(header.get_by_role("link"))
        assert await header.get_attribute("aria-sort") == words
        assert await header.inner_text() == "magpsf"
        asked = {"rb__gte": "0.6", "sort_value": "magpsf", "sort_order": order}
        assert await listed(page) == await answered(real_sky, **asked)
    # A search by the form keeps the order that is shown in it.
    await fill(page, "filter", "g")
    await submit(page)
    asked = {"rb__gte": "0.6", "filter": "g", "sort_value": "magpsf", "sort_order": "desc"}
    assert await listed(page) == await answered(real_sky, **asked)


async def test_paging_by_links_and_by_keys(real_sky: httpx.AsyncClient, page: Page) -> None:
    await page.goto(at(real_sky, "/?dec__gt=20"))
    first, seen = await listed(page), await listed(page)
    count = int((await page.locator("h1").inner_text()).split()[0])
    assert await page.locator("a[rel=prev]").count() == 0
    await page.keyboard.press("ArrowRight")
    await page.wait_for_url("**/?dec__gt=20&page=2")
    second = await listed(page)
    await page.keyboard.press("ArrowLeft")
    await page.wait_for_url("**/?dec__gt=20&page=1")
    assert await listed(page) == first
    while await page.locator("a[rel=next]").count():
        await follow(page.locator("a[rel=next]").first)
        seen += await listed(page)
    assert seen[len(first) : len(first) + len(second)] == second
    assert len(seen) == len(set(seen)) == count > 200
    async with staying(page):
        await page.keyboard.press("ArrowRight")


async def test_the_slash_goes_to_the_search_box(real_sky: httpx.AsyncClient, page: Page) -> None:
    await page.goto(at(real_sky, "/"))
    await page.keyboard.press("/")
    await page.keyboard.type("ZTF21abiuvdk/")
    box = page.get_by_role("searchbox")
    await expect(box).to_have_value("ZTF21abiuvdk/")
    await box.fill("ZTF21abiuvdk")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/objects/ZTF21abiuvdk/")
    assert await page.locator("h1").inner_text() == "ZTF21abiuvdk"


async def test_a_position_in_the_search_box(real_sky: httpx.AsyncClient, page: Page) -> None:
    await page.goto(at(real_sky, "/"))
    await page.get_by_role("searchbox").fill('0.81429 16.14569 r=30"')
    await page.get_by_role("button", name="Go").click()
    await page.wait_for_url("**/?cone=*")
    assert len(await listed(page)) == 34


async def test_an_alert_and_its_object_are_a_click_away(
    real_sky: httpx.AsyncClient, page: Page
) -> None:
    await page.goto(at(real_sky, "/?objectId=ZTF21abiuvdk"))
    row = page.locator("table.alerts tbody tr").first
    lco_id = await row.locator("td").first.inner_text()
    await row.locator("td a").first.click()
    await page.wait_for_url(f"**/{lco_id}/")
    assert "ZTF21abiuvdk" in await page.locator("h1").inner_text()
    await page.go_back()
    await row.get_by_role("link", name="ZTF21abiuvdk").click()
    await page.wait_for_url("**/objects/ZTF21abiuvdk/")
    assert "ZTF21abiuvdk" in await page.locator("h1").inner_text()


async def test_the_filter_to_blame_is_removed_by_a_click(
    real_sky: httpx.AsyncClient, page: Page
) -> None:
    await page.goto(at(real_sky, "/?filter=g&magpsf__lte=2"))
    blamed = page.locator("#empty .chip")
    assert await blamed.locator("span").all_inner_texts() == ["magpsf ≤ 2"]
    await follow(blamed.get_by_role("link"))
    assert await listed(page) == await answered(real_sky, filter="g")


async def test_an_error_stands_beside_its_field(
    real_sky: httpx.AsyncClient, browser: Browser
) -> None:
    # Chromium reports every answer of 400 on its console.
    async with opened_page(browser, excused="status of 400") as page:
        await page.goto(at(real_sky, "/"))
        await fill(page, "magpsf__lte", "<b>bright</b>")
        await fill(page, "rb__gte", "0.5")
        await submit(page)
        field = page.locator("#field-magpsf__lte")
        assert await field.input_value() == "<b>bright</b>"
        assert await page.input_value("#field-rb__gte") == "0.5"
        await expect(field).to_have_accessible_description("not a number; an example is 18")
        assert await page.locator("main b").count() == 0
        await page.get_by_role("alert").get_by_role("link", name="magpsf__lte").click()
        await expect(field).to_be_focused()
        await field.fill("16")
        await submit(page)
        assert await listed(page) == await answered(real_sky, magpsf__lte="16", rb__gte="0.5")


async def test_hostile_text_is_shown_as_text(real_sky: httpx.AsyncClient, page: Page) -> None:
    hostile = '"><script>document.title="broken"</script><img src=x onerror=alert(1)>'
    await page.goto(at(real_sky, "/"))
    await fill(page, "objectId", hostile)
    await submit(page)
    assert await page.input_value("#field-objectId") == hostile
    assert await page.locator(".chip span").first.inner_text() == f"objectId = {hostile}"
    assert await page.title() == f"objectId = {hostile} · MARS"
    assert await page.locator("main img").count() == 0


async def test_the_code_of_a_search_runs(real_sky: httpx.AsyncClient, page: Page) -> None:
    await page.goto(at(real_sky, "/?dec__gt=20&rb__gte=0.5&page=2"))
    await page.get_by_role("link", name="Python").click()
    program = page.locator("#program code.language-python")
    # The text of what is folded up is empty, and a script opens it only after the click.
    await expect(program).to_be_visible()
    code = await program.inner_text()
    said = StringIO()

    def run() -> None:
        with redirect_stdout(said):
            exec(compile(code, "/", "exec"), {})

    await asyncio.to_thread(run)
    assert said.getvalue().strip() == (await page.locator("h1").inner_text()).strip()
    for name in ("JSON", "typed API"):
        link = page.locator("#program").get_by_role("link", name=name, exact=True)
        href = await link.get_attribute("href")
        assert href is not None
        assert (await real_sky.get(href)).status_code == 200
    await expect(page.locator("#program button.copy")).to_have_count(2)


async def test_the_whole_search_as_files(real_sky: httpx.AsyncClient, page: Page) -> None:
    await page.goto(at(real_sky, "/?dec__gt=20&rb__gte=0.5&objectId="))
    await page.get_by_role("link", name="Download").click()
    total = int((await page.locator("h1").inner_text()).split()[0].replace(",", ""))
    bodies = {}
    for name in ("CSV", "VOTable", "Parquet", "JSON Lines"):
        href = await page.get_by_role("link", name=name, exact=True).get_attribute("href")
        assert href is not None
        answer = await real_sky.get(href)
        assert answer.status_code == 200, answer.text
        bodies[name] = answer.content
    assert total > 100
    assert bodies["CSV"].count(b"\r\n") == total + 1
    assert bodies["JSON Lines"].count(b"\n") == total
    assert bodies["VOTable"].count(b"<TR>") == total
    assert pyarrow.parquet.read_table(BytesIO(bodies["Parquet"])).num_rows == total
    # The typed API sorts the whole archive by few columns only.
    await page.goto(at(real_sky, "/?sort_value=rb"))
    assert await page.get_by_role("link", name="CSV", exact=True).count() == 0


async def test_stamps_are_drawn_in_the_rows(real_sky: httpx.AsyncClient, page: Page) -> None:
    await page.goto(at(real_sky, "/?objectId=ZTF21abiuvdk"), wait_until="networkidle")
    widths = "[...document.querySelectorAll('td.thumb img')].slice(0, 10).map(i => i.naturalWidth)"
    await becomes(lambda: page.evaluate(widths), [63] * 10)
    assert await page.locator("td.thumb img").count() >= 10


async def test_without_scripts(real_sky: httpx.AsyncClient, browser: Browser) -> None:
    async with opened_page(browser, java_script_enabled=False) as page:
        await page.goto(at(real_sky, "/"))
        await fill(page, "rb__gte", "0.6")
        await fill(page, "filter", "r")
        await submit(page)
        # The whole form is in the address, empty fields too, and means the same.
        assert len(httpx.URL(page.url).params) == len(FORM) + 2
        assert await listed(page) == await answered(real_sky, rb__gte="0.6", filter="r")
        await follow(page.get_by_role("link", name="Next").first)
        following = await answered(real_sky, rb__gte="0.6", filter="r", page="2")
        assert await listed(page) == following
        assert "page=2" in urlsplit(page.url).query
        await page.locator("#program summary").click()
        await expect(page.locator("#program pre code").first).to_be_visible()


async def test_a_phone_is_wide_enough(real_sky: httpx.AsyncClient, browser: Browser) -> None:
    for scheme in ("light", "dark"):
        size: Any = {"width": 360, "height": 740}
        async with opened_page(browser, viewport=size, color_scheme=scheme) as page:
            for address in ("/", "/?rb__gte=0.6&objectId=" + "Z" * 190):
                await page.goto(at(real_sky, address))
                assert await width_beyond(page) <= 0
                # The filters make room for the results until they are asked for.
                assert not await page.locator("#field-rb__gte").is_visible()
            await page.locator("details.panel > summary").click()
            await fill(page, "rb__gte", "0.9")
            assert await width_beyond(page) <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "address", ["/?rb__gte=0.6", "/?filter=g&magpsf__lte=2", "/?cone=1&magpsf__lte=x"]
)
async def test_no_serious_finding(
    real_sky: httpx.AsyncClient, browser: Browser, address: str, scheme: str
) -> None:
    found = await serious_findings(
        browser, at(real_sky, address), color_scheme=scheme, excused="status of 400"
    )
    assert found == []


async def test_dark_is_dark(real_sky: httpx.AsyncClient, browser: Browser) -> None:
    shades = {}
    for scheme in ("light", "dark"):
        async with opened_page(browser, color_scheme=scheme) as page:
            await page.goto(at(real_sky, "/"))
            colour = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
            shades[scheme] = sum(await page.evaluate(colour))
    assert shades["light"] > 700
    assert shades["dark"] < 150


async def test_the_latest_alert_comes_by_itself(browser: Browser) -> None:
    async with fresh_archive() as settings, serving(settings) as client:
        await take_in(settings, sky.first_batch()[:1], "ztf_20260131_programid1")
        async with opened_page(browser) as page:
            await page.clock.install()
            await page.goto(at(client, "/"))
            before = await page.locator("p.latest time").inner_text()
            await take_in(settings, sky.second_batch(), "ztf_20260131_programid1", 10)
            await page.clock.fast_forward(31_000)
            await expect(page.locator("p.latest time")).not_to_have_text(before)
            assert await page.locator("p.latest time").inner_text() > before
