"""Tables to other programs: a real hub of SAMP, and a client there that gets what a page sends."""

import asyncio
import io
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from astropy.io.votable import parse_single_table
from playwright.async_api import Browser, Page, Route, expect
from pyvo.samp import SAMPHubServer, SAMPIntegratedClient, WebProfileDialog

from app.pages.html import POLICY, SAMP
from tests.app import sky
from tests.app.conftest import Served
from tests.app.regions.moc import disc, send
from tests.pages.conftest import opened_page

WELL_KNOWN = "http://localhost:21012/"
"""Where the Web Profile has every hub; ours has another port, and the browser is led there."""
BUTTON = "Send to TOPCAT or Aladin"


class Person(WebProfileDialog):  # type: ignore[misc]
    """Who allows, or does not, that a page registers."""

    allows = True
    asked = False

    def show_dialog(self, *_: Any) -> None:
        self.asked = True
        if self.allows:
            self.consent()
        else:
            self.reject()


@contextmanager
def hub(person: Person, folder: Path) -> Iterator[SAMPHubServer]:
    """A hub on loopback, and somebody who answers its questions."""
    served = SAMPHubServer(
        addr="127.0.0.1",
        lockfile=str(folder / "samp"),
        web_profile_dialog=person,
        web_port=0,
    )
    served.start()
    over = threading.Event()

    def answer() -> None:
        while not over.wait(0.02):
            person.handle_queue()

    answering = threading.Thread(target=answer)
    answering.start()
    try:
        yield served
    finally:
        over.set()
        answering.join()
        served.stop()


class Program:
    """A program at the hub that takes tables."""

    def __init__(self, served: SAMPHubServer) -> None:
        self.client = SAMPIntegratedClient(name="a program", addr="127.0.0.1")
        self.client.connect(hub=served)
        self._loop = asyncio.get_running_loop()
        self._got: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self.client.bind_receive_notification("table.load.votable", self._take)

    def _take(self, _key: str, _sender: str, _kind: str, told: dict[str, str], _: Any) -> None:
        self._loop.call_soon_threadsafe(self._got.put_nowait, told)

    async def table(self) -> tuple[str, list[str]]:
        """The name of the next table that comes, and the ids in it."""
        told = await asyncio.wait_for(self._got.get(), 30)
        async with httpx.AsyncClient() as client:
            answer = await client.get(told["url"])
        rows = parse_single_table(io.BytesIO(answer.content)).to_table()
        column = "kind" if "kind" in rows.colnames else "candid"
        return told["name"], [str(value) for value in rows[column]]


@pytest.fixture
async def pages(browser: Browser) -> AsyncIterator[Page]:
    """A page that may ask the hub, too."""
    looked: dict[str, Any] = {"excused": "net::ERR_FAILED", "also": {"localhost"}}
    async with opened_page(browser, **looked) as page:
        yield page


async def lead_to(page: Page, port: int | None) -> None:
    """Have the browser find the hub at a port; without one there is none."""

    async def go(route: Route) -> None:
        if port is None:
            await route.abort()
        else:
            await route.continue_(url=f"http://localhost:{port}/")

    await page.route(f"{WELL_KNOWN}**", go)


async def test_a_hub_gets_what_a_page_shows(served: Served, pages: Page, tmp_path: Path) -> None:
    base = str(served.client.base_url).rstrip("/")
    region = await send(served.client, disc(150.0, 30.0, 2.0))
    curve = await served.client.get(f"/api/v1/objects/{sky.OBJECT}/lightcurve")
    kinds = [point["kind"] for point in curve.json()["points"]]
    own = await served.candids({"object_id": sky.OBJECT, "limit": 1000})
    found = await served.candids({"magpsf__lte": "16", "limit": 1000})
    inside = await served.candids({"region": region, "limit": 1000})
    with hub(Person(), tmp_path) as running:
        await lead_to(pages, running._web_port)
        program = Program(running)
        for address, button, name, ids in (
            ("/?magpsf__lte=16", BUTTON, "MARS alerts", found),
            (f"/regions/{region}/", BUTTON, "MARS alerts in a region", inside),
            (
                f"/objects/{sky.OBJECT}/",
                "Light curve to TOPCAT",
                f"{sky.OBJECT} light curve",
                kinds,
            ),
            (f"/objects/{sky.OBJECT}/", "Alerts to TOPCAT or Aladin", f"{sky.OBJECT} alerts", own),
        ):
            await pages.goto(f"{base}{address}")
            if address.startswith("/?"):
                await pages.locator("#program summary").click()
            await pages.get_by_role("button", name=button).click()
            assert await program.table() == (name, ids)
            await expect(pages.get_by_text("Sent to 1 program")).to_be_visible()
        program.client.disconnect()


@pytest.mark.parametrize("there", [True, False])
async def test_no_hub_and_no_permission_are_said(
    served: Served, pages: Page, tmp_path: Path, there: bool
) -> None:
    person = Person()
    person.allows = False
    with hub(person, tmp_path) as running:
        await lead_to(pages, running._web_port if there else None)
        await pages.goto(f"{served.client.base_url}/objects/{sky.OBJECT}/")
        await pages.get_by_role("button", name="Light curve to TOPCAT").click()
        await expect(pages.get_by_text("No hub of SAMP answers")).to_be_visible()
    # A hub that is there has asked the person, who said no.
    assert person.asked == there


async def test_without_scripts_there_is_no_button(served: Served, browser: Browser) -> None:
    async with opened_page(browser, java_script_enabled=False) as page:
        await page.goto(f"{served.client.base_url}/objects/{sky.OBJECT}/")
        assert await page.locator("[data-samp]").count() == 2
        assert not await page.locator("[data-samp]").first.is_visible()


async def test_only_pages_with_a_button_may_ask_the_hub(served: Served) -> None:
    for path, may in (
        ("/", True),
        (f"/objects/{sky.OBJECT}/", True),
        (f"/{sky.FIRST}/", False),
        ("/help/", False),
        ("/regions/", False),
    ):
        answer = await served.client.get(path, headers={"Accept": "text/html"})
        told = answer.headers["content-security-policy"]
        assert ("localhost:21012" in told) == may == ("data-samp" in answer.text)
    assert WELL_KNOWN.rstrip("/") in SAMP["connect-src"]
    assert POLICY["connect-src"] == "'self'"
