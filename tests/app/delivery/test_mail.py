"""Digests by mail: to those who agreed, once a day, until they say stop; to nobody else."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import asyncpg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from pydantic import SecretStr

from app.delivery import due, mailing, pauses
from tests.app.conftest import fresh_archive, serving
from tests.app.delivery.test_webhooks import OBJECT, bearer
from tests.app.jobs.running import admin_url, free_port
from tests.app.live.streams import HANGS_S, grow
from tests.app.watches.test_watches import WATCHES, Watching

READER = "reader@example.org"


@dataclass
class Sink:
    """A mail server's inbox; it refuses an address or a mail if it is told to."""

    letters: list[EmailMessage] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.refusals.get(address, "250 OK")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        if "DATA" in self.refusals:
            return self.refusals.pop("DATA")
        self.letters.append(letter)
        return "250 OK"

    async def until(self, count: int) -> list[EmailMessage]:
        async with asyncio.timeout(HANGS_S):
            while len(self.letters) < count:  # noqa: ASYNC110 - it fills in another thread
                await asyncio.sleep(0.05)
        return self.letters


@pytest.fixture
def sink() -> Iterator[tuple[Sink, str]]:
    inbox = Sink()
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield inbox, f"smtp://127.0.0.1:{controller.port}"
    controller.stop()


@pytest.fixture
async def mailed(
    sink: tuple[Sink, str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Watching, Sink]]:
    """An app that matches and mails, quickly, and its sink."""
    monkeypatch.setattr(pauses, "_PAUSES_S", (0,) * 9)
    monkeypatch.setattr(due, "LOOK_S", 0.1)
    monkeypatch.setattr(mailing, "SWEEP_S", 0.1)
    inbox, address = sink
    told = {"jobs_run": True, "smtp_url": SecretStr(address), "mail_from": "mars@mars.test"}
    async with fresh_archive() as settings:
        own = settings.model_copy(update=told | {"watches_per_client": 50})
        async with serving(own) as client:
            yield Watching(client, own), inbox


def mail_of(watch: dict[str, Any]) -> str:
    return f"{WATCHES}/{watch['id']}/mail"


async def asked(watching: Watching, watch: dict[str, Any], address: str = READER) -> Any:
    body = {"address": address}
    return await watching.client.put(mail_of(watch), json=body, headers=bearer(watch))


async def state(watching: Watching, watch: dict[str, Any], **wanted: Any) -> dict[str, Any]:
    """The digest, once it is as it should become."""
    async with asyncio.timeout(HANGS_S):
        while True:
            told = (await watching.client.get(mail_of(watch), headers=bearer(watch))).json()
            if wanted.items() <= told.items():
                return dict(told)
            await asyncio.sleep(0.05)


def text_of(letter: EmailMessage) -> str:
    return str(letter.get_content())


def link_in(letter: EmailMessage) -> str:
    found = re.search(r"http://127\.0\.0\.1:\d+(/mail/[\w-]{32}/)", text_of(letter))
    assert found is not None
    return found[1]


async def a_day_later(watching: Watching) -> None:
    admin = await asyncpg.connect(admin_url(watching.settings))
    await admin.execute("UPDATE app.subscription SET due = due - interval '1 day'")
    await admin.execute("UPDATE app.mail_question SET asked = asked - interval '1 day'")
    await admin.close()


async def test_only_who_agrees_is_written_to_once_a_day_until_they_stop(
    mailed: tuple[Watching, Sink],
) -> None:
    watching, inbox = mailed
    client = watching.client
    watch = await watching.made({"object_id": OBJECT})
    assert (await asked(watching, watch)).json()["status"] == "unconfirmed"
    await grow(watching.settings, 0, 3, object_id=OBJECT)
    (question,) = await inbox.until(1)
    assert (question["To"], question["From"]) == (READER, "mars@mars.test")
    link = link_in(question)
    await state(watching, watch, status="asked")
    # Programs that look behind links agree to nothing.
    for method in ("GET", "HEAD"):
        looked = await client.request(method, link)
        assert (looked.status_code, looked.headers["cache-control"]) == (200, "no-store")
    assert "Send me these mails" in (await client.get(link)).text
    await a_day_later(watching)
    await watching.matched(watch)
    assert (await state(watching, watch))["status"] == "asked"
    agreed = await client.post(link, data={"answer": "yes"})
    assert (agreed.status_code, "They are sent" in agreed.text) == (200, True)
    _, digest = await inbox.until(2)
    assert digest["Subject"] == "MARS: 3 new alerts"
    assert text_of(digest).count(f"{OBJECT}  ") == 3
    await state(watching, watch, cursor=3, status="active")
    await grow(watching.settings, 3, 60, object_id=OBJECT)
    await watching.matched(watch)
    assert len(inbox.letters) == 2
    await a_day_later(watching)
    *_, second = await inbox.until(3)
    assert "60 new alerts of your watch, the newest 50" in text_of(second)
    assert text_of(second).count(f"{OBJECT}  ") == 50
    # The button of a mail program, RFC 8058.
    address = re.fullmatch(r"<http://127\.0\.0\.1:\d+(/.*)>", second["List-Unsubscribe"])
    assert address is not None
    assert second["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    for _ in "twice":
        pressed = await client.post(address[1], data={"List-Unsubscribe": "One-Click"})
        assert (pressed.status_code, "Stopped" in pressed.text) == (200, True)
    assert (await client.get(mail_of(watch), headers=bearer(watch))).status_code == 404
    assert (await client.get(link)).status_code == 404
    assert len({letter["Message-ID"] for letter in inbox.letters}) == 3


async def test_a_mail_that_is_not_taken_comes_again_and_a_refused_address_ends(
    mailed: tuple[Watching, Sink],
) -> None:
    watching, inbox = mailed
    watch, other = [await watching.made({"object_id": OBJECT}) for _ in "12"]
    inbox.refusals["DATA"] = "451 later"
    await asked(watching, watch)
    await inbox.until(1)
    await state(watching, watch, status="asked", outcome="given to the mail server")
    inbox.refusals["nobody@example.org"] = "550 no such mailbox"
    await asked(watching, other, "nobody@example.org")
    await state(watching, other, status="ended", outcome="the address was refused")
    assert len(inbox.letters) == 1


async def test_a_multipart_button_stops_and_other_words_do_nothing(
    mailed: tuple[Watching, Sink],
) -> None:
    watching, inbox = mailed
    watch = await watching.made({"object_id": OBJECT})
    await asked(watching, watch)
    link = link_in((await inbox.until(1))[0])
    for body in ({}, {"answer": "perhaps"}, {"List-Unsubscribe": "no"}):
        refused = await watching.client.post(link, data=body)
        assert "must be yes or no" in refused.text
    stopped = await watching.client.post(link, files={"List-Unsubscribe": (None, "One-Click")})
    assert (stopped.status_code, "Stopped" in stopped.text) == (200, True)
    assert (await watching.client.get(f"/mail/{'A' * 32}/")).status_code == 404


async def test_nobody_is_asked_again_and_again(mailed: tuple[Watching, Sink]) -> None:
    watching, _ = mailed
    watches = [await watching.made({"object_id": OBJECT}) for _ in range(4)]
    statuses = []
    for n, watch in enumerate(watches):
        # Deleting does not make room, nor does another spelling.
        statuses.append((await asked(watching, watch, [READER, READER.upper()][n % 2])).status_code)
        await watching.client.delete(mail_of(watch), headers=bearer(watch))
    assert statuses == [200, 200, 200, 429]
    others = [await asked(watching, watches[0], f"{n}@example.org") for n in range(8)]
    assert [one.status_code for one in others] == [200] * 7 + [429]
    await a_day_later(watching)
    assert (await asked(watching, watches[3])).status_code == 200


NO_ADDRESSES = (
    *(
        "",
        "reader",
        "a@b",
        "a@b.c\r\nBcc: x@y.z",
        "a b@c.de",
        "<a@b.de>",
        "a@b.de, c@d.ef",
        "é@b.de",
    ),
    *("a" * 65 + "@b.de", "a@" + "b." * 130 + "de"),
)


async def test_what_is_no_address_is_refused(mailed: tuple[Watching, Sink]) -> None:
    watching, _ = mailed
    watch = await watching.made({"object_id": OBJECT})
    for address in NO_ADDRESSES:
        refused = await asked(watching, watch, address)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["parameter"] == "address"


async def test_a_question_is_forgotten_and_a_server_without_settings_sends_none(
    mailed: tuple[Watching, Sink],
) -> None:
    watching, inbox = mailed
    watch = await watching.made({"object_id": OBJECT})
    await asked(watching, watch)
    link = link_in((await inbox.until(1))[0])
    await state(watching, watch, status="asked")
    admin = await asyncpg.connect(admin_url(watching.settings))
    await admin.execute("UPDATE app.subscription SET created = now() - interval '3 days'")
    # Not even before it has been swept.
    assert (await watching.client.get(link)).status_code == 404
    assert (await watching.client.post(link, data={"answer": "yes"})).status_code == 404
    async with asyncio.timeout(HANGS_S):
        while await admin.fetchval("SELECT count(*) FROM app.subscription"):  # noqa: ASYNC110 - it is the app's
            await asyncio.sleep(0.05)
    await admin.close()
    off = watching.settings.model_copy(update={"jobs_run": False, "mail_from": ""})
    async with serving(off) as client:
        refused = await asked(Watching(client, off), watch)
        assert (refused.status_code, "MARS_SMTP_URL" in refused.text) == (503, True)
