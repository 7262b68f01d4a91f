"""The page of an alert in a browser: stamps, light curve, JS9, keys, phone, dark, no JavaScript."""

import json
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.app import sky
from tests.app.conftest import Served
from tests.pages.conftest import (
    becomes,
    follow,
    opened_page,
    serious_findings,
    staying,
    width_beyond,
)

MIDDLE = str(sky.SECOND)
SUPERNOVA = "ZTF21abiuvdk"
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}}
DRAWN = """view => {
  const traces = document.querySelector('[data-curve]').data.filter(t => t.meta !== 'marked');
  const paths = [...document.querySelectorAll('[data-curve] .scatterlayer .trace')];
  return {
    points: paths.map(p => p.querySelectorAll('.points path').length).reduce((a, b) => a + b, 0),
    kinds: traces.flatMap(t => t.x.map(() => t.meta)),
    values: traces.flatMap(t => t.y),
    symbols: traces.map(t => t.marker.symbol),
    errors: traces.flatMap(t => t.error_y.visible ? t.error_y.array : []),
  };
}"""
POINTS_OF_RING = 1


@pytest.fixture
async def alert(served: Served) -> dict[str, Any]:
    """What the typed API says of the alert whose page is looked at."""
    body: dict[str, Any] = (await served.client.get(f"/api/v1/alerts/{MIDDLE}")).json()
    return body


async def opened_alert(page: Page, client: httpx.AsyncClient, candid: str) -> None:
    await page.goto(f"{client.base_url}/{candid}/")
    await page.locator("[data-curve] .scatterlayer .points path").first.wait_for()


async def test_the_triplet_is_there_at_once(page: Page, served: Served) -> None:
    await page.goto(f"{served.client.base_url}/{MIDDLE}/", wait_until="load")
    stamps = page.locator("img.stamp")
    assert await stamps.count() == 3
    for kind, stamp in zip(("Science", "Template", "Difference"), await stamps.all(), strict=True):
        assert await stamp.evaluate("i => i.complete && i.naturalWidth") == 189
        alt = await stamp.get_attribute("alt")
        assert alt is not None
        assert alt.startswith(f"{kind} cutout of {sky.OBJECT}")
        assert await page.locator(f'a[href="/{MIDDLE}/cutout/{kind}/"]').count() == 1


async def test_an_alert_without_stamps_says_so(page: Page, served: Served) -> None:
    await opened_alert(page, served.client, str(sky.NO_STAMPS))
    assert await page.locator("img.stamp").count() == 0
    assert await page.get_by_text("no cutout", exact=True).count() == 3
    assert await page.get_by_text("Open in JS9").count() == 0
    await opened_alert(page, served.client, str(sky.WITHHELD))
    assert await page.get_by_text("The original packet is withheld").count() == 1


async def test_the_plot_draws_every_point_of_the_json(
    page: Page, served: Served, alert: dict[str, Any]
) -> None:
    await opened_alert(page, served.client, MIDDLE)
    drawn = await page.evaluate(DRAWN)
    history = alert["history"]
    assert drawn["points"] == len(history) + POINTS_OF_RING
    assert sorted(drawn["kinds"]) == sorted(p["kind"] for p in history)
    value = {
        "detection": "magpsf",
        "earlier_detection": "magpsf",
        "upper_limit": "diffmaglim",
    }
    expected = [
        p[value[p["kind"]]] if p["kind"] in value else p["mag"] or p["limit_mag"] for p in history
    ]
    assert sorted(drawn["values"]) == sorted(expected)
    assert sorted(drawn["errors"]) == sorted(
        error for p in history if (error := p.get("sigmapsf") or p.get("mag_err")) is not None
    )
    assert any("triangle-down-open" in symbol for symbol in drawn["symbols"])
    shown = await page.locator("#points tbody tr").count()
    assert shown == len(history)


async def test_views_and_kinds_can_be_switched(
    page: Page, served: Served, alert: dict[str, Any]
) -> None:
    await opened_alert(page, served.client, MIDDLE)
    kinds = {point["kind"] for point in alert["history"]}
    assert kinds == {"detection", "earlier_detection", "upper_limit", "forced"}

    async def drawn(what: str) -> Any:
        return sorted((await page.evaluate(DRAWN))[what])

    async def drawn_kinds() -> set[str]:
        return set(await drawn("kinds"))

    await becomes(drawn_kinds, kinds)
    await page.get_by_label("forced photometry").uncheck()
    await becomes(drawn_kinds, kinds - {"forced"})
    await page.get_by_label("upper limit").uncheck()
    await becomes(drawn_kinds, {"detection", "earlier_detection"})
    await page.get_by_label("total", exact=True).check()
    totals = [p["total_mag"] for p in alert["history"] if p.get("total_mag") is not None]
    assert totals
    await becomes(lambda: drawn("values"), sorted(totals))
    await expect(page.get_by_text("Total magnitudes are those")).to_be_visible()
    await expect(page.locator("[data-curve] .ytitle")).to_have_text("total magnitude")


async def test_a_point_leads_to_its_alert(page: Page, served: Served) -> None:
    await opened_alert(page, served.client, MIDDLE)
    place = await page.evaluate(
        """address => {
          const plot = document.querySelector('[data-curve]');
          const n = plot.data.findIndex(t => t.customdata?.includes(address));
          const trace = document.querySelectorAll('.scatterlayer .trace')[n];
          const points = trace.querySelectorAll('.points path');
          const box = points[plot.data[n].customdata.indexOf(address)].getBoundingClientRect();
          return [box.x + box.width / 2, box.y + box.height / 2];
        }""",
        f"/{sky.THIRD}/",
    )
    await page.mouse.move(*place)
    hover = page.locator(".hoverlayer")
    await hover.get_by_text("UTC").wait_for()
    await expect(hover).to_contain_text("g detection, fainter than the reference")
    await page.mouse.click(*place)
    await page.wait_for_url(f"**/{sky.THIRD}/")
    assert str(sky.THIRD) in await page.locator(".headline").inner_text()


async def test_faded_detections_are_open(page: Page, real_sky: httpx.AsyncClient) -> None:
    listed = (await real_sky.get("/api/v1/alerts?isdiffpos=false&limit=1")).json()
    await opened_alert(page, real_sky, listed["items"][0]["candid"])
    symbols = (await page.evaluate(DRAWN))["symbols"]
    assert any(s in ("circle-open", "square-open", "diamond-open") for s in symbols)
    assert await page.get_by_text("open: fainter than the reference").count() == 1


async def test_js9_opens_the_stamps_from_our_own_address(
    page: Page, served: Served, alert: dict[str, Any]
) -> None:
    await opened_alert(page, served.client, MIDDLE)
    assert await page.locator("iframe").count() == 0
    link = page.get_by_role("link", name="Open in JS9")
    await link.click()
    await expect(link).to_have_attribute("aria-expanded", "true")
    frame = page.frame_locator('[data-frame-place="js9"] iframe')
    await frame.locator("#difference canvas").first.wait_for()
    inside = page.frames[1]
    # Not wait_for_function: what it evaluates in the page, the page's policy forbids.
    flipped = "JS9.images.filter(image => JS9.GetFlip({display: image}) === 'y').length"
    await becomes(lambda: inside.evaluate(flipped), 3)
    for kind in ("science", "template", "difference"):
        answer = await served.client.get(f"/api/v1/alerts/{MIDDLE}/cutouts/{kind}.fits")
        width, height, pixel = _centre(answer.content)
        loaded = await inside.evaluate(
            """kind => {
              const data = JS9.GetImageData(true, {display: kind});
              const n = Math.floor(data.height / 2) * data.width + Math.floor(data.width / 2);
              return [data.width, data.height, data.data[n]];
            }""",
            kind,
        )
        assert loaded == [width, height, pytest.approx(pixel)]
    top, bottom = await inside.evaluate(
        """() => {
          const on = {display: 'science'};
          return [20, 200].map(y => JS9.DisplayToImagePos({x: 100, y}, on))
            .map(({x, y}) => JS9.PixToWCS(x, y, on).dec);
        }"""
    )
    assert alert["dec"] + 0.01 > top > bottom > alert["dec"] - 0.01, "north is up"
    menu = frame.get_by_text("Analysis")
    await expect(menu).to_be_visible()
    await frame.get_by_role("button", name="Toggle JS9 menu").click()
    await expect(menu).to_be_hidden()
    await link.click()
    await expect(page.locator("iframe")).to_be_hidden()


def _centre(data: bytes) -> tuple[int, int, float]:
    """Width, height and the middle pixel of a FITS image, read by astropy."""
    from astropy.io import fits  # noqa: PLC0415 - slow to import, and only here

    pixels = fits.PrimaryHDU.fromstring(data).data
    height, width = pixels.shape
    return width, height, float(pixels[height // 2, width // 2])


async def test_keys_walk_through_the_alerts_of_the_object(page: Page, served: Served) -> None:
    await opened_alert(page, served.client, MIDDLE)
    assert await page.get_by_text("2 of 3").count() == 1
    for key, candid in (("j", sky.THIRD), ("k", sky.SECOND), ("ArrowLeft", sky.FIRST)):
        await page.keyboard.press(key)
        await page.wait_for_url(f"**/{candid}/")
        await page.wait_for_load_state("load")
    async with staying(page):
        await page.keyboard.press("k")
        await page.get_by_label("total").focus()
        await page.keyboard.press("ArrowRight")


async def test_the_first_tab_leads_to_the_content(page: Page, served: Served) -> None:
    await opened_alert(page, served.client, MIDDLE)
    await page.keyboard.press("Tab")
    await expect(page.get_by_text("Skip to content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#main")).to_be_focused()
    assert await page.evaluate("location.hash") == "#main"


async def test_without_javascript_all_is_there(
    browser: Browser, served: Served, alert: dict[str, Any]
) -> None:
    async with opened_page(browser, java_script_enabled=False) as page:
        await page.goto(f"{served.client.base_url}/{MIDDLE}/")
        marks = page.locator("svg.chart g[class^=band]")
        assert await marks.count() == len(alert["history"])
        assert await page.locator("svg.chart .marked").count() == 1
        assert await page.locator("#points tbody tr").count() == len(alert["history"])
        assert await page.locator("#points").is_visible()
        assert await page.locator("[data-curve-form]").is_visible()
        fields = dict(
            zip(
                await page.locator(".fields th[scope=row]").all_inner_texts(),
                await page.locator(".fields td.mono").all_inner_texts(),
                strict=True,
            )
        )
        assert fields.keys() == alert.keys() - {"links", "history"}
        assert fields["magpsf"] == f"{alert['magpsf']} mag"
        assert fields["isdiffpos"] == json.dumps(alert["isdiffpos"])
        assert fields["candid"] == MIDDLE
        await follow(page.get_by_role("link", name="Later"))
        assert page.url.endswith(f"/{sky.THIRD}/")


@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_a_phone_never_scrolls_sideways(
    browser: Browser, real_sky: httpx.AsyncClient, colours: str
) -> None:
    listed = (await real_sky.get(f"/api/v1/alerts?object_id={SUPERNOVA}&limit=1")).json()
    candid = listed["items"][0]["candid"]
    async with opened_page(browser, color_scheme=colours, **PHONE) as page:
        await opened_alert(page, real_sky, candid)
        assert await width_beyond(page) == 0
        await page.get_by_text("The same as a table").click()
        assert await width_beyond(page) == 0


async def test_colours_follow_the_system_and_then_the_reader(
    browser: Browser, served: Served
) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    dark, light = "rgb(17, 22, 29)", "rgb(255, 255, 255)"
    async with opened_page(browser, color_scheme="dark") as page:
        await opened_alert(page, served.client, MIDDLE)
        assert await page.evaluate(ground) == dark
        await page.get_by_role("button", name="Use light colours").click()
        await becomes(lambda: page.evaluate(ground), light)
        text = "document.querySelector('[data-curve] .xtick text').style.fill"
        await becomes(lambda: page.evaluate(text), "rgb(26, 35, 48)")
        await page.reload()
        assert await page.evaluate(ground) == light
    async with opened_page(browser, color_scheme="dark", java_script_enabled=False) as page:
        await page.goto(f"{served.client.base_url}/{MIDDLE}/")
        assert not await page.locator("[data-theme-toggle]").is_visible()
        shot = await page.screenshot(clip={"x": 2, "y": 400, "width": 1, "height": 1})
        assert _pixel(shot) == (17, 22, 29)


def _pixel(png: bytes) -> Any:
    import io  # noqa: PLC0415

    from PIL import Image  # noqa: PLC0415

    return Image.open(io.BytesIO(png)).convert("RGB").getpixel((0, 0))


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1400])
async def test_axe_finds_nothing_serious(
    browser: Browser, served: Served, colours: str, width: int
) -> None:
    look = {"color_scheme": colours, "viewport": {"width": width, "height": 900}}
    address = f"{served.client.base_url}/{MIDDLE}/"
    assert await serious_findings(browser, address, **look) == []


async def test_aladin_asks_only_cds_and_only_after_a_click(
    browser: Browser, served: Served
) -> None:
    own = await browser.new_context()
    page = await own.new_page()
    asked: list[str] = []

    async def refuse(route: Route) -> None:
        asked.append(route.request.url)
        await route.abort()

    await own.route("https://**/*", refuse)
    await page.goto(f"{served.client.base_url}/{MIDDLE}/", wait_until="networkidle")
    assert asked == []
    await page.get_by_role("link", name="Sky map").click()
    frame = page.frame_locator('[data-frame-place="sky"] iframe')
    await frame.locator("canvas").first.wait_for()

    async def has_asked() -> bool:
        return bool(asked)

    await becomes(has_asked, True)
    await own.close()
    hosts = {httpx.URL(url).host for url in asked}
    assert all(host.endswith(".unistra.fr") for host in hosts)
    assert not any("Logger" in url for url in asked)
