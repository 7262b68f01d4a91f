"""As of which batch an answer sees the archive."""

from typing import Final

from sqlalchemy import select

from app.alerts.access.archive import Archive
from app.alerts.sql.statements import compile_statement
from app.errors import BadParameter, BadParameters
from archive.tables import counter

_NEWEST: Final = compile_statement(select(counter.c.batch))


def check_as_of(asked: int | None, newest: int) -> int:
    """The batch asked for, or the newest. Raises BadParameters for one that is still to come."""
    if asked is not None and asked > newest:
        reason = f"the newest batch is {newest}; give it or an earlier one"
        raise BadParameters([BadParameter("as_of", reason)])
    return newest if asked is None else asked


async def settle_as_of(archive: Archive, asked: int | None) -> int:
    """The same, the newest being asked for, at a server that has come to the one asked for."""
    return check_as_of(asked, int((await archive.fetch(_NEWEST, as_of=asked))[0][0]))
