"""Alerts by mail, asked for and agreed to by hand."""

import pytest
from playwright.async_api import Browser, expect

from tests.app.delivery.test_mail import READER, Sink, link_in, mailed, sink
from tests.app.delivery.test_webhooks import OBJECT
from tests.app.live.streams import grow
from tests.app.watches.test_watches import Watching
from tests.pages.conftest import follow, opened_page, serious_findings, width_beyond
from tests.pages.test_watch_pages import at

__all__ = ["mailed", "sink"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_reader_asks_agrees_and_stops(
    mailed: tuple[Watching, Sink], browser: Browser, scheme: str
) -> None:
    watching, inbox = mailed
    watch = await watching.made({"object_id": OBJECT})
    size = {"width": 360, "height": 740}
    async with opened_page(
        browser, viewport=size, color_scheme=scheme, java_script_enabled=False
    ) as page:
        await page.goto(at(watching, f"/watches/{watch['id']}/"))
        await page.get_by_label("Send them once a day to").fill(READER)
        await page.get_by_label("Secret of this watch").fill(watch["secret"])
        await follow(page.get_by_role("button", name="Ask this address"))
        await expect(page.get_by_text("once the link in the first one")).to_be_visible()
        assert READER not in await page.content()
        address = at(watching, link_in((await inbox.until(1))[0]))
        await page.goto(address)
        assert await width_beyond(page) == 0
        await follow(page.get_by_role("button", name="Send me these mails"))
        await expect(page.get_by_text("They are sent")).to_be_visible()
        await grow(watching.settings, 0, 2, object_id=OBJECT)
        assert (await inbox.until(2))[1]["Subject"] == "MARS: 2 new alerts"
        assert await serious_findings(browser, address, color_scheme=scheme) == []
        await follow(page.get_by_role("button", name="Send none"))
        await expect(page.get_by_text("Stopped")).to_be_visible()
        await page.goto(at(watching, f"/watches/{watch['id']}/"))
        await page.get_by_label("Send them once a day to").fill(READER)
        for button in ("Ask this address", "End mails"):
            await page.get_by_label("Secret of this watch").fill(watch["secret"])
            await follow(page.get_by_role("button", name=button))
        await expect(page.get_by_text("By mail")).to_have_count(0)
