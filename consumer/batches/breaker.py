"""Holds a partition whose messages are refused one after the other for one and the same reason.

That is what a new schema looks like: to reject the whole night would be right to the letter and
wrong in every other way. Damaged bytes tell only of themselves, and never hold anything.
"""

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncEngine

from archive.survey import Message
from archive.tables import held, position
from consumer import metrics
from consumer.batches.positions import Partition
from consumer.batches.sorting import Raw

log = logging.getLogger(__name__)

_VARIES: Final = re.compile(r"'[^']*'|-?\d[\w.+-]*")
"""What differs from packet to packet in a reason: quoted values and numbers."""


class Held(Exception):
    """A partition must wait for an operator, or for a program that can read what comes."""


class Run(NamedTuple):
    """Neighbouring messages of a partition that are refused for one reason."""

    reason: str
    length: int


Runs = Mapping[Partition, Run]


class Breaker:
    """Counts the runs of one stream, and knows which partitions wait."""

    def __init__(self, engine: AsyncEngine, limit: int) -> None:
        self._engine = engine
        self._limit = limit
        self._runs: Runs = {}
        self.waiting: set[Partition] = set()

    async def recall(self, partitions: Collection[Partition]) -> None:
        """Learn where these partitions were held before: the next refusal there holds them again.

        A new process tries once, as it may be one that can read what comes.
        """
        where = tuple_(held.c.topic, held.c.partition).in_(list(partitions)), _still_waits()
        async with self._engine.connect() as connection:
            rows = (await connection.execute(select(held).where(*where))).all()
        before = {(row.topic, row.partition): Run(row.reason, self._limit - 1) for row in rows}
        self._runs = before | {**self._runs}

    async def admit(self, messages: Sequence[Raw], decoded: Sequence[Message[Any]]) -> Runs:
        """Return the runs as they will be once these messages are written (see `settle`).

        Raises Held where one becomes as long as the limit and no operator has released it.
        """
        runs = dict(self._runs)
        for raw, message in zip(messages, decoded, strict=True):
            place = (raw.source, raw.partition)
            if message.packets:
                runs.pop(place, None)
            if not message.refused:
                continue
            reason = _VARIES.sub("…", message.damage or "")
            before = runs.get(place, Run(reason, 0))
            runs[place] = Run(reason, before.length + 1 if before.reason == reason else 1)
            if runs[place].length == self._limit and not await self._is_released(raw, reason):
                raise Held(f"{self._limit} messages in a row are refused: {reason}")
        return runs

    def settle(self, runs: Runs) -> None:
        """Take note that the messages that led to these runs are written."""
        self._runs = runs

    async def find_released(self) -> set[Partition]:
        """Return the partitions that waited and no longer need to."""
        if not self.waiting:
            return set()
        async with self._engine.connect() as connection:
            rows = await connection.execute(select(held).where(_still_waits()))
            released = self.waiting - {(row.topic, row.partition) for row in rows}
        self.waiting -= released
        for topic, partition in released:
            metrics.HELD.labels(topic, partition).set(0)
        return released

    async def _is_released(self, raw: Raw, reason: str) -> bool:
        """Whether an operator said so; else write down that the partition waits."""
        place = {"topic": raw.source, "partition": raw.partition}
        row = upsert(held).values(**place, reason=reason, next_offset=raw.position)
        mine = held.c.topic == raw.source, held.c.partition == raw.partition
        async with self._engine.begin() as connection:
            await connection.execute(row.on_conflict_do_nothing())
            wanted = select(held.c.released).where(*mine, held.c.reason == reason)
            released = await connection.scalar(wanted)
        if released is None:
            self.waiting.add((raw.source, raw.partition))
            metrics.HELD.labels(raw.source, raw.partition).set(1)
            log.error("held", extra=place | {"offset": raw.position, "reason": reason})
        return released is not None


async def release(engine: AsyncEngine) -> list[tuple[str, int, str]]:
    """Let every partition that waits go on; returns topic, partition and reason of each.

    What is refused there for that reason is rejected from now on, and can be replayed.
    """
    waits = update(held).where(_still_waits()).values(released=func.now())
    told = waits.returning(held.c.topic, held.c.partition, held.c.reason)
    async with engine.begin() as connection:
        return [tuple(row) for row in await connection.execute(told)]


def _still_waits() -> ColumnElement[bool]:
    """Not released, and the partition's position is not beyond the place where it was held."""
    beyond = select(position).where(
        position.c.topic == held.c.topic,
        position.c.partition == held.c.partition,
        position.c.next_offset > held.c.next_offset,
    )
    return held.c.released.is_(None) & ~beyond.exists()
