"""The pages of the ledger and of a night, in a browser, over the real packets."""

import math
import re
from collections import Counter
from datetime import date
from typing import Any

import httpx
import pytest
from lxml import html
from playwright.async_api import Browser, Page, expect

from app.pages.plots import nightplot
from archive import times
from tests import packets
from tests.app import sky
from tests.app.conftest import fresh_archive, serving, take_in
from tests.pages.conftest import becomes, follow, opened_page, serious_findings, width_beyond

HTML = {"Accept": "text/html"}
DAY = "20181129"
"""236 real alerts, of three fields."""
DAYS = (DAY, "20180626", "20210901", "20210720")
"""Those, and nights of several filters."""
DAY_JD = 2_461_071.5
"""0h UTC of 2026-01-31."""


async def fields(client: httpx.AsyncClient, night: str) -> Any:
    return (await client.get(f"/api/v1/nights/{night}/fields")).json()


async def read(client: httpx.AsyncClient, address: str, status: int = 200) -> html.HtmlElement:
    answer = await client.get(address, headers=HTML)
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return html.fromstring(answer.content)


def cells(row: html.HtmlElement) -> list[str]:
    return [" ".join(cell.text_content().split()) for cell in row]


async def found(client: httpx.AsyncClient, address: str) -> list[dict[str, Any]]:
    """Every alert that a search of the main page finds, page by page."""
    alerts: list[dict[str, Any]] = []
    page = 1
    while True:
        answer = await client.get(f"{address}&format=json&page={page}")
        assert answer.status_code == 200, answer.text
        alerts += answer.json()["results"]
        if not answer.json()["has_next"]:
            return alerts
        page += 1


@pytest.mark.parametrize("night", DAYS)
async def test_each_number_leads_to_as_many_alerts(real_sky: httpx.AsyncClient, night: str) -> None:
    body = await fields(real_sky, night)
    page = await read(real_sky, f"/nights/{night}/")
    rows = page.xpath('//table[@id="fields"]/tbody/tr')
    assert len(rows) == len(body["items"]) > 0
    for row, item in zip(rows, body["items"], strict=True):
        assert cells(row)[:5] == [
            str(item["field"]),
            item["filter"],
            *(f"{item[name]:,}" for name in ("alerts", "exposures", "quadrants")),
        ]
        (link,) = row.xpath(".//a/@href")
        alerts = await found(real_sky, link)
        assert len(alerts) == item["alerts"]
        assert {a["candidate"]["field"] for a in alerts} == {item["field"]}
        assert {a["candidate"]["filter"] for a in alerts} == {item["filter"]}
    by_time = page.xpath('//table[@id="times"]/tbody/tr')
    total = 0
    for row in by_time:
        count = int(cells(row)[-1].replace(",", ""))
        assert sum(int(cell.replace(",", "") or 0) for cell in cells(row)[2:-1]) == count
        assert len(await found(real_sky, row.xpath(".//a/@href")[0])) == count
        total += count
    (every,) = page.xpath('//p[@class="headline"]//a[not(@download)]/@href')
    assert total == len(await found(real_sky, every)) == body["alerts"]


async def test_edges_of_day_and_of_ten_minutes_are_sharp() -> None:
    edge = times.jd_of(times.datetime_of(DAY_JD + 1 / 24))
    jds = [
        math.nextafter(DAY_JD, 0),
        DAY_JD,
        math.nextafter(edge, 0),
        edge,
        math.nextafter(DAY_JD + 1, 0),
        DAY_JD + 1,
    ]
    messages = [
        packets.packet(candid=sky.BASE + n, jd=jd, field=600, fid=2, cutouts=None)
        for n, jd in enumerate(jds)
    ]
    async with fresh_archive() as settings:
        await take_in(settings, messages, "folder")
        async with serving(settings) as client:
            page = await read(client, "/nights/20260131/")
            rows = page.xpath('//table[@id="times"]/tbody/tr')
            assert [cells(row) for row in rows] == [
                ["00:00", "00:10", "1", "1"],
                ["00:50", "01:00", "1", "1"],
                ["01:00", "01:10", "1", "1"],
                ["23:50", "00:00", "1", "1"],
            ]
            links = [row.xpath(".//a/@href")[0] for row in rows]
            (day,) = page.xpath('//table[@id="fields"]//a/@href')
            for link, jd in zip(links, jds[1:5], strict=True):
                assert [a["candidate"]["jd"] for a in await found(client, link)] == [jd]
            assert sorted(a["candidate"]["jd"] for a in await found(client, day)) == jds[1:5]


async def test_the_ledger_and_the_way_through_it(page: Page) -> None:
    nights = [date(2026, 1, 29), date(2026, 1, 31), date(2026, 2, 3)]
    async with fresh_archive() as settings:
        for n, night in enumerate(nights):
            source = f"ztf_{night:%Y%m%d}_programid1"
            messages = [
                packets.packet(candid=sky.BASE + 10 * n + k, jd=DAY_JD - 1, cutouts=None)
                for k in range(n + 1)
            ]
            await take_in(settings, [*messages, b"damaged"], source, 0, night)
        await take_in(settings, messages[:1], "more <b>", 0, nights[2])
        async with serving(settings) as client:
            base = str(client.base_url)
            await page.goto(f"{base}/nights/?limit=2")
            rows = page.locator("#ledger tbody tr")
            assert [row.split("\t") for row in await rows.all_inner_texts()] == [
                *[["2026-02-03", "5", "3", "1", "0", "1", "more <b>, ztf_20260203_programid1"]],
                *[["2026-01-31", "3", "2", "0", "0", "1", "ztf_20260131_programid1"]],
            ]
            await follow(page.get_by_role("link", name="Earlier nights"))
            assert page.url == f"{base}/nights/?before=20260131&limit=2"
            assert await rows.locator("a").all_inner_texts() == ["2026-01-29"]
            # No alert was exposed in the newest night, all in that of the 30th.
            await follow(page.get_by_role("link", name="Newest"))
            await follow(page.get_by_role("link", name="2026-02-03"))
            assert await page.get_by_text("The archive has no alert exposed").count() == 1
            assert await page.locator("#ledger tfoot").inner_text() == "All\t5\t3\t1\t0\t1"
            for earlier in ("20260131", "20260130", "20260129"):
                await page.keyboard.press("ArrowLeft")
                await page.wait_for_url(f"{base}/nights/{earlier}/")
            assert await page.locator("a[rel=prev]").count() == 0
            await page.keyboard.press("ArrowRight")
            await page.wait_for_url(f"{base}/nights/20260130/")
            assert await page.get_by_text("The ledger has no entry for this night").count() == 1


@pytest.mark.parametrize("night", DAYS)
async def test_plotly_draws_what_the_tables_hold(
    real_sky: httpx.AsyncClient, page: Page, night: str
) -> None:
    body = await fields(real_sky, night)
    await page.goto(f"{real_sky.base_url}/nights/{night}/", wait_until="load")
    drawn = page.locator("[data-night=sky] .scatterlayer .points path")
    await expect(drawn).to_have_count(len(body["items"]))
    await page.locator("[data-night=time] .barlayer .point path").first.wait_for()
    shown = await page.evaluate(
        "document.querySelector('[data-night=time]').data.map(t => t.y.reduce((a, b) => a + b))"
    )
    bands = Counter[str]()
    for item in body["items"]:
        bands[item["filter"]] += item["alerts"]
    assert shown == [bands[band] for band in "gri" if bands[band]]
    ticks = "document.querySelector('[data-night=sky] .xtick text').style.fill"
    in_the_light = await page.evaluate(ticks)
    await page.get_by_role("button", name="Use dark colours").click()
    await becomes(lambda: page.evaluate(f"{ticks} !== '{in_the_light}'"), True)
    mark = await drawn.first.bounding_box()
    assert mark is not None
    place = mark["x"] + mark["width"] / 2, mark["y"] + mark["height"] / 2
    await page.mouse.move(*place)
    await page.locator(".hoverlayer").get_by_text("alerts").wait_for()
    await page.mouse.click(*place)
    await page.wait_for_url(re.compile(r"/\?time__gt=.*&field=\d+&filter=[gri]$"))


async def test_downloads_lead_to_files(real_sky: httpx.AsyncClient) -> None:
    for address, names in (
        (f"/nights/{DAY}/", f"fields-{DAY}"),
        ("/nights/", "nights"),
    ):
        page = await read(real_sky, address)
        links = page.xpath('//p[@class="downloads"]/a[@download]/@href')
        assert len(links) == 4
        for link in links:
            answer = await real_sky.get(link)
            assert answer.status_code == 200, link
            assert f'filename="{names}.' in answer.headers["content-disposition"]


@pytest.mark.parametrize("night", ["20260130", "99991231", "00010101", "2026", "x", "<b>", "%00"])
async def test_a_night_that_is_none_is_a_404_page(real_sky: httpx.AsyncClient, night: str) -> None:
    page = await read(real_sky, f"/nights/{night}/", 404)
    assert "night" in page.xpath('//*[contains(@class, "detail")]')[0].text_content()


async def test_slashes_and_parameters(real_sky: httpx.AsyncClient) -> None:
    for address in ("/nights", f"/nights/{DAY}", "/nights/2018-11-29", "/nights?before=20200101"):
        answer = await real_sky.get(address, headers=HTML, follow_redirects=True)
        assert answer.status_code == 200
        assert [hop.status_code for hop in answer.history] == [308]
    for query in ("before=2026-1-31", "limit=401", "befor=20260131", "format=csv"):
        page = await read(real_sky, f"/nights/?{query}", 422)
        assert query.partition("=")[0] in page.text_content()


async def test_an_alert_leads_to_its_night(real_sky: httpx.AsyncClient) -> None:
    alert = (await real_sky.get("/api/v1/alerts?limit=1")).json()["items"][0]
    page = await read(real_sky, f"/{alert['candid']}/")
    (link,) = page.xpath('//p[@class="headline"]//a[starts-with(@href, "/nights/")]/@href')
    assert link == f"/nights/{alert['time'][:10].replace('-', '')}/"
    await read(real_sky, link)


async def test_bands_and_alerts_without_field_or_filter() -> None:
    messages = [
        packets.packet(candid=sky.BASE + n, jd=DAY_JD, field=field, fid=fid, cutouts=None)
        for n, (field, fid) in enumerate([(600, 1), (600, 2), (600, 3), (600, 4), (None, 1)])
    ]
    async with fresh_archive() as settings:
        await take_in(settings, messages, "folder")
        async with serving(settings) as client:
            page = await read(client, "/nights/20260131/")
            rows = page.xpath('//table[@id="fields"]/tbody/tr')
            seen = [(*cells(row)[:2], len(row.xpath(".//a"))) for row in rows]
            assert seen == [
                ("600", "g", 1),
                ("600", "r", 1),
                ("600", "i", 1),
                ("600", "?", 0),
                ("none", "g", 0),
            ]
            glyphs = page.xpath('//*[@class="band-g spot" or @class="band-r spot"]')
            assert len(glyphs) == 3
            legend = page.xpath('//ul[@class="legend"]')
            assert all(cells(one) == ["g", "r", "i", "other band"] for one in legend)


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("address", ["/nights/", f"/nights/{DAY}/"])
async def test_for_everyone(
    browser: Browser, real_sky: httpx.AsyncClient, colours: str, address: str
) -> None:
    where = f"{real_sky.base_url}{address}"
    assert await serious_findings(browser, where, color_scheme=colours) == []
    phone = {"width": 360, "height": 740}
    async with opened_page(browser, viewport=phone, color_scheme=colours) as page:
        await page.goto(where, wait_until="load")
        assert await width_beyond(page) == 0
    async with opened_page(browser, viewport=phone, java_script_enabled=False) as page:
        await page.goto(where)
        assert await page.locator("#fields, #ledger").last.is_visible()
        if address != "/nights/":
            for chart in await page.locator("svg.chart").all():
                assert await chart.is_visible()


@pytest.mark.parametrize("count", [1, 7, 60, 144])
def test_few_ticks_however_long_the_night(count: int) -> None:
    begin = times.datetime_of(DAY_JD)
    spans = [(begin + n * nightplot.BIN, begin + (n + 1) * nightplot.BIN) for n in range(count)]
    shown = [
        nightplot.Bin(*span, {"g": 3, "r": n, "i": 0, None: 0}, "/") for n, span in enumerate(spans)
    ]
    chart = nightplot.bar_chart(shown)
    assert 1 <= len(chart.ticks_x) <= 9
    assert len({label for _, label in chart.ticks_y}) == len(chart.ticks_y)
    assert len(chart.marks) == 2 * count - 1
    for bar in chart.marks:
        assert 0 <= bar.x <= bar.x + bar.width <= nightplot.WIDTH
        assert 0 <= bar.y <= bar.y + bar.height <= nightplot.HEIGHT
