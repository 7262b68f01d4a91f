"""The consumer whose clock says that midnight comes: `python -m faults.consumer_before_midnight 7`.

It starts so many seconds before 00:00 UTC of the next day. Its clock is wrapped from outside, where
it looks for nights, here and nowhere else.
"""

import sys
from datetime import UTC, datetime, timedelta, tzinfo

from consumer import __main__ as program
from consumer.feed import stream


def next_midnight(now: datetime) -> datetime:
    """00:00 of the day after."""
    return datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)


class _Clock(datetime):
    """The time, shifted."""

    shift = timedelta(0)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + cls.shift


def main() -> int:
    """Shift the clock, then be the consumer."""
    now = datetime.now(UTC)
    _Clock.shift = next_midnight(now) - timedelta(seconds=float(sys.argv[1])) - now
    vars(stream)["datetime"] = _Clock
    sys.argv = ["consumer", *sys.argv[2:]]
    return program.main()


if __name__ == "__main__":
    sys.exit(main())
