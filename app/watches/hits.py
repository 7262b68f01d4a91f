"""What a group of watches has found, and how far it has looked, as SQL for all of them at once."""

from collections.abc import Mapping, Sequence
from itertools import chain, repeat
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Delete,
    Insert,
    Row,
    Select,
    Text,
    Update,
    delete,
    insert,
    or_,
    select,
    update,
)

from app import schema
from app.watches.near_sql import table_of

MAX_HITS: Final = 10_000
"""Hits of a watch that are kept, the newest."""
ENDED: Final = "ended"
"""The status of a delivery that is tried no more."""
EVERY: Final = 1_000
"""Hits of a watch after which its oldest are looked for, which takes a walk over all of them."""
_watch: Final = schema.watch
_hit: Final = schema.hit
Numbers = Mapping[str, Sequence[int]]
"""The alerts that each watch has found, by its id."""


def insert_hits(found: Numbers) -> Insert:
    """The hits as rows."""
    owners = list(chain.from_iterable(repeat(watch, len(held)) for watch, held in found.items()))
    numbers = list(chain.from_iterable(found.values()))
    given = table_of([("watch", Text(), owners), ("lco_id", BigInteger(), numbers)], "given")
    return insert(_hit).from_select(["watch", "lco_id"], select(*given.c))


def move_watches(found: Numbers, reached: int) -> Update:
    """How far the watches have looked, and how many they have found in all."""
    counts = [len(held) for held in found.values()]
    told = table_of([("id", Text(), list(found)), ("count", BigInteger(), counts)], "told")
    moved = {"upto": reached, "found": _watch.c.found + told.c.count}
    return update(_watch).where(_watch.c.id == told.c.id).values(moved)


def are_to_be_trimmed(rows: Sequence[Row[Any]], found: Numbers) -> list[str]:
    """The watches whose oldest hits are due to go: once in so many that they have found."""
    counts = {row.id: (row.found, row.found + len(found.get(row.id, ()))) for row in rows}
    return [
        watch
        for watch, (before, after) in counts.items()
        if after > MAX_HITS and after // EVERY > before // EVERY
    ]


def trim_hits(watches: Sequence[str]) -> Delete:
    """All but the newest hits of these watches, and those of a message that is under way.

    Such a message is tried again for days: each try must hold the same.
    """
    owner = table_of([("id", Text(), list(watches))], "owner")
    own = select(_hit.c.lco_id).where(_hit.c.watch == owner.c.id).order_by(_hit.c.lco_id.desc())
    edge = own.offset(MAX_HITS).limit(1).correlate(owner).scalar_subquery()
    is_sent = or_(
        *(
            select(sent.watch)
            .where(
                sent.watch == _hit.c.watch,
                sent.status != ENDED,
                _hit.c.lco_id > sent.cursor,
                _hit.c.lco_id <= sent.reach,
            )
            .correlate(_hit)
            .exists()
            for sent in (schema.webhook.c, schema.subscription.c)
        )
    )
    return delete(_hit).where(_hit.c.watch == owner.c.id, _hit.c.lco_id <= edge, ~is_sent)


def lock_messages(watches: Sequence[str]) -> list[Select[Any]]:
    """Statements that keep messages of these watches from being begun before a transaction ends.

    One that begins while its oldest hits go would be tried again without them.
    """
    return [
        select(table.c.watch).where(table.c.watch.in_(watches)).with_for_update()
        for table in (schema.webhook, schema.subscription)
    ]
