"""When a delivery is tried again, and when no more; how often anybody is asked."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from sqlalchemy import Row

from app.delivery.models import SubscriptionStatus, WebhookStatus

_PAUSES_S: Final = (5, 30, 120, 600, 3600, 4 * 3600, 10 * 3600, 20 * 3600, 36 * 3600)
"""Between ten tries: three days less half an hour."""
CHALLENGES: Final = 6
"""Tries of a challenge: within an hour and a quarter."""
MINUTE_S: Final = 60.0
PUT_OFF_S: Final = 5.0
MAX_TOLD: Final = 200
MAX_LATER: Final = timedelta(days=1)
"""For which a receiver may put the next try off."""


class Outcome(StrEnum):
    """What comes of a try."""

    TAKEN = "taken"
    FAILED = "failed"
    GONE = "gone"
    """The receiver wants no more."""
    PUT_OFF = "put off"
    """Nobody was asked."""


class Manner(NamedTuple):
    """How a way of sending goes on after what was taken."""

    agreed: str
    """Its status after the first message, which asks."""
    rest: timedelta
    """Between two messages at least."""


WEBHOOK: Final = Manner(WebhookStatus.ACTIVE, timedelta(0))
MAIL: Final = Manner(SubscriptionStatus.ASKED, timedelta(days=1))


class Tried(NamedTuple):
    """A try: what came of it, and that in words."""

    outcome: Outcome
    words: str
    later: timedelta = timedelta(0)
    """Before this time has passed the receiver wants no other try."""


def judge(status: int, later: timedelta = timedelta(0)) -> Tried:
    """What a receiver's status means: only 2xx takes, a redirect is followed by nobody."""
    words = f"answered {status}"
    if 200 <= status < 300:
        return Tried(Outcome.TAKEN, words)
    return Tried(Outcome.GONE if status == HTTPStatus.GONE else Outcome.FAILED, words, later)


def read_later(text: str, now: datetime) -> timedelta:
    """How long a Retry-After asks to wait, by seconds or by a date: MAX_LATER at most."""
    try:
        seconds = float(text) if text.isdecimal() else _seconds_until(text, now)
    except (ValueError, OverflowError):
        return timedelta(0)
    return timedelta(seconds=min(max(seconds, 0.0), MAX_LATER.total_seconds()))


def _seconds_until(date: str, now: datetime) -> float:
    return parsedate_to_datetime(date).timestamp() - now.timestamp()


def state_after(
    row: Row[Any], tried: Tried, now: datetime, manner: Manner = WEBHOOK
) -> dict[str, Any]:
    """The columns of a delivery after a try."""
    if tried.outcome is Outcome.PUT_OFF:
        return {"due": now + timedelta(seconds=PUT_OFF_S), "outcome": tried.words}
    told = {"tried": now, "outcome": tried.words[:MAX_TOLD], "due": now}
    is_challenge = row.status == WebhookStatus.UNCONFIRMED
    if tried.outcome is Outcome.TAKEN and is_challenge:
        return told | {"status": manner.agreed, "tries": 0}
    if tried.outcome is Outcome.TAKEN:
        moved = {"cursor": row.reach, "reach": None, "tries": 0}
        return told | moved | {"due": now + manner.rest}
    tries = row.tries + 1
    most = CHALLENGES if is_challenge else len(_PAUSES_S) + 1
    if tried.outcome is Outcome.GONE or tries >= most:
        return told | {"tries": tries, "status": WebhookStatus.ENDED}
    pause = max(timedelta(seconds=_PAUSES_S[tries - 1]), tried.later)
    return told | {"tries": tries, "due": now + pause}


class Pace:
    """How often each of many is asked within a minute; the counts are this process's own."""

    def __init__(
        self, most: Mapping[str, int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`most`: for each kind of those who are asked, such as `address`."""
        self._most, self._clock, self._minute = dict(most), clock, -1
        self._asked: Counter[tuple[str, str]] = Counter()

    def admit(self, **asked: str) -> bool:
        """Count one more for each; False, and nothing is counted, if one has had its number."""
        if (minute := int(self._clock() // MINUTE_S)) != self._minute:
            self._minute = minute
            self._asked.clear()
        if any(self._asked[pair] >= self._most[pair[0]] for pair in asked.items()):
            return False
        self._asked.update(asked.items())
        return True
