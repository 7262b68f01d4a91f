"""Mails are sent as they fall due: the loop, in each process that runs jobs."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import partial
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import aiosmtplib
from prometheus_client import Counter
from sqlalchemy import Row

from app.alerts.access.archive import Archive
from app.alerts.asking.numbers import read_numbered
from app.delivery.due import Due
from app.delivery.letters import SHOWN, write_digest, write_question
from app.delivery.models import SubscriptionStatus
from app.delivery.pauses import MAIL, Outcome, Tried, state_after
from app.delivery.queue import work_off
from app.delivery.subscriptions import Subscriptions
from app.live.tail import Tail
from app.settings import Settings
from app.watches.watches import Watches

log = logging.getLogger(__name__)
SWEEP_S: Final = 600.0
_TIMEOUT_S: Final = 15.0
_FIELDS: Final = ("object_id", "ra", "dec", "filter", "magpsf")
_REFUSED: Final = 500
"""SMTP's codes from here on will not change by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailer:
    """What it takes to send mails."""

    subscriptions: Subscriptions
    watches: Watches
    archive: Archive
    tail: Tail
    settings: Settings
    tries: Counter
    due: Due

    async def send_next(self) -> bool:
        """Try the mail that has waited longest; False if none is due.

        Raises one of DATABASE_ERRORS, or QueryTooCostly.
        """
        row = await self.subscriptions.claim()
        if row is None:
            return False
        letter = await self._letter_of(row)
        tried = _LATER if letter is None else await send_letter(letter, self.settings)
        self.tries.labels(tried.outcome).inc()
        told = state_after(row, tried, datetime.now(UTC), MAIL)
        await self.subscriptions.settle(row, **told)
        return True

    async def _letter_of(self, row: Row[Any]) -> EmailMessage | None:
        """The mail; None if the server that answers lacks some of its alerts."""
        sender, url = self.settings.mail_from, self.settings.public_url
        if row.status == SubscriptionStatus.UNCONFIRMED:
            return write_question(row, sender, url)
        newest = await self.tail.look()
        if newest.number < row.reach:
            return None
        # A watch whose alerts are sent is read.
        await self.watches.get(row.watch)
        found = await self.subscriptions.hits_of(row)
        alerts = await read_numbered(self.archive, _FIELDS, list(found)[-SHOWN:], newest)
        return write_digest(row, alerts, found, sender, url)

    async def work(self) -> None:
        """Send whatever falls due, until the process ends."""
        await work_off(
            "mails", self.send_next, lambda: self.due.wait(self.subscriptions), self.tail
        )

    async def tidy(self) -> None:
        """Forget, until the process ends, whom nobody needs to remember."""
        await work_off("questions", self._sweep, partial(asyncio.sleep, SWEEP_S), self.tail)

    async def _sweep(self) -> bool:
        await self.subscriptions.sweep()
        return False


_LATER: Final = Tried(Outcome.PUT_OFF, "waits for a database that has come so far")


async def send_letter(letter: EmailMessage, settings: Settings) -> Tried:
    """Give a mail to the server of settings."""
    server = urlsplit(settings.smtp_url.get_secret_value())
    is_encrypted = server.scheme == "smtps"
    try:
        # As bytes: aiosmtplib would fold a letter's headers anew.
        await aiosmtplib.send(
            letter.as_bytes(),
            sender=settings.mail_from,
            recipients=[str(letter["To"])],
            hostname=server.hostname,
            port=server.port,
            username=unquote(server.username) if server.username else None,
            password=unquote(server.password) if server.password else None,
            use_tls=is_encrypted,
            # A password is never sent where anybody can read it; else a server need not encrypt.
            start_tls=True if server.username and not is_encrypted else None,
            cert_bundle=settings.smtp_ca_file or None,
            timeout=_TIMEOUT_S,
        )
    except aiosmtplib.SMTPRecipientsRefused as error:
        codes = [refusal.code for refusal in error.recipients]
        gone = min(codes, default=0) >= _REFUSED
        return Tried(Outcome.GONE if gone else Outcome.FAILED, "the address was refused")
    except (aiosmtplib.SMTPException, OSError) as error:
        # The server's own words are for the operator: it is not the reader's.
        words = _explain(error)
        log.warning("a mail was not taken: %s", words, extra={"error": repr(error)})
        return Tried(Outcome.FAILED, words)
    return Tried(Outcome.TAKEN, "given to the mail server")


def _explain(error: BaseException) -> str:
    """Why a server took nothing, in words that tell no more of it than a reader may know."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"the mail server's certificate is not trusted: {error.verify_message}"
        case aiosmtplib.SMTPAuthenticationError():
            return "the mail server did not accept the name and password of MARS_SMTP_URL"
        case _ if "STARTTLS extension not supported" in str(error):
            return "the mail server does not encrypt, so no password was sent to it"
    return _explain(error.__cause__) if error.__cause__ else "the mail server did not take it"


@asynccontextmanager
async def open_mailing(
    *,
    settings: Settings,
    watches: Watches | None,
    archive: Archive,
    tail: Tail,
    tries: Counter,
    due: Due,
) -> AsyncIterator[Subscriptions | None]:
    """The digests, sent in the background if this process also runs jobs.

    None unless settings name a mail server and there are watches.
    """
    if watches is None or not (settings.smtp_url.get_secret_value() and settings.mail_from):
        yield None
        return
    subscriptions = Subscriptions(watches.engine)
    if not settings.jobs_run:
        yield subscriptions
        return
    mailer = Mailer(
        subscriptions=subscriptions,
        watches=watches,
        archive=archive,
        tail=tail,
        settings=settings,
        tries=tries,
        due=due,
    )
    tasks = {asyncio.create_task(doing()) for doing in (mailer.work, mailer.tidy)}
    try:
        yield subscriptions
    finally:
        # What is under way falls due again, as after a kill.
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
