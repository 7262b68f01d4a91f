"""Which watches have a topic in Kafka, and what their pages say of it: app.topic."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, Text, delete, func, literal, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from app import schema
from app.watches.near_sql import table_of
from app.watches.watches import HOLDER

_topic: Final = schema.topic
_watch: Final = schema.watch
_token: Final = schema.token


async def find_published(engine: AsyncEngine, named: Sequence[str]) -> Sequence[str]:
    """The watches that were made with a token that is good, and those that are named, by id."""
    holder = func.concat(literal(HOLDER), _token.c.name)
    good = select(holder).where(_token.c.revoked.is_(None))
    chosen = or_(_watch.c.client.in_(good), _watch.c.id.in_(named))
    living = select(_watch.c.id).where(chosen, _watch.c.expires > func.now())
    async with engine.connect() as connection:
        return (await connection.scalars(living.order_by(_watch.c.id))).all()


async def note_topics(
    engine: AsyncEngine, topics: Mapping[str, str], refused: Mapping[str, str]
) -> None:
    """Keep the names of topics, by watch, and why some are not continued, by name."""
    watches = list(topics)
    columns: dict[str, list[Any]] = {
        "watch": watches,
        "name": [topics[watch] for watch in watches],
        "error": [refused.get(topics[watch]) for watch in watches],
    }
    given = table_of([(name, Text(), held) for name, held in columns.items()], "given")
    # A watch may have been deleted meanwhile.
    still = select(*given.c).join(_watch, _watch.c.id == given.c.watch)
    put = insert(_topic).from_select(list(columns), still)
    new = {"name": put.excluded.name, "error": put.excluded.error}
    is_other = or_(*(_topic.c[column].is_distinct_from(value) for column, value in new.items()))
    async with engine.begin() as connection:
        await connection.execute(delete(_topic).where(_topic.c.watch.not_in(watches)))
        await connection.execute(
            put.on_conflict_do_update(index_elements=["watch"], set_=new, where=is_other)
        )


async def find_topic(engine: AsyncEngine, watch: str) -> Row[Any] | None:
    """The topic of a watch, if it has one: `name`, and `error` if it is not continued."""
    query = select(_topic).where(_topic.c.watch == watch)
    async with engine.connect() as connection:
        row: Row[Any] | None = (await connection.execute(query)).one_or_none()
    return row
