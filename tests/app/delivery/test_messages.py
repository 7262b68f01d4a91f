"""What is sent of a range: the same bytes each time; and who has agreed to it."""

from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, policy
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.delivery.letters import write_digest, write_question
from app.delivery.messages import answers, challenge_of, message_of

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
URL = "https://mars.a-host-with-a-long-name.example.org/below/a/path"


def row(**changes: Any) -> Any:
    told = {"watch": "W" * 32, "cursor": 3, "reach": 9, "created": NOW, "url": "https://x.org/"}
    return SimpleNamespace(**told | {"secret": "whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0"} | changes)


def word_of(webhook: Any) -> str:
    return str(orjson.loads(challenge_of(webhook).body)["data"]["challenge"])


def test_a_message_is_the_same_in_each_time_zone() -> None:
    """The database's own may differ from one process to the next."""
    east = NOW.astimezone(timezone(timedelta(hours=9)))
    first, second = (message_of(row(), [], {9: moment}, URL) for moment in (NOW, east))
    assert first == second
    assert first.id == f"{'W' * 32}_3_9"
    assert orjson.loads(first.body)["timestamp"] == "2026-01-31T12:00:00Z"


def test_the_word_is_that_of_one_address_and_one_secret() -> None:
    words = {word_of(row()), word_of(row(url="https://y.org/")), word_of(row(secret="whsec_MTIz"))}
    assert len(words) == 3


def test_the_word_alone_agrees_as_text_or_json() -> None:
    word = word_of(row())
    for body in (word, f" {word}\n", f'{{"challenge": "{word}"}}'):
        assert answers(row(), body.encode())


@given(st.one_of(st.binary(max_size=100), st.text(max_size=100).map(str.encode)))
def test_nothing_else_agrees(body: bytes) -> None:
    word = word_of(row()).encode()
    for told in (body, word[:-1], word + b"0", b"[" * 4000, challenge_of(row()).body):
        assert not answers(row(), told)


@pytest.mark.parametrize("count", [1, 3])
def test_a_letter_has_its_addresses_whole(count: int) -> None:
    """Python would write those that are longer than a line in a code of its own."""
    subscription = row(address="reader@example.org", key="k" * 32)
    alert: Any = {"object_id": "ZTF26aaaaaaa", "filter": None, "magpsf": None, "ra": 1.0, "dec": -2}
    found = dict.fromkeys(range(count), NOW)
    digest = write_digest(subscription, [alert], found, "mars@mars.test", URL)
    question = write_question(subscription, "mars@mars.test", URL)
    link = f"{URL}/mail/{'k' * 32}/"
    assert f"List-Unsubscribe: <{link}>\r\n".encode() in digest.as_bytes()
    for letter in (digest, question):
        read = message_from_bytes(letter.as_bytes(), policy=policy.default)
        assert link in str(read.get_content())
        assert read["Auto-Submitted"] == "auto-generated"
    plural = "alert" if count == 1 else "alerts"
    assert digest["Subject"] == f"MARS: {count} new {plural}"
    assert ("the newest 1:" in digest.get_content()) is (count > 1)
