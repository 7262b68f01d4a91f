"""Webhooks: each range of a watch's alerts arrives, in order, whatever the receiver does."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import asyncpg
import httpx
import pytest

from app.delivery import due, pauses, posting
from app.delivery import sending as sending_of
from app.settings import Settings
from app.watches import hits
from tests.app.conftest import fresh_archive, serving
from tests.app.delivery.killing import sending_apart
from tests.app.delivery.receivers import (
    Behaviour,
    Receiver,
    Request,
    answer,
    answer_half,
    close,
    drip,
    endless,
    hang,
    in_turn,
    receiving,
    reset,
    swell,
    take,
)
from tests.app.jobs.running import admin_url
from tests.app.live.streams import HANGS_S, grow, growing
from tests.app.watches.test_watches import WATCHES, Watching, one_place

OBJECT = "ZTF26aaaaaaa"
SENDING = {"jobs_run": True, "webhooks": True, "webhooks_to_loopback": True}


KINDS = ("address", "challenged", "client")


@pytest.fixture
async def sending(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watching]:
    """An app that matches and sends, and does not wait between two tries."""
    monkeypatch.setattr(pauses, "_PAUSES_S", (0,) * 9)
    monkeypatch.setattr(due, "LOOK_S", 0.1)
    # All receivers are at one address, that of loopback.
    monkeypatch.setattr(sending_of, "_MOST_A_MINUTE", dict.fromkeys(KINDS, 999))
    async with fresh_archive() as settings:
        own = settings.model_copy(update=SENDING | {"watches_per_client": 50})
        async with serving(own) as client:
            yield Watching(client, own)


def bearer(watch: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {watch['secret']}"}


def hook_of(watch: dict[str, Any]) -> str:
    return f"{WATCHES}/{watch['id']}/webhook"


async def hooked(client: httpx.AsyncClient, watch: dict[str, Any], **body: Any) -> dict[str, Any]:
    put = await client.put(hook_of(watch), json=body, headers=bearer(watch))
    assert put.status_code == 200, put.text
    told: dict[str, Any] = put.json()
    return told


async def state(client: httpx.AsyncClient, watch: dict[str, Any], **wanted: Any) -> dict[str, Any]:
    """The webhook, once it is as it should become."""
    async with asyncio.timeout(HANGS_S):
        while True:
            answered = await client.get(hook_of(watch), headers=bearer(watch))
            assert answered.status_code == 200, answered.text
            told: dict[str, Any] = answered.json()
            if wanted.items() <= told.items():
                return told
            await asyncio.sleep(0.05)


def numbers(messages: list[Request]) -> list[int]:
    return [one["lco_id"] for message in messages for one in message.told["alerts"]]


async def test_alerts_arrive_signed_and_in_order(sending: Watching) -> None:
    client = sending.client
    watch = await sending.made({"object_id": OBJECT})
    async with receiving() as receiver:
        made = await hooked(client, watch, url=receiver.address)
        assert (made["status"], made["tries"], made["cursor"]) == ("unconfirmed", 0, 0)
        await state(client, watch, status="active")
        await grow(sending.settings, 0, 3, object_id=OBJECT)
        await grow(sending.settings, 3, 2, object_id="ZTF26bbbbbbb")
        await grow(sending.settings, 5, 250, object_id=OBJECT)
        await receiver.until(lambda: len(numbers(receiver.messages)) >= 253)
        told = await state(client, watch, cursor=255)
    for request in receiver.requests:
        request.verify(made["secret"])
    assert [one.is_challenge for one in receiver.requests[:2]] == [True, False]
    assert numbers(receiver.messages) == [1, 2, 3, *range(6, 256)]
    assert max(len(one.told["alerts"]) for one in receiver.messages) == 100
    ends = [(one.told["after"], one.told["upto"]) for one in receiver.messages]
    assert [after for after, _ in ends] == [0, *(upto for _, upto in ends[:-1])]
    first = receiver.messages[0]
    assert first.id == f"{watch['id']}_{ends[0][0]}_{ends[0][1]}"
    listed = await sending.hits(watch, before=2, fields="lco_id,candid,object_id,ra,links")
    assert first.told["alerts"][0].items() >= listed[0].items()
    assert (told["outcome"], told["tries"], told["next_try"]) == ("answered 204", 0, None)


REPEATING = answer(200, b'{"type": "webhook.challenge"}')
BAD: dict[str, Behaviour] = {
    "fails": answer(500),
    "redirects": answer(302, more="Location: /elsewhere\r\n"),
    "hangs": hang,
    "closes": close,
    "resets": reset,
    "drips": drip,
    "swells": swell,
    "endless": endless(500),
}


async def test_what_was_not_taken_comes_again_as_it_was(
    sending: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From receivers of every bad kind at once, none of which holds up the others."""
    monkeypatch.setattr(posting, "MAX_SECONDS", 0.3)
    async with AsyncExitStack() as stack:
        receivers = {
            kind: await stack.enter_async_context(receiving(in_turn(bad, bad, take)))
            for kind, bad in BAD.items()
        }
        watches = {kind: await sending.made({"object_id": OBJECT}) for kind in BAD}
        for kind, watch in watches.items():
            await hooked(sending.client, watch, url=receivers[kind].address)
            await state(sending.client, watch, status="active")
        await grow(sending.settings, 0, 2, object_id=OBJECT)
        for kind, watch in watches.items():
            messages = await receivers[kind].until_messages(3)
            await state(sending.client, watch, cursor=2, tries=0)
            assert len({(one.id, one.body, one.path) for one in messages}) == 1, kind
            assert numbers(messages[:1]) == [1, 2], kind


async def test_a_redirect_leads_nobody_to_this_machine(sending: Watching) -> None:
    watch = await sending.made({"object_id": OBJECT})
    async with receiving() as inside:
        away = answer(307, more=f"Location: {inside.address}\r\n")
        async with receiving(away) as receiver:
            await hooked(sending.client, watch, url=receiver.address)
            await grow(sending.settings, 0, 1, object_id=OBJECT)
            told = await state(sending.client, watch, status="ended")
            assert (told["outcome"], inside.connections) == ("answered 307", 0)


async def test_a_receiver_is_left_alone_for_as_long_as_it_asks(sending: Watching) -> None:
    """By seconds, or by a date."""
    tomorrow = format_datetime(datetime.now(UTC) + timedelta(hours=20), usegmt=True)
    for n, asked in enumerate(("7200", tomorrow)):
        watch = await sending.made({"object_id": OBJECT})
        async with receiving(answer(429, more=f"Retry-After: {asked}\r\n")) as receiver:
            await hooked(sending.client, watch, url=receiver.address)
            await state(sending.client, watch, status="active")
            await grow(sending.settings, n, 1, object_id=OBJECT)
            told = await state(sending.client, watch, tries=1, outcome="answered 429")
        wait = datetime.fromisoformat(told["next_try"]) - datetime.fromisoformat(told["tried"])
        assert timedelta(hours=1.9) < wait < timedelta(hours=20.1)
        assert len(receiver.messages) == 1


async def test_a_message_holds_what_it_held_however_much_comes_meanwhile(
    sending: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watch keeps its newest hits, and those of a message that waits."""
    for name, value in (("MAX_HITS", 5), ("EVERY", 1)):
        monkeypatch.setattr(hits, name, value)
    watch, enough = await sending.made({"object_id": OBJECT}), asyncio.Event()

    async def fail_late(request: Request, writer: asyncio.StreamWriter) -> None:
        await enough.wait()
        await answer(500)(request, writer)

    async with receiving(in_turn(fail_late, take)) as receiver:
        await hooked(sending.client, watch, url=receiver.address)
        await grow(sending.settings, 0, 3, object_id=OBJECT)
        await receiver.until_messages(1)
        for n in (3, 13):
            await grow(sending.settings, n, 10, object_id=OBJECT)
            await sending.matched(watch)
        enough.set()
        first, second, *_ = await receiver.until_messages(3)
        await state(sending.client, watch, cursor=23)
    assert (first.id, first.body) == (second.id, second.body)
    assert numbers([first]) == [1, 2, 3]
    assert numbers(receiver.messages[2:]) == [*range(19, 24)]


async def test_an_answer_is_judged_before_its_endless_body(sending: Watching) -> None:
    watch = await sending.made({"object_id": OBJECT})
    async with receiving(endless(200)) as receiver:
        await hooked(sending.client, watch, url=receiver.address)
        await grow(sending.settings, 0, 2, object_id=OBJECT)
        await state(sending.client, watch, cursor=2, tries=0)
        assert len(receiver.messages) == 1


@pytest.mark.parametrize(("status", "tries"), [(410, 1), (503, 10)])
async def test_a_webhook_ends_and_begins_anew_where_it_was(
    sending: Watching, status: int, tries: int
) -> None:
    watch = await sending.made({"object_id": OBJECT})
    async with receiving(answer(status)) as refusing, receiving() as taking:
        first = await hooked(sending.client, watch, url=refusing.address)
        await grow(sending.settings, 0, 2, object_id=OBJECT)
        told = await state(sending.client, watch, status="ended")
        assert (told["tries"], told["outcome"]) == (tries, f"answered {status}")
        assert (told["cursor"], told["next_try"]) == (0, None)
        await grow(sending.settings, 2, 2, object_id=OBJECT)
        await sending.matched(watch)
        second = await hooked(sending.client, watch, url=taking.address)
        assert second["secret"] != first["secret"]
        await state(sending.client, watch, cursor=4)
        assert numbers(taking.messages) == [1, 2, 3, 4]
        assert len(refusing.messages) == tries


async def test_nobody_is_sent_alerts_who_did_not_agree(
    sending: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = await sending.made({"object_id": OBJECT})
    await grow(sending.settings, 0, 2, object_id=OBJECT)
    wrong = answer(200, b'{"challenge": "no"}')
    for refusal in (answer(200), wrong, answer(404), REPEATING, answer_half):
        monkeypatch.setattr("tests.app.delivery.receivers.agree", refusal)
        async with receiving() as receiver:
            await hooked(sending.client, watch, url=receiver.address, since=0)
            told = await state(sending.client, watch, status="ended")
        assert told["tries"] == len(receiver.requests) == pauses.CHALLENGES
        assert receiver.messages == []


async def test_the_past_is_sent_where_it_is_asked_for(sending: Watching) -> None:
    watch = await sending.made({"object_id": OBJECT})
    await grow(sending.settings, 0, 4, object_id=OBJECT)
    await sending.matched(watch)
    async with receiving() as receiver:
        await hooked(sending.client, watch, url=receiver.address, since=2)
        await state(sending.client, watch, cursor=4)
        assert numbers(receiver.messages) == [3, 4]
        deleted = await sending.client.delete(hook_of(watch), headers=bearer(watch))
        assert deleted.status_code == 204
        gone = await sending.client.get(hook_of(watch), headers=bearer(watch))
        assert (gone.status_code, "no webhook" in gone.text) == (404, True)
        again = await sending.client.delete(hook_of(watch), headers=bearer(watch))
        assert again.status_code == 404


async def test_only_the_secret_of_the_watch_opens_its_webhook(sending: Watching) -> None:
    watch, other = [await sending.made({"cone": "1,1,1"}) for _ in range(2)]
    for method in ("GET", "PUT", "DELETE"):
        for headers in ({}, bearer(other), {"Authorization": watch["secret"]}):
            answered = await sending.client.request(
                method, hook_of(watch), headers=headers, json={"url": "https://example.org/"}
            )
            assert answered.status_code == 403, (method, answered.text)
    unknown = await sending.client.get(f"{WATCHES}/{'A' * 32}/webhook", headers=bearer(watch))
    assert unknown.status_code == 404


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "url: must begin with https://"),
        ({"url": "ftp://example.org/"}, "url: must begin with https://"),
        ({"url": "https://example.org/", "since": -1}, "since: must be an lco_id"),
        ({"url": "https://example.org/", "secret": "x"}, "secret: unknown parameter"),
    ],
    ids=str,
)
async def test_what_cannot_be_a_webhook_is_refused(
    sending: Watching, body: dict[str, Any], reason: str
) -> None:
    watch = await sending.made({"cone": "1,1,1"})
    answered = await sending.client.put(hook_of(watch), json=body, headers=bearer(watch))
    assert (answered.status_code, reason in answered.text) == (422, True), answered.text


async def test_so_many_lead_to_one_host() -> None:
    async with fresh_archive() as settings:
        own = settings.model_copy(update={"webhooks": True, "webhooks_per_host": 2})
        async with serving(own) as client:
            watches = [(await client.post(WATCHES, params={"cone": "1,1,1"})).json() for _ in "123"]
            asked = [
                client.put(hook_of(one), json={"url": "https://Example.org/"}, headers=bearer(one))
                for one in watches
            ]
            statuses = sorted(one.status_code for one in await asyncio.gather(*asked))
            assert statuses == [200, 200, 429]


async def test_a_server_sends_nothing_unless_it_is_told_to() -> None:
    async with fresh_archive() as settings, serving(settings) as client:
        watch = (await client.post(WATCHES, params={"cone": "1,1,1"})).json()
        for method in ("GET", "PUT", "DELETE"):
            answered = await client.request(
                method, hook_of(watch), json={"url": "https://x.org/"}, headers=bearer(watch)
            )
            assert (answered.status_code, "MARS_WEBHOOKS" in answered.text) == (503, True)


async def test_whoever_is_killed_each_range_arrives_and_a_repeated_one_is_the_same() -> None:
    chance, kills, each = random.Random(7), 10, 40
    last = 4 * (kills + 1) * each

    async def dawdle(request: Request, writer: asyncio.StreamWriter) -> None:
        """So that kills find messages under way, before and after they were taken."""
        await asyncio.sleep(chance.uniform(0, 0.2))
        await take(request, writer)

    async with fresh_archive() as settings, serving(settings) as client, receiving(dawdle) as there:
        watching, place = Watching(client, settings), f"ra,dec\n{one_place()}"
        watches = [await watching.made({"radius": "1"}, place) for _ in range(3)]
        own = settings.model_copy(update=SENDING)
        await put_hooks(own, watches, there)
        admin = await asyncpg.connect(admin_url(settings))
        async with growing(settings) as take_in:
            for n in range(kills + 1):
                for m in range(4):
                    await take_in((4 * n + m) * each, each)
                # The process that had claimed these is dead: nobody waits for its lease.
                await admin.execute("UPDATE app.webhook SET due = now()")
                with sending_apart(own):
                    if n == kills:
                        await there.until(lambda: ends_of(there, watches) == {last})
                    else:
                        await there.until_messages(len(there.messages) + 1)
                        await asyncio.sleep(chance.uniform(0, 0.4))
        await admin.close()
    repeated = 0
    for watch in watches:
        seen: dict[str, Request] = {}
        for message in there.messages:
            if message.told["watch"] == watch["id"]:
                repeated += message.id in seen
                assert seen.setdefault(message.id, message).body == message.body
        assert numbers([*seen.values()]) == [*range(1, last + 1)]
    assert repeated


async def put_hooks(settings: Settings, watches: list[dict[str, Any]], receiver: Receiver) -> None:
    """By a server that sends nothing itself."""
    async with serving(settings.model_copy(update={"jobs_run": False})) as client:
        for watch in watches:
            await hooked(client, watch, url=receiver.address)


def ends_of(receiver: Receiver, watches: list[dict[str, Any]]) -> set[int]:
    """How far the messages of each watch have come."""
    ends = dict.fromkeys((watch["id"] for watch in watches), 0)
    for message in receiver.messages:
        ends[message.told["watch"]] = message.told["upto"]
    return set(ends.values())
