"""Which alerts are near positions of watches: one pass over the alerts for all watches at once."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

import asyncpg
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import DATABASE_ERRORS
from app.watches.near_sql import MOST, select_near, select_near_any
from archive.database import is_passing

NEAR: Final = 250
"""Alerts that are held against positions in one statement."""
Passed = Mapping[str, Sequence[asyncpg.Record]]
"""The alerts that pass the filters of each watch, by its id: `lco_id`, `ra`, `dec`."""
Near = dict[str, list[int] | Exception]
"""The numbers of those that are near one of its positions, or why that cannot be told."""


async def find_near(
    connection: AsyncConnection, watches: Sequence[Row[Any]], passed: Passed
) -> Near:
    """Hold alerts against the positions of watches, all of which have some.

    Watches of like radii are looked at together; where more than MOST positions lie around an
    alert, one by one. Raises one of DATABASE_ERRORS that no watch is to blame for.
    """
    found: Near = {}
    for group in _of_like_radii(watches):
        near: dict[str, list[int]] = {row.id: [] for row in group}
        crowded = await _pass(connection, group, passed, near)
        for row in group:
            rest = [alert for alert in passed[row.id] if alert["lco_id"] in crowded]
            found[row.id] = await _add_alone(connection, row, rest, near[row.id])
    return found


def _of_like_radii(watches: Sequence[Row[Any]]) -> Iterator[list[Row[Any]]]:
    """A wide circle leads to all positions in it: the narrow ones are looked for by themselves."""

    def size(row: Row[Any]) -> int:
        return math.ceil(math.log10(row.widest))

    for _, group in groupby(sorted(watches, key=size), key=size):
        yield list(group)


async def _pass(
    connection: AsyncConnection,
    group: Sequence[Row[Any]],
    passed: Passed,
    near: dict[str, list[int]],
) -> set[int]:
    """Note in `near` what all watches of a group find; the alerts that are left to be looked at."""
    alerts = {alert["lco_id"]: alert for row in group for alert in passed[row.id]}
    theirs = {row.id: {alert["lco_id"] for alert in passed[row.id]} for row in group}
    widest, crowded = max(row.widest for row in group), set[int]()
    for some in _cut([alerts[number] for number in sorted(alerts)]):
        statement = select_near_any([row.id for row in group], widest, some)
        try:
            # A statement that fails leaves the others of the transaction as they are.
            async with connection.begin_nested():
                told = (await connection.execute(statement)).all()
        except DATABASE_ERRORS as error:
            if not is_its_own(error):
                raise
            crowded.update(alert["lco_id"] for alert in some)
            continue
        crowded.update(row.lco_id for row in told if row.looked_at >= MOST)
        for row in told:
            for watch in () if row.lco_id in crowded else row.watches or ():
                if row.lco_id in theirs[watch]:
                    near[watch].append(row.lco_id)
    return crowded


async def _add_alone(
    connection: AsyncConnection,
    row: Row[Any],
    alerts: Sequence[asyncpg.Record],
    near: list[int],
) -> list[int] | Exception:
    """The same of a single watch, with what it has found already; an error that is its own."""
    try:
        for some in _cut(alerts):
            async with connection.begin_nested():
                near += (await connection.scalars(select_near(row.id, row.widest, some))).all()
    except DATABASE_ERRORS as error:
        if not is_its_own(error):
            raise
        return error
    return near


def _cut(alerts: Sequence[asyncpg.Record]) -> Iterator[Sequence[asyncpg.Record]]:
    for n in range(0, len(alerts), NEAR):
        yield alerts[n : n + NEAR]


def is_its_own(error: Exception) -> bool:
    """Whether an error is that of one watch: of its values, or because it takes too long."""
    cause = getattr(error, "orig", error)
    is_costly = getattr(cause, "sqlstate", "") == asyncpg.QueryCanceledError.sqlstate
    return is_costly or not is_passing(error)
