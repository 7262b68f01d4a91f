"""A watch's alerts are sent somewhere by a form, and its page tells how far that is."""

import pytest
from playwright.async_api import Browser, expect

from tests.app.delivery.receivers import answer, receiving
from tests.app.delivery.test_webhooks import OBJECT, hooked, sending, state
from tests.app.live.streams import grow
from tests.app.watches.test_watches import Watching
from tests.pages.conftest import follow, opened_page, serious_findings, width_beyond
from tests.pages.test_watch_pages import at

__all__ = ["sending"]


async def test_a_form_sends_what_a_watch_finds(sending: Watching, browser: Browser) -> None:
    watch = await sending.made({"object_id": OBJECT})
    address = at(sending, f"/watches/{watch['id']}/")
    async with (
        receiving() as receiver,
        opened_page(browser, java_script_enabled=False, excused="status of 4") as page,
    ):
        await page.goto(address)
        await page.get_by_label("Send them to a program at").fill(receiver.address)
        for secret in (f"{watch['secret']}x", watch["secret"]):
            # What was refused is there to be mended.
            await expect(page.get_by_label("to a program at")).to_have_value(receiver.address)
            await page.locator("#webhook-secret").fill(secret)
            await follow(page.get_by_role("button", name="Send"))
        signing = await page.locator("#signing").inner_text()
        await grow(sending.settings, 0, 3, object_id=OBJECT)
        (message,) = await receiver.until_messages(1)
        message.verify(signing)
        await state(sending.client, watch, cursor=3)
        await page.goto(address)
        await expect(page.get_by_text("To 127.0.0.1, so far up to number 3")).to_be_visible()
        await expect(page.get_by_text("answered 204")).to_be_visible()
        await expect(page.locator("#signing")).to_have_count(0)
        assert receiver.address not in await page.content()
        for secret in ("", watch["secret"]):
            await page.locator("#webhook-secret").fill(secret)
            await follow(page.get_by_role("button", name="End it"))
            await expect(page.get_by_text("give the secret")).to_have_count(0 if secret else 1)
        await expect(page.get_by_text("To 127.0.0.1")).to_have_count(0)
        assert (await sending.client.get(f"/api/v1/watches/{watch['id']}")).status_code == 200


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_page_of_one_that_ended_fits_a_phone(
    sending: Watching, browser: Browser, scheme: str
) -> None:
    watch = await sending.made({"object_id": OBJECT})
    address = at(sending, f"/watches/{watch['id']}/")
    async with receiving(answer(410)) as receiver:
        await hooked(sending.client, watch, url=receiver.address)
        await grow(sending.settings, 0, 3, object_id=OBJECT)
        await state(sending.client, watch, status="ended")
    size = {"width": 360, "height": 740}
    async with opened_page(browser, viewport=size, color_scheme=scheme) as page:
        await page.goto(address)
        await expect(page.get_by_text("To 127.0.0.1 no more")).to_be_visible()
        assert await width_beyond(page) == 0
    assert await serious_findings(browser, address, color_scheme=scheme) == []
