"""What matches and sends, in a process of its own that can be killed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

from prometheus_client import Counter

from app.alerts.access.archive import open_archive
from app.alerts.output.fragments import Fragments
from app.alerts.output.items import alert_items
from app.delivery.due import open_due
from app.delivery.publishing import publishing
from app.delivery.sending import open_webhooks
from app.live.tail import open_tail
from app.settings import Settings
from app.watches.matching import open_watching
from dev.forking import FORKING

API = "http://mars.test/api/v1"


def _run(settings: Settings) -> None:
    asyncio.run(_send(settings))


async def _send(settings: Settings) -> None:
    tries = Counter("tries", "tries", ("outcome",), registry=None)
    write = Fragments(alert_items, API).of
    sent = Counter("sent", "sent", ("topic",), registry=None)
    async with (
        open_archive(settings) as archive,
        open_tail(archive, 1) as tail,
        open_watching(settings, archive, tail, None) as watches,
        open_due() as due,
        open_webhooks(
            settings=settings, watches=watches, archive=archive, tail=tail, tries=tries, due=due
        ),
        publishing(
            settings=settings, watches=watches, archive=archive, tail=tail, write=write, sent=sent
        ),
    ):
        await asyncio.Event().wait()


@contextmanager
def sending_apart(settings: Settings) -> Iterator[BaseProcess]:
    """A process that sends, killed at the end at the latest."""
    process = FORKING.Process(target=_run, args=(settings,), daemon=True)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()
