"""The consumer with a bomb in it: `python -m faults.consumer_dying_at after_put:7`.

It kills itself with SIGKILL when it passes the named point for the n-th time. The consumer knows
nothing of this: its functions are wrapped from outside, here and nowhere else.
"""

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

from archive.tables import conflict
from consumer import __main__ as program
from consumer.batches import ingest, inserts
from consumer.feed import stream

MARK: Final = "faults: dying at "
Step = Callable[..., Awaitable[Any]]


class Bomb:
    """Counts the passings of a point."""

    def __init__(self, point: str, passings: int) -> None:
        self._point = point
        self._left = passings

    def pass_by(self) -> None:
        self._left -= 1
        if self._left == 0:
            print(MARK + self._point, file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

    def before(self, step: Step) -> Step:
        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.pass_by()
            return await step(*args, **kwargs)

        return wrapped

    def after(self, step: Step) -> Step:
        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            result = await step(*args, **kwargs)
            self.pass_by()
            return result

        return wrapped


def _after_put(bomb: Bomb) -> None:
    ingest._put = bomb.after(ingest._put)  # type: ignore[assignment] # all objects of a batch


def _in_transaction(bomb: Bomb) -> None:
    """Rows are copied, the counter is locked, alerts are not there yet."""
    inserts._insert_alerts = bomb.before(inserts._insert_alerts)  # type: ignore[assignment]


def _before_commit(bomb: Bomb) -> None:
    """The last statement of a transaction is that on conflicts, even where it has no rows."""
    step = inserts._insert_aside

    async def wrapped(connection: Any, table: Any, *rest: Any) -> None:
        await step(connection, table, *rest)
        if table is conflict:
            bomb.pass_by()

    inserts._insert_aside = wrapped  # type: ignore[assignment]


def _after_commit(bomb: Bomb) -> None:
    ingest.write = bomb.after(inserts.write)  # type: ignore[attr-defined,assignment]


def _before_offsets(bomb: Bomb) -> None:
    stream._mirror = bomb.before(stream._mirror)  # type: ignore[assignment]


def _after_offsets(bomb: Bomb) -> None:
    stream._mirror = bomb.after(stream._mirror)  # type: ignore[assignment]


POINTS: Final[dict[str, Callable[[Bomb], None]]] = {
    "after_put": _after_put,
    "in_transaction": _in_transaction,
    "before_commit": _before_commit,
    "after_commit": _after_commit,
    "before_offsets": _before_offsets,
    "after_offsets": _after_offsets,
}


def main() -> int:
    """Wrap the point, then be the consumer."""
    point, _, passings = sys.argv[1].partition(":")
    POINTS[point](Bomb(point, int(passings or 1)))
    sys.argv = ["consumer", *(sys.argv[2:] or ["stream"])]
    return program.main()


if __name__ == "__main__":
    sys.exit(main())
