"""Operators' tokens in the database: the table app.token."""

import re
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from app import schema
from app.errors import UnknownToken
from app.tokens.secrets import digest_of, draw_secret

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_token: Final = schema.token


async def make_token(engine: AsyncEngine, name: str) -> str:
    """A new token for somebody: it can be read this once. Raises ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError("a name has 1 to 64 letters, digits, dots, hyphens and underscores")
    token = draw_secret()
    try:
        async with engine.begin() as connection:
            await connection.execute(insert(_token).values(digest=digest_of(token), name=name))
    except IntegrityError:
        raise ValueError(f"there is a token of the name {name!r}: choose another") from None
    return token


async def list_tokens(engine: AsyncEngine) -> Sequence[Row[Any, Any, Any]]:
    """All tokens, those that are revoked too, by name: `name`, `made`, `revoked`."""
    told = select(_token.c.name, _token.c.made, _token.c.revoked).order_by(_token.c.name)
    async with engine.connect() as connection:
        return (await connection.execute(told)).all()


async def revoke_token(engine: AsyncEngine, name: str) -> None:
    """Let a token be worth nothing from now on. Raises ValueError where there is none."""
    good = update(_token).where(_token.c.name == name, _token.c.revoked.is_(None))
    async with engine.begin() as connection:
        if not (await connection.execute(good.values(revoked=func.now()))).rowcount:
            raise ValueError(f"there is no token of the name {name!r} that is good")


async def is_good(engine: AsyncEngine, name: str) -> bool:
    """Whether there is a token of this name that has not been revoked."""
    good = select(_token.c.name).where(_token.c.name == name, _token.c.revoked.is_(None))
    async with engine.connect() as connection:
        return await connection.scalar(good) is not None


async def find_holder(engine: AsyncEngine, token: str) -> str:
    """The name of the token. Raises UnknownToken."""
    known = select(_token.c.name, _token.c.revoked).where(_token.c.digest == digest_of(token))
    async with engine.connect() as connection:
        row = (await connection.execute(known)).one_or_none()
    if row is None:
        raise UnknownToken("this token is not known here: ask the operator for one, or send none")
    if row.revoked is not None:
        raise UnknownToken("this token has been revoked: ask the operator for another")
    held: str = row.name
    return held
