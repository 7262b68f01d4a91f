"""The help page: it leaves nothing out, its links lead somewhere and its examples run."""

import asyncio
import re
import subprocess
from contextlib import redirect_stdout
from io import StringIO
from typing import Final

import httpx
import pytest
from lxml import html
from playwright.async_api import Browser, Page, expect

from app.mars.form import FORM
from app.search.vocabulary import FILTERS
from archive.surveys.ztf.columns import CANDIDATE, DERIVED
from tests.pages.conftest import Served, becomes, opened_page, serious_findings, width_beyond

HTML: Final = {"Accept": "text/html"}


def address(served: Served) -> str:
    return str(served.client.base_url.join("/help/"))


async def read(client: httpx.AsyncClient) -> html.HtmlElement:
    answer = await client.get("/help/", headers=HTML)
    assert answer.status_code == 200
    return html.fromstring(answer.content)


async def test_every_column_is_explained(served: Served) -> None:
    page = await read(served.client)
    for column in (*DERIVED, *CANDIDATE):
        (row,) = page.xpath(f'//table[@id="column-table"]//tr[@id="column-{column.name}"]')
        cells = [cell.text_content().strip() for cell in row]
        sentinel = "" if column.sentinel is None else str(column.sentinel)
        assert cells == [column.name, column.unit, column.meaning, sentinel]


EXAMPLES = {"region": "where it comes from"}
"""Of what nobody can know beforehand."""


async def test_every_filter_is_explained_with_a_link_that_uses_it(served: Served) -> None:
    page = await read(served.client)
    for name, entry in FORM.items():
        (row,) = page.xpath(f'//table[@id="filter-table"]//tr[@id="filter-{name}"]')
        filter_name, finds, meaning, typed, example = (c.text_content().strip() for c in row)
        assert (filter_name, example) == (name, EXAMPLES.get(name, entry.example))
        assert finds
        assert meaning
        assert typed in ("", "cone", "region", *FILTERS)
        leads_to = "#regions" if name == "region" else f"/?{name}="
        assert row.xpath(".//a/@href")[0].startswith(leads_to)
    assert page.xpath('//*[@id="regions"]')


async def test_links_lead_somewhere(real_sky: httpx.AsyncClient) -> None:
    page = await read(real_sky)
    links = {link for link in page.xpath("//main//a/@href") if link.startswith("/")}
    assert len(links) > 40
    for link in links:
        answer = await real_sky.get(link, headers=HTML, follow_redirects=True)
        assert answer.status_code == 200, f"{link}: {answer.status_code}"


async def test_links_within_the_page_have_their_places(served: Served) -> None:
    page = await read(served.client)
    places = page.xpath("//@id")
    assert len(places) == len(set(places))
    for link in page.xpath("//a[starts-with(@href, '#')]/@href"):
        assert link[1:] in places


def code_of(page: html.HtmlElement, language: str) -> list[str]:
    blocks = page.xpath(f'//code[@class="language-{language}"][@data-runs]')
    return [block.text_content() for block in blocks]


async def test_python_examples_run(real_sky: httpx.AsyncClient) -> None:
    def run(code: str) -> str:
        said = StringIO()
        with redirect_stdout(said):
            exec(compile(code, "/help/", "exec"), {})
        return said.getvalue()

    examples = code_of(await read(real_sky), "python")
    assert len(examples) == 12
    said = [await asyncio.to_thread(run, code) for code in examples]
    assert all(said), "each prints what it got"
    together = "\n".join(said)
    assert "{'objectId': 'ZTF21abiuvdk'} 34" in together
    assert "Science (63, 63)" in together
    assert "(17.28" in together


async def test_what_cannot_run_here_is_python_at_least(served: Served) -> None:
    page = await read(served.client)
    blocks = page.xpath('//code[@class="language-python"][not(@data-runs)]')
    settings, toolkit = (block.text_content() for block in blocks)
    for code in (settings, toolkit):
        compile(code, "/help/", "exec")
    assert f'mars.MARS_URL = "{address(served).removesuffix("/help/")}"' in toolkit


async def test_commands_run(real_sky: httpx.AsyncClient) -> None:
    commands = code_of(await read(real_sky), "sh")
    assert len(commands) == 2
    for command in commands:
        done = await asyncio.to_thread(
            subprocess.run, command, shell=True, capture_output=True, timeout=30, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(b"{")


async def test_limits_are_those_of_the_settings(served: Served) -> None:
    words = " ".join((await read(served.client)).text_content().split())
    assert f"{served.settings.rate_limit_per_s:g} requests a second" in words
    assert f"longer than {served.settings.statement_timeout_s:g} s" in words
    assert f"{served.settings.jobs_per_client} jobs for each client" in words


async def test_the_credits_that_were_asked_for(served: Served) -> None:
    words = " ".join((await read(served.client)).text_content().split())
    for credit in (
        "Samuel Oschin Telescope 48-inch and the 60-inch Telescope",
        "AST-1440341 and AST-2034437",
        "OpenNGC by Mattia Verga",
        "CC BY-SA 4.0",
        "This research has made use of the SIMBAD database, operated at CDS, Strasbourg, France",
    ):
        assert credit in words


async def test_without_the_last_slash(served: Served) -> None:
    answer = await served.client.get("/help", headers=HTML)
    assert (answer.status_code, answer.headers["location"]) == (308, "/help/")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_serious_finding(served: Served, browser: Browser, scheme: str) -> None:
    found = await serious_findings(browser, address(served), color_scheme=scheme)
    assert found == []


async def test_a_phone_is_wide_enough(served: Served, browser: Browser) -> None:
    size = {"width": 360, "height": 740}
    async with opened_page(browser, viewport=size, color_scheme="dark") as page:
        await page.goto(address(served))
        assert await width_beyond(page) <= 0


async def test_code_is_copied(served: Served, browser: Browser) -> None:
    allowed = ["clipboard-read", "clipboard-write"]
    async with opened_page(browser, permissions=allowed) as page:
        await page.goto(address(served))
        await page.get_by_role("button", name="Copy: The same in Python").click()
        await expect(page.locator("button.copy", has_text="Copied")).to_have_count(1)
        text = await page.evaluate("navigator.clipboard.readText()")
        assert re.match(r"import httpx\n", text)


async def test_all_is_there_without_scripts(served: Served, browser: Browser) -> None:
    async with opened_page(browser, java_script_enabled=False) as page:
        await page.goto(address(served))
        assert await page.locator("pre code").count() == 20
        assert await page.locator("button.copy").count() == 0


async def test_a_link_of_the_contents_leads_to_its_part(served: Served, page: Page) -> None:
    await page.goto(address(served))
    await page.get_by_role("navigation", name="Contents").get_by_text("Columns").click()
    is_above = "e => e.getBoundingClientRect().top < 300"
    await becomes(lambda: page.locator("#columns").evaluate(is_above), True)
    assert await page.evaluate("location.hash") == "#columns"
