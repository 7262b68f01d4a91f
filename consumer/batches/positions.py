"""Where each partition resumes. The ledger's database is the authority; Kafka's commit mirrors it.

So expired offsets, a rewound topic and a restored backup repair themselves.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncEngine

from archive.errors import StalePosition
from archive.tables import position

log = logging.getLogger(__name__)

Partition = tuple[str, int]


class Incarnation(NamedTuple):
    """One of the topics that had the same name, one after the other."""

    number: int
    """How often a topic of this name was made, as far as we noticed."""
    topic_id: UUID | None
    """Kafka's own id of it; None where it was not told."""


class Position(NamedTuple):
    """An incarnation, and its first offset that is not yet settled."""

    incarnation: Incarnation
    next_offset: int


async def read_positions(
    engine: AsyncEngine, partitions: Iterable[Partition]
) -> dict[Partition, Position]:
    """The positions of those partitions that were read before."""
    wanted = select(position).where(
        tuple_(position.c.topic, position.c.partition).in_(list(partitions))
    )
    async with engine.connect() as connection:
        rows = await connection.execute(wanted)
        return {
            (r.topic, r.partition): Position(Incarnation(r.incarnation, r.topic_id), r.next_offset)
            for r in rows
        }


async def resume(
    engine: AsyncEngine,
    begins: Mapping[Partition, int],
    ends: Mapping[Partition, int],
    topic_ids: Mapping[str, UUID],
) -> dict[Partition, Position]:
    """Where to read on in each partition, given its first offset and the one after its last.

    A topic with another id than before was made anew, and so was one that ends before our position:
    the partition gets a new incarnation and is read from its beginning. Raises StalePosition where
    another consumer notices that at the same moment.
    """
    known = await read_positions(engine, ends)
    places = {}
    for partition, end in ends.items():
        topic_id = topic_ids.get(partition[0])
        held = known.get(partition, Position(Incarnation(1, topic_id), begins[partition]))
        before = held.incarnation.topic_id
        if end < held.next_offset or (before and topic_id and before != topic_id):
            held = await _next_incarnation(engine, partition, held, topic_id)
        # A position of before ids were kept learns its topic's.
        held = held._replace(incarnation=held.incarnation._replace(topic_id=topic_id))
        if begins[partition] > held.next_offset:
            log.error(
                "messages expired before they were read",
                extra={"topic": partition[0], "partition": partition[1]}
                | {"from": held.next_offset, "to": begins[partition]},
            )
            held = held._replace(next_offset=begins[partition])
        places[partition] = held
    return places


async def _next_incarnation(
    engine: AsyncEngine, partition: Partition, held: Position, topic_id: UUID | None
) -> Position:
    log.error(
        "topic was made anew: reading it from its beginning",
        extra={"topic": partition[0], "partition": partition[1], "topic_id": str(topic_id)}
        | {"our_position": held.next_offset},
    )
    anew = Incarnation(held.incarnation.number + 1, topic_id)
    async with engine.begin() as connection:
        moved = await connection.execute(
            update(position)
            .where(position.c.topic == partition[0], position.c.partition == partition[1])
            .where(position.c.incarnation == held.incarnation.number)
            .values(incarnation=anew.number, next_offset=0, topic_id=topic_id)
        )
    if moved.rowcount != 1:
        raise StalePosition(f"{partition[0]}/{partition[1]} has a new incarnation already")
    return Position(anew, 0)
