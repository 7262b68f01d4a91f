"""Watches in the database: app.watch, its positions, its hits."""

import hashlib
import hmac
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app import schema
from app.errors import NotFound, TooMany, WrongSecret
from app.match.targets import Target
from app.settings import Settings
from app.watches.near_sql import insert_positions
from archive.database import make_engine

PREFIX: Final = "mars_"
"""Of secrets: by it those who scan published files for keys find ours."""
_LOCK: Final = 7_062_020
_LASTS: Final = timedelta(days=365)
_READ: Final = timedelta(days=1)
"""A watch that is read lasts a year from then on, noted once in this time."""
_ID: Final = re.compile(r"[A-Za-z0-9_-]{32}", re.ASCII)
_watch: Final = schema.watch
_hit: Final = schema.hit


class Watches:
    """The watches of this archive; works as mars_app."""

    def __init__(self, engine: AsyncEngine, per_client: int) -> None:
        self.engine, self._per_client = engine, per_client

    async def check_room(self, client: str) -> None:
        """Raise TooMany if the client already has its number of watches."""
        async with self.engine.connect() as connection:
            await self._check_room(connection, client)

    async def _check_room(self, connection: AsyncConnection, client: str) -> None:
        owned = select(func.count()).select_from(_watch)
        living = owned.where(_watch.c.client == client, _watch.c.expires > func.now())
        if (await connection.scalar(living) or 0) >= self._per_client:
            raise TooMany(
                f"you already have {self._per_client} watches, the most that one client may have: "
                "DELETE one"
            )

    async def add(
        self, client: str, filters: Sequence[Sequence[str]], targets: Sequence[Target], upto: int
    ) -> tuple[Row[Any], str]:
        """Make a watch of what comes after a number; its row, and its secret. Raises TooMany."""
        watch, secret = secrets.token_urlsafe(24), PREFIX + secrets.token_urlsafe(24)
        told: dict[str, Any] = {"filters": filters, "upto": upto, "positions": len(targets)}
        told["widest"] = max((target.cone.radius for target in targets), default=None)
        told |= {"client": client, "secret": _digest(secret), "expires": func.now() + _LASTS}
        async with self.engine.begin() as connection:
            # Requests of one client take turns here: two at once could both take the last place.
            lock = func.pg_advisory_xact_lock(_LOCK, func.hashtext(client))
            await connection.execute(select(lock))
            await self._check_room(connection, client)
            made = insert(_watch).values(id=watch, **told).returning(_watch)
            row: Row[Any] = (await connection.execute(made)).one()
            if targets:
                await connection.execute(insert_positions(watch, targets))
        return row, secret

    async def get(self, watch: str) -> Row[Any]:
        """A watch with the number of its hits; it lasts longer by being read. Raises NotFound."""
        _check(watch)
        counted = select(func.count()).where(_hit.c.watch == watch).scalar_subquery()
        query = select(_watch, counted.label("hits"))
        late = func.now() + _LASTS
        async with self.engine.begin() as connection:
            found = await connection.execute(
                query.where(_watch.c.id == watch, _watch.c.expires > func.now())
            )
            row: Row[Any] | None = found.one_or_none()
            if row is None:
                raise NotFound(_UNKNOWN)
            await connection.execute(
                update(_watch)
                .where(_watch.c.id == watch, _watch.c.expires < late - _READ)
                .values(expires=late)
            )
        return row

    async def hits(self, watch: str, before: int, most: int) -> dict[int, datetime]:
        """The numbers of its newest alerts below a number, the newest first, and when found."""
        newest = select(_hit.c.lco_id, _hit.c.found).where(
            _hit.c.watch == watch, _hit.c.lco_id < before
        )
        async with self.engine.connect() as connection:
            found = await connection.execute(newest.order_by(_hit.c.lco_id.desc()).limit(most))
            return {row.lco_id: row.found for row in found}

    async def hits_after(self, watch: str, since: int, most: int) -> tuple[int, list[int]]:
        """How far a watch has been matched, and the numbers of its first alerts after a number.

        A watch that is no more has no further ones.
        """
        upto = select(_watch.c.upto).where(_watch.c.id == watch)
        later = select(_hit.c.lco_id).where(_hit.c.watch == watch, _hit.c.lco_id > since)
        async with self.engine.connect() as connection:
            # First how far: hits that come in between are beyond it, or of the same transaction.
            reached = await connection.scalar(upto) or 0
            found = later.where(_hit.c.lco_id <= reached).order_by(_hit.c.lco_id).limit(most)
            return reached, list((await connection.scalars(found)).all())

    async def check_secret(self, watch: str, secret: str) -> None:
        """Raise NotFound without such a watch, or WrongSecret if that is not its secret."""
        row = await self.get(watch)
        if not hmac.compare_digest(row.secret, _digest(secret)):
            raise WrongSecret("this is not the secret of the watch: see what made it")

    async def remove(self, watch: str, secret: str) -> None:
        """Delete a watch with all that it has. Raises NotFound or WrongSecret."""
        await self.check_secret(watch, secret)
        async with self.engine.begin() as connection:
            await connection.execute(delete(_watch).where(_watch.c.id == watch))


def _digest(secret: str) -> bytes:
    # 192 random bits need no slow hash.
    return hashlib.sha256(secret.encode()).digest()


_UNKNOWN: Final = "no such watch; it may have been deleted or have expired"


def _check(watch: str) -> None:
    """Raise NotFound for text that cannot be the id of a watch."""
    if not _ID.fullmatch(watch):
        raise NotFound(_UNKNOWN)


@asynccontextmanager
async def open_watches(settings: Settings) -> AsyncIterator[Watches | None]:
    """The watches, by connections of their own; None without a database for mars_app."""
    if not settings.app_database_url.get_secret_value():
        yield None
        return
    own = settings.model_copy(update={"database_url": settings.app_database_url})
    engine = make_engine(own, "app-watches", pool_size=3)
    try:
        yield Watches(engine, settings.watches_per_client)
    finally:
        await engine.dispose()
