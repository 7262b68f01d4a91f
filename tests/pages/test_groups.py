"""The main page with one row an object."""

from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Page

from app.pages.plots.sparkline import DRAWN, HEIGHT, WIDTH, draw_dots
from tests.pages.conftest import follow, opened_page, serious_findings, width_beyond

HTML = {"Accept": "text/html"}


async def test_the_switch_keeps_the_filters(real_sky: httpx.AsyncClient, page: Page) -> None:
    await page.goto(f"{real_sky.base_url}/?filter=g&page=2&sort_value=magpsf")
    await follow(page.get_by_role("link", name="Objects", exact=True))
    assert page.url.endswith("/?filter=g&sort_value=magpsf&group=object")
    address = "/api/v1/alerts/objects"
    told: Any = (await real_sky.get(address, params={"filter": "g"})).json()
    rows = page.locator("table.objects tbody tr")
    shown = [text.split("\t") for text in await rows.all_inner_texts()]
    assert [(row[0], row[1]) for row in shown] == [
        (item["object_id"], str(item["matches"])) for item in told["items"]
    ]
    dots = [await rows.nth(n).locator(".spark circle").count() for n in range(5)]
    assert dots == [min(item["matches"], DRAWN) for item in told["items"][:5]]
    await follow(page.get_by_role("link", name="Next"))
    second: Any = (
        await real_sky.get(address, params={"filter": "g", "cursor": told["next"]})
    ).json()
    assert await rows.locator("td:first-child").all_inner_texts() == [
        item["object_id"] for item in second["items"]
    ]
    json_address = await page.get_by_role("link", name="JSON", exact=True).get_attribute("href")
    assert (await real_sky.get(json_address or "")).json() == told
    await follow(page.get_by_role("link", name="Remove the filter"))
    assert page.url.endswith("/?sort_value=magpsf&group=object")
    await follow(page.get_by_role("link", name="Alerts", exact=True))
    assert page.url.endswith("/?sort_value=magpsf")


async def test_the_form_stays_with_objects(real_sky: httpx.AsyncClient, browser: Browser) -> None:
    async with opened_page(browser, java_script_enabled=False) as page:
        await page.goto(f"{real_sky.base_url}/?group=object&rb__gte=0.9")
        await follow(page.get_by_role("button", name="Search", exact=True))
        assert "group=object" in page.url
        assert await page.locator("table.objects tbody tr").count() > 10


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("group=night", "group"),
        ("group=object&cursor=x", "cursor"),
        ("group=object&rb__gte=x", "rb__gte"),
    ],
)
async def test_errors_are_said(real_sky: httpx.AsyncClient, query: str, parameter: str) -> None:
    answer = await real_sky.get(f"/?{query}", headers=HTML)
    assert answer.status_code == 400
    assert f"<code>{parameter}</code></a>:" in answer.text


async def test_a_cursor_of_another_search_is_refused(real_sky: httpx.AsyncClient) -> None:
    first: Any = (await real_sky.get("/api/v1/alerts/objects?limit=2")).json()
    answer = await real_sky.get(f"/?group=object&cursor={first['next']}", headers=HTML)
    assert (answer.status_code, "belongs to another search" in answer.text) == (400, True)


@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_for_everyone(real_sky: httpx.AsyncClient, browser: Browser, colours: str) -> None:
    for query in ("group=object", "group=object&magpsf__lte=2"):
        address = f"{real_sky.base_url}/?{query}"
        assert await serious_findings(browser, address, color_scheme=colours) == []
        phone = {"width": 360, "height": 740}
        async with opened_page(browser, viewport=phone, color_scheme=colours) as page:
            await page.goto(address)
            assert await width_beyond(page) == 0


def test_a_sparkline_is_bright_above_and_new_to_the_right() -> None:
    days = [2_460_000.5 + n for n in range(100)]
    curve = [(day, 20.0 - n / 50, "g") for n, day in enumerate(days)][::-1]
    dots = draw_dots(curve)
    assert len(dots) == DRAWN
    assert [dot.x for dot in dots] == sorted((dot.x for dot in dots), reverse=True)
    assert [dot.y for dot in dots] == sorted(dot.y for dot in dots)
    assert all(0 < dot.x < WIDTH and 0 < dot.y < HEIGHT for dot in dots)
    assert draw_dots([(days[0], None, "g"), (days[1], 1e300, "r")]) == []
    (alone,) = draw_dots([(days[0], 18.0, None)])
    assert alone == (WIDTH / 2, HEIGHT / 2, "none")
