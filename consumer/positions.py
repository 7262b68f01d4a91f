"""Where each partition resumes. The ledger's database is the authority; Kafka's commit mirrors it.

So expired offsets, a rewound topic and a restored backup repair themselves.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncEngine

from archive.errors import StalePosition
from archive.tables import position

log = logging.getLogger(__name__)

Partition = tuple[str, int]


class Position(NamedTuple):
    """How often a topic of this name was made, and the first offset not yet settled."""

    incarnation: int
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
        return {(r.topic, r.partition): Position(r.incarnation, r.next_offset) for r in rows}


async def resume(
    engine: AsyncEngine,
    begins: Mapping[Partition, int],
    ends: Mapping[Partition, int],
) -> dict[Partition, Position]:
    """Where to read on in each partition, given its first offset and the one after its last.

    A partition that ends before our position belongs to a topic that was made anew: it gets a new
    incarnation and is read from its beginning. Raises StalePosition where another consumer
    notices that at the same moment.
    """
    known = await read_positions(engine, ends)
    places = {}
    for partition, end in ends.items():
        held = known.get(partition, Position(1, begins[partition]))
        if end < held.next_offset:
            held = await _next_incarnation(engine, partition, held, end)
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
    engine: AsyncEngine, partition: Partition, held: Position, end: int
) -> Position:
    log.error(
        "topic was made anew: reading it from its beginning",
        extra={"topic": partition[0], "partition": partition[1]}
        | {"our_position": held.next_offset, "its_end": end},
    )
    anew = Position(held.incarnation + 1, 0)
    async with engine.begin() as connection:
        moved = await connection.execute(
            update(position)
            .where(position.c.topic == partition[0], position.c.partition == partition[1])
            .where(position.c.incarnation == held.incarnation)
            .values(incarnation=anew.incarnation, next_offset=anew.next_offset)
        )
    if moved.rowcount != 1:
        raise StalePosition(f"{partition[0]}/{partition[1]} has a new incarnation already")
    return anew
