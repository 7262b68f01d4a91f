"""Watches in the database: app.watch, its positions, its hits."""

import asyncio
import hmac
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app import schema
from app.errors import NotFound, TooMany, WrongSecret
from app.settings import Settings
from app.tokens.kept import find_holder, is_good
from app.tokens.secrets import digest_of, draw_secret
from app.watches.asking import (
    MAX_POSITIONS,
    MAX_POSITIONS_WITH_TOKEN,
    Change,
    check_changed,
)
from app.watches.models import Part
from app.watches.near_sql import insert_positions
from app.watches.positions import Positions
from archive.database import make_engine

HOLDER: Final = "token:"
"""What stands before the name of a token, where else a client has its address."""
_LOCK: Final = 7_062_020
_LASTS: Final = timedelta(days=365)
_READ: Final = timedelta(days=1)
"""A watch that is read lasts a year from then on, noted once in this time."""
_LONG: Final = "120s"
_CONNECTIONS: Final = 4
_ID: Final = re.compile(r"[A-Za-z0-9_-]{32}", re.ASCII)
_watch: Final = schema.watch
_position: Final = schema.watch_position
_hit: Final = schema.hit


class Owner(NamedTuple):
    """Who makes a watch, and what they may have."""

    client: str
    most_watches: int
    most_positions: int


class Watches:
    """The watches of this archive; works as mars_app."""

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        self.engine, self._settings = engine, settings
        # One long list at a time: each holds a connection for seconds.
        self._long_lists = asyncio.Lock()

    async def find_owner(self, client: str, token: str | None) -> Owner:
        """Who a client is: the holder of a token, if it has sent one. Raises UnknownToken."""
        if token is None:
            return Owner(client, self._settings.watches_per_client, MAX_POSITIONS)
        holder = await find_holder(self.engine, token)
        most = self._settings.watches_per_token
        return Owner(HOLDER + holder, most, MAX_POSITIONS_WITH_TOKEN)

    async def owner_of(self, row: Row[Any]) -> Owner:
        """Whose a watch is, and what it may have: nothing more by a token that is revoked."""
        if is_of_token(row) and await is_good(self.engine, row.client.removeprefix(HOLDER)):
            return Owner(row.client, self._settings.watches_per_token, MAX_POSITIONS_WITH_TOKEN)
        return Owner(row.client, self._settings.watches_per_client, MAX_POSITIONS)

    async def check_room(self, owner: Owner) -> None:
        """Raise TooMany if somebody already has their number of watches."""
        async with self.engine.connect() as connection:
            await _check_room(connection, owner)

    async def add(
        self, owner: Owner, filters: Sequence[Sequence[str]], positions: Positions, upto: int
    ) -> tuple[Row[Any], str]:
        """Make a watch of what comes after a number; its row, and its secret. Raises TooMany."""
        watch, secret = secrets.token_urlsafe(24), draw_secret()
        told: dict[str, Any] = {"filters": filters, "upto": upto, **_told_of(positions)}
        told |= {"client": owner.client, "secret": digest_of(secret)}
        made = insert(_watch).values(id=watch, expires=func.now() + _LASTS, **told)
        async with self._in_turn(positions), self.engine.begin() as connection:
            # Requests of one client take turns here: two at once could both take the last place.
            lock = func.pg_advisory_xact_lock(_LOCK, func.hashtext(owner.client))
            await connection.execute(select(lock))
            await _check_room(connection, owner)
            row: Row[Any] = (await connection.execute(made.returning(_watch))).one()
            await _insert(connection, watch, positions)
        return row, secret

    def _in_turn(self, positions: Positions) -> Any:
        return self._long_lists if positions.count > MAX_POSITIONS else nullcontext()

    async def get(self, watch: str) -> Row[Any]:
        """A watch; it lasts longer by being read. Raises NotFound."""
        _check(watch)
        late = func.now() + _LASTS
        is_due = (_watch.c.expires < late - _READ).label("is_due")
        asked = select(_watch, is_due).where(_watch.c.id == watch, _watch.c.expires > func.now())
        async with self.engine.begin() as connection:
            row: Row[Any] | None = (await connection.execute(asked)).one_or_none()
            if row is None:
                raise NotFound(_UNKNOWN)
            if row.is_due:
                longer = update(_watch).where(_watch.c.id == watch).values(expires=late)
                await connection.execute(longer)
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

    async def check_secret(self, watch: str, secret: str) -> Row[Any]:
        """The watch that has this secret. Raises NotFound or WrongSecret."""
        row = await self.get(watch)
        if not hmac.compare_digest(row.secret, digest_of(secret)):
            raise WrongSecret("this is not the secret of the watch: see what made it")
        return row

    async def change(
        self,
        watch: str,
        change: Change,
        filters: Sequence[Sequence[str]],
        positions: Positions,
        most: int,
    ) -> Row[Any]:
        """A watch with other filters and other positions, where there are any.

        `most`: positions that it may have. Raises NotFound or BadParameters.
        """
        mine = _watch.c.id == watch
        async with self._in_turn(positions), self.engine.begin() as connection:
            await allow_long(connection)
            held = (
                await connection.execute(select(_watch).where(mine).with_for_update())
            ).one_or_none()
            if held is None:
                raise NotFound(_UNKNOWN)
            told = _changed(held, change, filters, positions)
            check_changed(told["filters"], told["positions"], most)
            changed = update(_watch).where(mine).values(told).returning(_watch)
            row: Row[Any] = (await connection.execute(changed)).one()
            if change.drops is Part.POSITIONS or (positions.count and not change.extends):
                await connection.execute(delete(_position).where(_position.c.watch == watch))
            await _insert(connection, watch, positions)
        return row

    async def remove(self, watch: str, secret: str) -> None:
        """Delete a watch with all that it has. Raises NotFound or WrongSecret."""
        await self.check_secret(watch, secret)
        async with self.engine.begin() as connection:
            await allow_long(connection)
            await connection.execute(delete(_watch).where(_watch.c.id == watch))


async def allow_long(connection: AsyncConnection) -> None:
    """Let statements of a transaction take long: with a watch a million positions may go."""
    await connection.execute(select(func.set_config("statement_timeout", _LONG, True)))


def is_of_token(row: Row[Any]) -> bool:
    """Whether a watch was made with a token."""
    return bool(row.client.startswith(HOLDER))


async def _check_room(connection: AsyncConnection, owner: Owner) -> None:
    owned = select(func.count()).select_from(_watch)
    living = owned.where(_watch.c.client == owner.client, _watch.c.expires > func.now())
    if (await connection.scalar(living) or 0) >= owner.most_watches:
        raise TooMany(
            f"you already have {owner.most_watches} watches, the most that one client may have: "
            "DELETE one"
        )


def _told_of(positions: Positions) -> dict[str, Any]:
    return {"positions": positions.count, "widest": positions.widest}


def _changed(
    held: Row[Any], change: Change, filters: Sequence[Sequence[str]], positions: Positions
) -> dict[str, Any]:
    """The columns of a watch after a change."""
    told = {"filters": filters or ([] if change.drops is Part.FILTERS else held.filters)}
    if change.drops is Part.POSITIONS:
        return told | {"positions": 0, "widest": None}
    if not positions.count:
        return told | {"positions": held.positions, "widest": held.widest}
    if not change.extends:
        return told | _told_of(positions)
    widest = max(held.widest or 0.0, positions.widest or 0.0)
    return told | {"positions": held.positions + positions.count, "widest": widest}


async def _insert(connection: AsyncConnection, watch: str, positions: Positions) -> None:
    for some in positions.slices():
        await connection.execute(insert_positions(watch, some))


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
    engine = make_engine(own, "app-watches", _CONNECTIONS)
    try:
        yield Watches(engine, settings)
    finally:
        await engine.dispose()
