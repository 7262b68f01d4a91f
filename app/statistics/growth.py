"""How the archive grew: alerts stored on each day, from the ledger alone."""

from itertools import accumulate
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Date, bindparam, cast, func, select

from app.alerts.access.archive import Archive
from app.alerts.sql.statements import compile_statement
from app.statistics.models import Growth
from archive.tables import ledger

_DAY: Final[ColumnElement[Any]] = cast(func.timezone("UTC", ledger.c.time), Date)
_PER_DAY: Final = compile_statement(
    select(_DAY, func.sum(ledger.c.stored))
    .where(ledger.c.batch <= bindparam("as_of", type_=BigInteger()))
    .group_by(_DAY)
    .having(func.sum(ledger.c.stored) > 0)
    .order_by(_DAY)
)._replace(costly=True)


async def read_growth(archive: Archive, as_of: int) -> list[Growth]:
    """The days on which alerts were stored, up to a batch. Raises what Archive.fetch raises."""
    rows = await archive.fetch(_PER_DAY, as_of=as_of)
    totals = accumulate(count for _, count in rows)
    return [
        Growth(day=day.isoformat(), alerts=count, total=total)
        for (day, count), total in zip(rows, totals, strict=True)
    ]
