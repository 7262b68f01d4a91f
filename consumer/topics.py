"""Which nightly topics to follow, and which night a name speaks of."""

import re
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta


def window(template: str, today: date, days: int) -> list[str]:
    """The names of `days` nights up to today's, and of tomorrow's, whose topic may come early."""
    nights = (today + timedelta(days=n) for n in range(1 - days, 2))
    return [template.replace("{night}", f"{night:%Y%m%d}") for night in nights]


def followed(template: str, days: int, existing: Collection[str], now: datetime) -> frozenset[str]:
    """Those of the window that exist. Names, not a pattern: expired ones are still advertised."""
    return frozenset(window(template, now.astimezone(UTC).date(), days)) & frozenset(existing)


def night_of(name: str, now: datetime) -> date:
    """The night in the name of a topic or tarball, else the UTC day of `now`."""
    for digits in re.findall(r"(?<!\d)\d{8}(?!\d)", name):
        # Eight digits need not be a date.
        with suppress(ValueError):
            return datetime.strptime(digits, "%Y%m%d").replace(tzinfo=UTC).date()
    return now.astimezone(UTC).date()
