"""Light curves on pages: flux, folds, what is chosen, its address, its downloads."""

import csv
import io
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.async_api import Browser, Page, expect

from tests import packets
from tests.app import sky
from tests.app.conftest import Served, fresh_archive, serving, take_in
from tests.pages.conftest import becomes, opened_page, serious_findings, width_beyond
from tests.real_archive import Everything

HTML = {"Accept": "text/html"}
NEGATIVE = "ZTF17aaarzyp"
"""A real object with forced photometry that is mostly negative."""
PERIOD = 0.731_25
DRAWN = """() => document.querySelector('[data-curve]').data
  .filter(t => t.meta !== 'marked')
  .flatMap(t => t.x.map((x, n) => [t.meta, x, t.y[n], t.error_y.array[n]]))"""


def forced_fluxes(everything: Everything, object_id: str) -> list[tuple[float, float]]:
    """Flux and error [µJy] of an object's forced photometry, straight from its one packet."""
    (record,) = (
        one.record for one in everything.packets.values() if one.record["objectId"] == object_id
    )
    found = []
    for entry in record["fp_hists"]:
        if entry["programid"] == 1 and entry["forcediffimflux"] > -99999:
            janskys = 3631 * 10 ** (-entry["magzpsci"] / 2.5)
            flux, error = entry["forcediffimflux"], entry["forcediffimfluxunc"]
            found.append((flux * janskys * 1e6, error * janskys * 1e6))
    return sorted(found)


async def test_negative_forced_photometry_is_drawn_as_flux(
    page: Page, everything: Everything
) -> None:
    expected = forced_fluxes(everything, NEGATIVE)
    assert sum(flux < 0 for flux, _ in expected) > 5
    await page.goto(f"{everything.client.base_url}/objects/{NEGATIVE}/?view=flux&kind=forced")
    await page.locator("[data-curve] .scatterlayer .points path").first.wait_for()
    drawn = sorted((y, error) for _, _, y, error in await page.evaluate(DRAWN))
    # 23.9 for 1 µJy is 3631 Jy within 2 parts in 10,000.
    np.testing.assert_allclose(drawn, expected, rtol=3e-4)
    await expect(page.locator("[data-curve] .ytitle")).to_have_text("difference flux [µJy]")


@dataclass
class Variable:
    """An object whose forced photometry is that of a variable, served."""

    client: httpx.AsyncClient
    name: str


@pytest.fixture(scope="module")
async def variable() -> AsyncIterator[Variable]:
    random, first = np.random.default_rng(3), 2_461_000.0
    fluxes = [
        packets.forced(
            pid=3_000_000_000_000 + n * 10_000,
            jd=jd,
            fid=1 + n % 2,
            magzpsci=26.0,
            forcediffimflux=300 * math.sin(2 * math.pi * jd / PERIOD) + random.normal(0, 10),
            forcediffimfluxunc=10.0,
        )
        for n, jd in enumerate(first + np.sort(random.uniform(0, 60, 70)))
    ]
    async with fresh_archive() as settings:
        message = packets.packet(candid=sky.BASE, object_id="ZTF26varying", fp_hists=fluxes)
        await take_in(settings, [message], "ztf_20260131_programid1")
        async with serving(settings) as client:
            yield Variable(client, "ZTF26varying")


async def test_the_best_period_folds_the_curve(page: Page, variable: Variable) -> None:
    address = f"/api/v1/objects/{variable.name}/periodogram"
    told = (await variable.client.get(address)).json()
    best = told["peaks"][0]
    assert abs(60 / best["period"] - 60 / PERIOD) < 0.05
    assert best["false_alarm_probability"] < 1e-10
    assert told["fluxes"] == 71
    await page.goto(f"{variable.client.base_url}/objects/{variable.name}/?view=flux")
    await page.get_by_label("by the best period").check()
    await expect(page.locator("#period")).to_contain_text(f"{best['period']:.6f} days")
    first = (await page.locator("#points tbody td.n").first.inner_text()).strip()
    await expect(page.locator("#period")).to_contain_text(f"Phase 0 is MJD {first}")
    assert dict(parse_qsl(urlsplit(page.url).query)) == {"view": "flux", "fold": "best"}
    points = [point for point in await page.evaluate(DRAWN) if point[0] == "forced"]
    assert len(points) == 2 * 70
    phases, fluxes = np.array([(x, y) for _, x, y, _ in points]).T
    assert 0 <= phases.min() < phases.max() < 2
    terms = np.stack([np.ones_like(phases), *(f(2 * np.pi * phases) for f in (np.sin, np.cos))], 1)
    (_, *heights), *_ = np.linalg.lstsq(terms, fluxes)
    assert np.hypot(*heights) == pytest.approx(300 * 10 ** (0.4 * (23.9 - 26)), rel=0.1)
    # One of the next best is a click away, and has an address of its own.
    await page.locator("#period a").first.click()
    await page.wait_for_url("**fold=period&period=*")
    await expect(page.locator("#period")).to_contain_text("Folded by")


async def test_a_period_is_typed_with_the_keyboard_alone(page: Page, variable: Variable) -> None:
    await page.goto(f"{variable.client.base_url}/objects/{variable.name}/")
    await page.locator("[data-curve] .plot-container").wait_for()
    await page.get_by_label("Period in days").focus()
    await page.keyboard.type("0.5")
    await page.keyboard.press("Enter")
    await expect(page.locator("#period")).to_contain_text("Folded by 0.5 days")
    await expect(page.get_by_label("by", exact=True)).to_be_checked()
    await expect(page.locator("[data-curve] .xtitle")).to_have_text("phase")
    await page.get_by_label("flux", exact=True).focus()
    await page.keyboard.press("Space")
    await page.wait_for_url("**/?view=flux&fold=period&period=0.5")
    await expect(page.get_by_label("flux", exact=True)).to_be_focused()
    # What was typed comes back from the address alone.
    await page.goto(page.url)
    assert await page.get_by_label("Period in days").input_value() == "0.5"
    assert await page.get_by_label("flux", exact=True).is_checked()


async def test_the_bounds_of_a_periodogram(variable: Variable) -> None:
    address = f"/api/v1/objects/{variable.name}/periodogram"
    for query, parameter in (
        ("min_period=0", "min_period"),
        ("min_period=0.01&max_period=0.010001&max_period=1", "max_period"),
        ("min_period=5&max_period=2", "min_period"),
        ("kind=forecd", "kind"),
        ("filter=z", "filter"),
        ("shortest=1", "shortest"),
    ):
        answer = await variable.client.get(f"{address}?{query}")
        assert answer.status_code == 422, query
        assert [one["parameter"] for one in answer.json()["errors"]] == [parameter]
    few = (await variable.client.get(f"{address}?kind=detection")).json()
    assert (few["fluxes"], few["range"], few["peaks"]) == (0, None, [])
    narrow = (await variable.client.get(f"{address}?min_period=0.7&max_period=0.8")).json()
    assert 0.7 <= narrow["range"]["shortest"] < narrow["range"]["longest"] <= 0.8
    assert all(0.7 <= peak["period"] <= 0.8 for peak in narrow["peaks"])
    missing = await variable.client.get("/api/v1/objects/ZTF00nowhere/periodogram")
    assert missing.status_code == 404


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("view=flx", "view"),
        ("fold=period", "needed where fold=period"),
        ("fold=period&period=-1", "period"),
        ("kind=forced&kind=dark", "kind"),
        ("view=flux&view=total", "given more than once"),
        ("veiw=flux", "did you mean <code>view</code>"),
    ],
)
async def test_what_cannot_be_shown_is_said(served: Served, query: str, said: str) -> None:
    for address in (f"/objects/{sky.OBJECT}/", f"/{sky.SECOND}/"):
        answer = await served.client.get(f"{address}?{query}", headers=HTML)
        assert answer.status_code == 422
        assert said in answer.text


async def test_the_choice_is_the_same_everywhere(browser: Browser, variable: Variable) -> None:
    """Without scripts: picture, table and downloads hold what the address says."""
    async with opened_page(browser, java_script_enabled=False) as page:
        await page.goto(f"{variable.client.base_url}/objects/{variable.name}/")
        await page.get_by_label("flux", exact=True).check()
        await page.get_by_label("detection").uncheck()
        await page.get_by_label("r", exact=True).uncheck()
        await page.get_by_role("button", name="Show", exact=True).click()
        assert "kind=forced" in page.url
        assert "filter=g" in page.url
        marks = await page.locator("svg.chart g[class^=band] title").all_text_contents()
        assert len(marks) == 35
        assert all("g forced photometry, " in mark and "µJy" in mark for mark in marks)
        assert await page.locator("#points tbody tr").count() == len(marks)
        address = await page.get_by_role("link", name="CSV").get_attribute("href")
        rows = list(csv.DictReader(io.StringIO((await variable.client.get(address or "")).text)))
        assert {(row["kind"], row["filter"]) for row in rows} == {("forced", "g")}
        shown = await page.locator("#points tbody td:nth-child(9)").all_text_contents()
        assert [text.split()[0] for text in shown] == [f"{float(r['flux_ujy']):.2f}" for r in rows]


async def test_a_picture_of_it(browser: Browser, variable: Variable) -> None:
    async with opened_page(browser, color_scheme="dark", accept_downloads=True) as page:
        await page.goto(f"{variable.client.base_url}/objects/{variable.name}/?view=flux")
        async with page.expect_download() as awaited:
            await page.get_by_role("button", name="PNG", exact=True).click()
        download = await awaited.value
        assert download.suggested_filename == f"{variable.name}.png"
        picture = Image.open(await download.path()).convert("RGB")
        assert picture.size == (1200, 600)
        assert picture.getpixel((1, 1)) == (17, 22, 29)
        assert len(picture.getcolors(1_000_000) or []) > 20


@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_for_everyone(browser: Browser, variable: Variable, colours: str) -> None:
    address = f"{variable.client.base_url}/objects/{variable.name}/?view=flux&fold=best"
    assert await serious_findings(browser, address, color_scheme=colours) == []
    phone = {"width": 360, "height": 740}
    async with opened_page(browser, viewport=phone, color_scheme=colours) as page:
        await page.goto(address)
        await page.locator("[data-curve] .scatterlayer .points path").first.wait_for()
        assert await width_beyond(page) == 0


async def test_the_last_choice_counts(page: Page, variable: Variable) -> None:
    """However fast they follow one another."""
    await page.goto(f"{variable.client.base_url}/objects/{variable.name}/")
    await page.locator("[data-curve] .plot-container").wait_for()
    await page.evaluate(
        """() => {
          for (const view of ["total", "flux", "difference", "flux"])
            document.querySelector(`[name=view][value=${view}]`).click();
        }"""
    )

    async def axis() -> Any:
        return await page.evaluate("document.querySelector('.ytitle')?.textContent")

    await becomes(axis, "difference flux [µJy]")
    assert urlsplit(page.url).query == "view=flux"
