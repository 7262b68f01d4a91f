"""Many that send wait by one look at the database."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import event

from app.delivery import due
from app.delivery.subscriptions import Subscriptions
from app.delivery.targets import parse_target
from app.delivery.webhooks import Webhooks
from app.watches.positions import open_positions
from app.watches.watches import open_watches
from tests.app.conftest import fresh_archive
from tests.app.live.streams import HANGS_S

LOOKS = 5


async def test_all_that_wait_look_once_and_those_go_on_for_whom_something_is_due(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(due, "LOOK_S", 0.02)
    asked: list[str] = []
    async with fresh_archive() as settings, open_watches(settings) as watches:
        assert watches is not None
        webhooks, mails = Webhooks(watches.engine, 10), Subscriptions(watches.engine)
        owner = await watches.find_owner("127.0.0.1", None)
        with open_positions() as none:
            row, _ = await watches.add(owner, [["magpsf__lt", "1"]], none, 0)

        def note(*told: Any) -> None:
            asked.append(told[2])

        event.listen(watches.engine.sync_engine, "before_cursor_execute", note)
        async with due.open_due() as looking, asyncio.timeout(HANGS_S):
            senders = [asyncio.create_task(looking.wait(webhooks)) for _ in range(4)]
            mailer = asyncio.create_task(looking.wait(mails))
            while len(asked) < LOOKS:  # noqa: ASYNC110 - it is another task
                await asyncio.sleep(0.001)
            assert not any(one.done() for one in (*senders, mailer))
            # Five wait, and each look is one statement for both tables.
            assert all("app.webhook" in one and "app.subscription" in one for one in asked)
            target = parse_target("https://example.org/", to_loopback=False)
            await webhooks.put(row.id, "127.0.0.1", target, None)
            await asyncio.gather(*senders)
            assert not mailer.done()
            await mails.put(row.id, "127.0.0.1", "reader@example.org")
            await mailer
