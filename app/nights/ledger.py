"""What the ledger says: the sums of each night and topic, kept and added to.

A night has thousands of rows, one for each batch and partition, and a page shows a hundred nights:
adding them up takes seconds. Rows never change and batches are only added, so the sums of a night
are computed once, and those of later batches are added to them.
"""

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple

from sqlalchemy import ARRAY, BigInteger, Date, Integer, any_, bindparam, func, select, true

from app.alerts.access.archive import Archive
from app.alerts.sql.statements import Statement, compile_statement
from app.errors import QueryTooCostly
from app.nights.days import OUTCOMES, Item, compact_date
from archive.tables import counter, ledger

MOST: Final = 10_000
"""Nights kept, each of 1 kB: all that a survey has in 27 years."""
WAIT_S: Final = 4.0
"""How long a request waits for others: sums are computed one request at a time."""
AT_ONCE: Final = 20
"""Nights added up by one statement."""
_NEVER: Final = 2**62
"""Behind every batch."""

_AGAIN: Final = (
    "adding up the ledger takes long; the sums so far are kept: try again in a few seconds"
)

Sums = tuple[int, ...]
"""Numbers of packets by outcome, in the order of OUTCOMES."""

_SINCE, _AS_OF = (bindparam(name, type_=BigInteger()) for name in ("since", "as_of"))
_SUMS: Final = (
    ledger.c.night,
    ledger.c.source.label("topic"),
    *(func.sum(ledger.c[outcome]).label(outcome) for outcome in OUTCOMES),
)
_PER_TOPIC: Final = select(*_SUMS).group_by(ledger.c.night, ledger.c.source)
_OF_NIGHTS: Final = compile_statement(
    _PER_TOPIC.where(
        ledger.c.night == any_(bindparam("nights", type_=ARRAY(Date()))), ledger.c.batch <= _AS_OF
    )
)
_later: Final = _PER_TOPIC.where(ledger.c.batch > _SINCE).subquery("later")
_LATER: Final = compile_statement(
    select(counter.c.batch.label("newest"), *_later.c).select_from(
        counter.join(_later, true(), isouter=True)
    )
)
"""The newest batch, and the sums of all rows since another one."""


def _steps() -> Statement:
    """The newest nights before a day, each found in the index from the one before."""
    before = bindparam("before", type_=Date())
    newest = select(func.max(ledger.c.night).label("night")).where(ledger.c.night < before)
    step = newest.cte("step", recursive=True)
    earlier = select(func.max(ledger.c.night)).where(ledger.c.night < step.c.night)
    step = step.union_all(select(earlier.scalar_subquery()).where(step.c.night.is_not(None)))
    nights = select(step.c.night).where(step.c.night.is_not(None))
    return compile_statement(nights.limit(bindparam("limit", type_=Integer())))


_NIGHTS: Final = _steps()


class NightsPage(NamedTuple):
    """Some nights, newest first, and the night before which the next page begins, if there is."""

    items: list[Item]
    next: str | None


class Ledger:
    """The sums of the nights that were asked for, up to a batch."""

    def __init__(self) -> None:
        self._sums: dict[date, dict[str, Sums]] = {}
        self._as_of = _NEVER
        self._adding = asyncio.Lock()
        self._failures: list[Exception] = []
        """Gets the error of the running request; all requests that wait for it hold this list."""

    async def listed(self, archive: Archive, before: date | None, limit: int) -> NightsPage:
        """The newest nights before a day."""
        # The bound is exclusive; no survey reaches the last day of the year 9999.
        rows = await archive.fetch(_NIGHTS, before=before or date.max, limit=limit + 1)
        nights = [row["night"] for row in rows[:limit]]
        items = await self._items(archive, nights)
        return NightsPage(items, compact_date(nights[-1]) if len(rows) > limit else None)

    async def one(self, archive: Archive, night: date) -> Item | None:
        """A night in the ledger; None if the ledger does not have it."""
        return next(iter(await self._items(archive, [night])), None)

    async def _items(self, archive: Archive, nights: Sequence[date]) -> list[Item]:
        """The sums of these nights; one request at a time computes them.

        If the running request fails, those that wait for it fail too: each would fail alike.
        Raises QueryTooCostly, or one of DATABASE_ERRORS.
        """
        failures = self._failures
        try:
            async with asyncio.timeout(WAIT_S):
                await self._adding.acquire()
        except TimeoutError:
            raise QueryTooCostly(_AGAIN) from None
        try:
            if failures:
                raise failures[0]
            return await self._tried(archive, nights)
        finally:
            self._adding.release()

    async def _tried(self, archive: Archive, nights: Sequence[date]) -> list[Item]:
        try:
            async with asyncio.timeout(archive.database_timeout_s):
                return await self._added_up(archive, nights)
        except Exception as error:
            failed = QueryTooCostly(_AGAIN) if isinstance(error, TimeoutError) else error
            self._failures.append(failed)
            self._failures = []
            raise failed from None

    async def _added_up(self, archive: Archive, nights: Sequence[date]) -> list[Item]:
        await self._add_later(archive)
        missing = [night for night in nights if night not in self._sums]
        for n in range(0, len(missing), AT_ONCE):
            some = missing[n : n + AT_ONCE]
            rows = await archive.fetch(_OF_NIGHTS, nights=some, as_of=self._as_of)
            for night, topic, *sums in rows:
                self._sums.setdefault(night, {})[topic] = tuple(sums)
        items = [_item(night, self._sums[night]) for night in nights if night in self._sums]
        if len(self._sums) > MOST:
            self._sums.clear()
        return items

    async def _add_later(self, archive: Archive) -> None:
        """Add the batches up to the newest; start over if there are too many of them."""
        last = self._as_of if self._sums else None
        try:
            since = _NEVER if last is None else last
            rows = await archive.fetch(_LATER, since=since, as_of=last)
        except QueryTooCostly:
            self._sums.clear()
            rows = await archive.fetch(_LATER, since=_NEVER)
        for newest, night, topic, *sums in rows:
            self._as_of = newest
            # Other nights have no sums yet, so there is nothing to add to.
            if (known := self._sums.get(night)) is not None:
                before = known.get(topic, (0,) * len(OUTCOMES))
                known[topic] = tuple(map(sum, zip(before, sums, strict=True)))


def _item(night: date, topics: dict[str, Sums]) -> Item:
    """A night with its topics, by name."""
    whole = map(sum, zip(*topics.values(), strict=True))
    return {
        "night": night.isoformat(),
        **dict(zip(OUTCOMES, whole, strict=True)),
        "topics": [
            {"topic": name, **dict(zip(OUTCOMES, topics[name], strict=True))}
            for name in sorted(topics)
        ],
    }
