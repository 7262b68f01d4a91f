"""From a search that took too long to its file: one click, with scripts and without."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from lxml import html
from playwright.async_api import Browser, Page, expect
from pydantic import SecretStr

from app.alerts.asking import counting
from app.pages.details.jobpage import describe_filter, filters_of
from app.settings import Settings
from tests.app.conftest import Served, serving
from tests.app.jobs.running import locked, running
from tests.pages.conftest import follow, opened_page, serious_findings, width_beyond

SEARCH = "/?magpsf__lte=17.5&rb__gte=0.1&dec__gt=-89"
HTML = {"Accept": "text/html"}


@asynccontextmanager
async def impatient(served: Served, **changed: Any) -> AsyncIterator[httpx.AsyncClient]:
    """An app that runs jobs, and whose pages wait for no lock."""
    quick = {"statement_timeout_s": 0.3, "database_timeout_s": 3.0}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "COUNT_S", 0.3)
        async with running(served, **quick | changed) as client:
            yield client


async def start_where_it_took_too_long(page: Page, base: str, settings: Settings) -> None:
    """One click on the page that says so; the job cannot go on yet."""
    async with locked(settings):
        await page.goto(f"{base}{SEARCH}")
        await expect(page.get_by_role("alert")).to_contain_text("This search takes too long")
        await follow(page.get_by_role("button", name="Run it as a job"))
        await expect(page).to_have_url(f"{base}/jobs/{page.url.rstrip('/')[-32:]}/")
        await expect(page.locator("progress")).to_be_visible()
        words = await page.locator(".words li").all_inner_texts()
        assert words == ["dec > -89", "magpsf ≤ 17.5", "rb ≥ 0.1"]


@pytest.mark.parametrize("scripts", [True, False])
async def test_one_click_runs_a_costly_search_as_a_job(
    served: Served, browser: Browser, scripts: bool
) -> None:
    query = {"magpsf__lte": "17.5", "rb__gte": "0.1", "dec__gt": "-89", "limit": "1000"}
    wanted = len(await served.candids(query))
    async with impatient(served) as client:
        base = str(client.base_url).rstrip("/")
        look: dict[str, Any] = {"excused": "status of 503", "java_script_enabled": scripts}
        async with opened_page(browser, **look) as page:
            await start_where_it_took_too_long(page, base, served.settings)
            link = page.get_by_role("link", name="alerts.parquet")
            await expect(link).to_be_visible()
            await expect(page.get_by_role("status")).to_have_text("Done")
            await expect(page.locator("main")).to_contain_text(f"{wanted} alerts ·")
            file = await client.get(str(await link.get_attribute("href")))
            assert (file.status_code, file.content[:4]) == (200, b"PAR1")
            address = page.url
            await follow(page.get_by_role("button", name="Delete the job and its result"))
            await expect(page).to_have_url(f"{base}/")
        assert (await client.get(address)).status_code == 404


async def test_it_can_be_read_by_all_and_gone_on_with(served: Served, browser: Browser) -> None:
    everything = await served.candids({"limit": 1000})
    async with impatient(served) as client:
        capped = await client.post("/jobs/", data={"limit": "5", "format": "votable"})
        address = str(client.base_url.join(capped.headers["location"]))
        async with opened_page(browser) as page:
            await page.goto(address)
            await expect(page.locator("#truncated")).to_contain_text("the first 5")
            await follow(page.get_by_role("button", name="Go on behind them with another job"))
            await expect(page.get_by_role("link", name="alerts.vot")).to_be_visible()
            following = (await client.get(f"/api/v1{httpx.URL(page.url).path[:-1]}")).json()
            assert (following["alerts"], following["truncated"]) == (len(everything) - 5, False)
        for colours in ("light", "dark"):
            look: dict[str, Any] = {"color_scheme": colours}
            look["viewport"] = {"width": 360, "height": 740}
            async with opened_page(browser, **look) as page:
                await page.goto(address)
                assert await width_beyond(page) == 0
            assert await serious_findings(browser, address, **look) == []


async def test_an_empty_answer_and_a_full_one_offer_a_job(served: Served) -> None:
    async with impatient(served, jobs_run=False) as client:
        for query, where in (("magpsf__lte=2", "empty"), ("rb__gte=0.1", "program")):
            page = html.fromstring((await client.get(f"/?{query}", headers=HTML)).content)
            (form,) = page.xpath('//form[@action="/jobs/"]')
            assert form.xpath(f'ancestor::*[@id="{where}"]')
            sent = {f.get("name"): f.get("value") for f in form.xpath(".//input")}
            answer = await client.post(form.get("action"), data=sent | {"format": "csv"})
            assert answer.status_code == 303
            told = (await client.get(f"/api/v1{answer.headers['location'][:-1]}")).json()
            assert told["query"] == f"{query}&format=csv"
        # What the typed API has no words for cannot be a job.
        page = html.fromstring((await client.get("/?time__since=9", headers=HTML)).content)
        assert page.xpath('//form[@action="/jobs/"]') == []


async def test_a_server_without_jobs_offers_none(served: Served) -> None:
    bare = served.settings.model_copy(update={"app_database_url": SecretStr("")})
    async with serving(bare) as client:
        text = (await client.get("/?magpsf__lte=2", headers=HTML)).text
        assert ("No alert matches" in text, "as a job" in text) == (True, False)
        refused = await client.post("/jobs/", headers=HTML)
        assert (refused.status_code, "does not run jobs" in refused.text) == (503, True)


async def test_a_form_that_is_refused_gets_a_page(served: Served) -> None:
    async with impatient(served, jobs_run=False, jobs_per_client=1) as client:
        bad = await client.post("/jobs/", data={"magpsf__lt": "bright"}, headers=HTML)
        assert (bad.status_code, "<code>magpsf__lt</code>" in bad.text) == (422, True)
        job = (await client.post("/jobs/", headers=HTML)).headers["location"]
        full = await client.post("/jobs/", headers=HTML)
        assert (full.status_code, "you already have 1 jobs" in full.text) == (429, True)
        assert full.headers["content-type"] == "text/html; charset=utf-8"
        for query in ({}, {"delete": "no"}, {"delete": "true", "else": "1"}):
            answer = await client.post(job, data=query, headers=HTML)
            assert answer.status_code == 422
        gone = await client.post(job, data={"delete": "true"})
        assert (gone.status_code, gone.headers["location"]) == (303, "/")
        missing = await client.get(job, headers=HTML)
        assert (missing.status_code, "no such job" in missing.text) == (404, True)


async def test_the_page_of_a_match(served: Served) -> None:
    async with running(served, jobs_run=False) as client:
        match = await client.post(
            "/api/v1/match/jobs?radius=0.1&rb__gte=0.2&magpsf__lt=",
            json={"positions": [{"ra": 1, "dec": 2}, {"ra": 3, "dec": 4}]},
        )
        text = (await client.get(f"/jobs/{match.json()['id']}/", headers=HTML)).text
        page = html.fromstring(text)
        words = [item.text_content() for item in page.xpath('//ul[@class="words"]/li')]
        assert words == ["radius 0.1", "rb ≥ 0.2"]
        assert page.get_element_by_id("query").text_content() == "Alerts near 2 positions"
        assert "0 of 2 positions" in page.text_content()


def test_a_query_in_words() -> None:
    told = [
        ("where", "chipsf__lt:5"),
        ("cone", "150,30,1.5"),
        ("where", "drb__isnull:true"),
        ("ssnamenr__isnull", "false"),
        ("field__in", "500,501"),
        ("object_id", "ZTF18a"),
        ("candid", "1,2"),
        ("sort", "-jd"),
        ("format", "csv"),
        ("rb__gte", " "),
    ]
    assert [describe_filter(*one) for one in filters_of(told)] == [
        "chipsf < 5",
        "cone 150, 30, 1.5",
        "drb is missing",
        "ssnamenr is there",
        "field is one of 500, 501",
        "object_id = ZTF18a",
        "candid is one of 1, 2",
    ]
