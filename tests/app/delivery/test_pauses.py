"""How long a sender goes on, and how often it asks anybody."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from app.delivery.models import WebhookStatus
from app.delivery.pauses import CHALLENGES, Outcome, Pace, Tried, judge, read_later, state_after

NOW = datetime(2026, 1, 31, tzinfo=UTC)
FAILED = Tried(Outcome.FAILED, "answered 500")


def webhook(**changes: Any) -> Any:
    told = {"status": "active", "tries": 0, "cursor": 3, "reach": 7, "due": NOW}
    return SimpleNamespace(**told | changes)


@pytest.mark.parametrize(
    ("status", "tries", "least", "most"),
    [
        ("active", 10, timedelta(days=2.5), timedelta(days=3)),
        ("unconfirmed", CHALLENGES, timedelta(hours=1), timedelta(hours=2)),
    ],
)
def test_tries_are_further_and_further_apart(
    status: str, tries: int, least: timedelta, most: timedelta
) -> None:
    row, now, pauses = webhook(status=status), NOW, list[timedelta]()
    while row.status != WebhookStatus.ENDED:
        after = state_after(row, FAILED, now)
        pauses.append(after["due"] - now)
        row, now = webhook(**{"status": status} | after), after["due"]
    assert row.tries == tries == len(pauses)
    assert pauses[:-1] == sorted(set(pauses[:-1]))
    assert least < now - NOW <= most


@pytest.mark.parametrize(
    ("outcome", "statuses"),
    [("taken", "200 204 299"), ("failed", "301 304 400 404 429 500"), ("gone", "410")],
)
def test_only_2xx_takes_and_only_410_ends(outcome: str, statuses: str) -> None:
    for status in statuses.split():
        assert judge(int(status)).outcome == outcome


def test_the_cursor_moves_when_a_message_is_taken_and_only_then() -> None:
    for outcome in Outcome:
        after = state_after(webhook(), Tried(outcome, ""), NOW)
        moved = {"cursor": 7, "reach": None} if outcome is Outcome.TAKEN else {}
        assert {n: v for n, v in after.items() if n in ("cursor", "reach")} == moved
    agreed = state_after(webhook(status="unconfirmed"), Tried(Outcome.TAKEN, ""), NOW)
    assert agreed["status"] == "active"
    assert "cursor" not in agreed


def test_nobody_is_asked_more_often_than_told() -> None:
    now = 0.0
    pace = Pace({"address": 5, "client": 3}, lambda: now)
    admitted = [pace.admit(address=f"{n % 2}", client="c") for n in range(6)]
    assert admitted == [True] * 3 + [False] * 3
    # What was refused counts for nobody.
    assert [pace.admit(address="0") for _ in range(4)] == [True] * 3 + [False]
    now = 60.0
    assert pace.admit(address="0", client="c")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0),
        ("120", 120),
        ("99999999999999999999", 86_400),
        ("-5", 0),
        ("1.5", 0),
        ("soon", 0),
        ("٣", 3),
        ("Sat, 31 Jan 2026 00:10:00 GMT", 600),
        ("Saturday, 31-Jan-26 00:10:00 GMT", 600),
        ("Fri, 30 Jan 2026 00:00:00 GMT", 0),
        ("Sat, 31 Jan 2099 00:00:00 GMT", 86_400),
        ("Sat, 31 Jan 99999 00:00:00 GMT", 0),
    ],
)
def test_a_receiver_says_when_it_is_to_be_asked_again(text: str, seconds: int) -> None:
    later = read_later(text, NOW)
    assert later == timedelta(seconds=seconds)
    after = state_after(webhook(), judge(429, later), NOW)
    # Not before its time, and not before ours.
    assert after["due"] - NOW == max(later, timedelta(seconds=5))
    assert state_after(webhook(), judge(204, later), NOW)["due"] == NOW
