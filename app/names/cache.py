"""Earlier answers of remote resolvers, in PostgreSQL; without a database nothing is kept."""

import asyncio
import logging
from datetime import timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from app import schema
from app.errors import DATABASE_ERRORS

log = logging.getLogger(__name__)

HIT_LASTS: Final = timedelta(days=30)
MISS_LASTS: Final = timedelta(hours=1)
_PATIENCE_S: Final = 0.5
"""Longest wait for the cache, which exists to save time."""


class Found(NamedTuple):
    """What a resolver found: its own name of the object, and the ICRS position in degrees."""

    name: str
    ra: float
    dec: float
    source: str


class Answer(NamedTuple):
    """The answer for a name (None: no resolver knew it), and whether it is still fresh."""

    found: Found | None
    fresh: bool


class NameCache:
    """The table app.name. If the database does not answer, the cache counts as empty."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def get(self, name: str) -> Answer | None:
        """The answer for this name, however old; None if there is none."""
        held, now = schema.name, func.now()
        age = func.extract("epoch", now - held.c.resolved)
        query = select(held.c.canonical, held.c.ra, held.c.dec, held.c.source, age.label("age"))
        try:
            async with asyncio.timeout(_PATIENCE_S), self._engine.connect() as connection:
                row = (await connection.execute(query.where(held.c.name == name))).one_or_none()
        except DATABASE_ERRORS as error:
            log.warning("name cache not read", extra={"error": repr(error)})
            return None
        if row is None:
            return None
        found = None if row.ra is None else Found(row.canonical, row.ra, row.dec, row.source)
        lasts = MISS_LASTS if found is None else HIT_LASTS
        return Answer(found, float(row.age) < lasts.total_seconds())

    async def put(self, name: str, found: Found | None, source: str) -> None:
        """Keep the answer of `source` for a name, and delete expired misses."""
        position = (None, None, None) if found is None else found[:3]
        said: dict[str, Any] = dict(zip(("canonical", "ra", "dec"), position, strict=True))
        said |= {"source": source, "resolved": func.now()}
        held = schema.name
        keep = insert(held).values(name=name, **said)
        keep = keep.on_conflict_do_update(index_elements=[held.c.name], set_=said)
        old = delete(held).where(held.c.ra.is_(None), held.c.resolved < func.now() - MISS_LASTS)
        try:
            async with asyncio.timeout(_PATIENCE_S), self._engine.begin() as connection:
                await connection.execute(old)
                await connection.execute(keep)
        except DATABASE_ERRORS as error:
            log.warning("name not kept", extra={"error": repr(error)})
