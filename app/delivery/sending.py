"""Webhooks are tried as they fall due: the loop that sends, in each process that runs jobs.

A process that is killed loses nothing: what it had claimed falls due again, and the same message is
sent anew. So each range arrives at least once, in order, and none is skipped.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import httpx
from prometheus_client import Counter
from sqlalchemy import Row

from app.alerts.access.archive import Archive
from app.alerts.asking.numbers import read_numbered
from app.delivery.due import Due
from app.delivery.messages import FIELDS, answers, challenge_of, message_of
from app.delivery.models import WebhookStatus
from app.delivery.pauses import Outcome, Pace, Tried, judge, read_later, state_after
from app.delivery.posting import Message, post, sign, trusted_roots
from app.delivery.queue import work_off
from app.delivery.targets import NotPublic, Resolve, Resolver, find_address, parse_target
from app.delivery.webhooks import Webhooks
from app.live.tail import Tail
from app.settings import Settings
from app.watches.watches import Watches

TOGETHER: Final = 4
"""Messages that are under way at once: a receiver that hangs holds one of these places."""
_RESOLVE_S: Final = 5.0
_MOST_A_MINUTE: Final = {"address": 600, "challenged": 6, "client": 20}
"""Messages to one machine, challenges to one machine, and challenges that one client causes."""
_LATER: Final = Tried(Outcome.PUT_OFF, "waits: too many messages lead there within a minute")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """What it takes to send."""

    webhooks: Webhooks
    watches: Watches
    archive: Archive
    tail: Tail
    public_url: str
    to_loopback: bool
    resolve: Resolve
    roots: ssl.SSLContext
    pace: Pace
    tries: Counter
    due: Due

    async def send_next(self) -> bool:
        """Try the webhook that has waited longest; False if none is due.

        Raises one of DATABASE_ERRORS, or QueryTooCostly.
        """
        row = await self.webhooks.claim()
        if row is None:
            return False
        tried = await self._try(row)
        self.tries.labels(tried.outcome).inc()
        await self.webhooks.settle(row, **state_after(row, tried, datetime.now(UTC)))
        return True

    async def _try(self, row: Row[Any]) -> Tried:
        if row.status == WebhookStatus.UNCONFIRMED:
            return await self._send(row, challenge_of(row))
        message = await self._message_of(row)
        if message is None:
            return Tried(Outcome.PUT_OFF, "waits for a database that has come so far")
        return await self._send(row, message)

    async def _message_of(self, row: Row[Any]) -> Message | None:
        """The message; None if the server that answers lacks some of its alerts."""
        newest = await self.tail.look()
        if newest.number < row.reach:
            return None
        # A watch whose alerts are sent is read.
        await self.watches.get(row.watch)
        found = await self.webhooks.hits_of(row)
        alerts = await read_numbered(self.archive, FIELDS, list(found), newest)
        return message_of(row, alerts, found, self.public_url)

    async def _send(self, row: Row[Any], message: Message) -> Tried:
        is_challenge = row.status == WebhookStatus.UNCONFIRMED
        try:
            target = parse_target(row.url, self.to_loopback)
            async with asyncio.timeout(_RESOLVE_S):
                address = await find_address(target, self.resolve, self.to_loopback)
            asked = {"challenged": address, "client": row.client} if is_challenge else {}
            if not self.pace.admit(address=address, **asked):
                return _LATER
            headers = sign(message, row.secret, datetime.now(UTC))
            answer = await post(
                target, address, message, headers, roots=self.roots, reads=is_challenge
            )
        except (NotPublic, ValueError, OSError, httpx.HTTPError) as error:
            return Tried(Outcome.FAILED, _explain(error))
        tried = judge(answer.status, read_later(answer.later, datetime.now(UTC)))
        if is_challenge and tried.outcome is Outcome.TAKEN and not answers(row, answer.body):
            return Tried(Outcome.FAILED, f"{tried.words}, but not with the word of the challenge")
        return tried

    async def work(self) -> None:
        """Send whatever falls due, until the process ends."""
        rest = partial(self.due.wait, self.webhooks)
        await work_off("webhooks", self.send_next, rest, self.tail)


def _explain(error: Exception) -> str:
    """Why nothing was answered, for the owner of the webhook."""
    match error:
        case NotPublic() | ValueError():
            return f"not asked: {error}"
        case TimeoutError() | httpx.TimeoutException():
            return "did not answer in time"
        case socket.gaierror():
            return "its host has no address, or no name server told it"
    return f"no answer: {error or type(error).__name__}"


@asynccontextmanager
async def open_webhooks(
    *,
    settings: Settings,
    watches: Watches | None,
    archive: Archive,
    tail: Tail,
    tries: Counter,
    due: Due,
) -> AsyncIterator[Webhooks | None]:
    """The webhooks, sent in the background if this process also runs jobs.

    None unless settings turn them on and there are watches.
    """
    if watches is None or not settings.webhooks:
        yield None
        return
    webhooks = Webhooks(watches.engine, settings.webhooks_per_host)
    if not settings.jobs_run:
        yield webhooks
        return
    resolver = Resolver(TOGETHER)
    sender = Sender(
        webhooks=webhooks,
        watches=watches,
        archive=archive,
        tail=tail,
        public_url=settings.public_url,
        to_loopback=settings.webhooks_to_loopback,
        resolve=resolver,
        roots=trusted_roots(),
        pace=Pace(_MOST_A_MINUTE),
        tries=tries,
        due=due,
    )
    tasks = {asyncio.create_task(sender.work()) for _ in range(TOGETHER)}
    try:
        yield webhooks
    finally:
        # What is under way falls due again, as after a kill.
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        resolver.close()
