"""Every INSERT of a batch, in one transaction: all of its rows, or none.

COPY goes into temporary tables first, without a lock, and positions move, which nobody else waits
for. Then, last and short, one row of `counter` is locked, which gives batches and lco_ids in the
order of commits; whoever waits for it sees the rows of the one before.
"""

import io
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    any_,
    bindparam,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.schema import CreateTable

from archive.errors import StalePosition
from archive.survey import Survey
from archive.tables import bundle, conflict, counter, ledger, position, reject, replayed
from consumer.batches.copying import copy_of, history_columns
from consumer.batches.positions import Incarnation, Partition
from consumer.batches.writing import Aside, LedgerRow, PutBundle, Writing
from consumer.rows import Rows, alert_columns

_ORDINAL: Final = "ordinal"


def _incoming(table: Table, names: Sequence[str]) -> Table:
    """A temporary twin of `table` without constraints, emptied by each commit."""
    return Table(
        f"incoming_{table.name}",
        MetaData(),
        Column(_ORDINAL, Integer),
        *(Column(name, table.c[name].type) for name in names),
        prefixes=["TEMPORARY"],
        postgresql_on_commit="DELETE ROWS",
    )


class _Twins(NamedTuple):
    """The temporary tables of a survey."""

    alerts: Table
    histories: Table | None


@cache
def _twins(survey: Survey) -> _Twins:
    alerts = _incoming(survey.alert, alert_columns(survey))
    if survey.history is None:
        return _Twins(alerts, None)
    names = [c.name for c in survey.history.c if c.name != "batch"]
    return _Twins(alerts, _incoming(survey.history, names))


class Overtaken(Exception):
    """Another writer stored one of these alerts since we asked: ask again."""


async def known_payloads(
    connection: AsyncConnection, survey: Survey, ids: Sequence[int]
) -> dict[int, bytes]:
    """Id -> payload hash of the alerts that are stored already."""
    key = survey.alert.c[survey.key]
    wanted = select(key, survey.alert.c.payload_hash).where(
        key == any_(bindparam("ids", list(ids), ARRAY(BigInteger)))
    )
    return {row[0]: row.payload_hash for row in await connection.execute(wanted)}


async def known_rejects(
    connection: AsyncConnection, keys: Sequence[tuple[str, bytes]]
) -> set[tuple[str, bytes]]:
    """Those of the (source, sha256) that are among the rejects already."""
    sources, hashes = ([*set(part)] for part in zip(*keys, strict=True))
    # Two arrays, not a parameter for each: a statement has 32,767 of them at most.
    wanted = select(reject.c.source, reject.c.sha256).where(
        reject.c.source == any_(bindparam("sources", sources, ARRAY(Text))),
        reject.c.sha256 == any_(bindparam("hashes", hashes, ARRAY(LargeBinary))),
    )
    found = {(row.source, row.sha256) for row in await connection.execute(wanted)}
    return found.intersection(keys)


async def write(engine: AsyncEngine, writing: Writing) -> int:
    """Write a batch; returns its number.

    Raises Overtaken or StalePosition, and then nothing is written.
    """
    async with engine.begin() as connection:
        if writing.rows.alerts:
            await _copy(connection, writing.survey, writing.rows)
        # In one order, or two who claim the same partitions would wait for each other.
        for row in sorted(writing.ledger):
            await _move_position(connection, row, writing.incarnations)
        # From here on the counter is locked, until the commit: all others wait.
        batch, first_lco_id = await _take_numbers(connection, len(writing.rows.alerts))
        await connection.execute(
            insert(ledger),
            [row._asdict() | {"batch": batch} for row in writing.ledger],
        )
        await _insert_alerts(connection, writing, batch, first_lco_id)
        await _insert_aside(connection, reject, writing.rejects, writing.reject_bundle, batch)
        await _insert_aside(connection, conflict, writing.conflicts, writing.conflict_bundle, batch)
        if writing.settled:
            keys = [{"source": s, "sha256": h, "batch": batch} for s, h in writing.settled]
            await connection.execute(insert(replayed), keys)
    return batch


async def _copy(connection: AsyncConnection, survey: Survey, rows: Rows) -> None:
    twins = _twins(survey)
    for table in (t for t in twins if t is not None):
        # A Core statement first: it opens the transaction, without which COPY would be on its own.
        await connection.execute(CreateTable(table, if_not_exists=True))
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    await driver.copy_records_to_table(
        twins.alerts.name,
        records=[(n, *row) for n, row in enumerate(rows.alerts)],
        columns=[_ORDINAL, *alert_columns(survey)],
    )
    if twins.histories is not None:
        await driver.copy_to_table(
            twins.histories.name,
            source=io.BytesIO(copy_of(rows.histories)),
            format="binary",
            columns=history_columns(rows.histories, survey.key),
        )


async def _take_numbers(connection: AsyncConnection, alerts: int) -> tuple[int, int]:
    """The number of this batch, and the lco_id of its first alert."""
    taken = await connection.execute(
        update(counter)
        .values(batch=counter.c.batch + 1, lco_id=counter.c.lco_id + alerts)
        .returning(counter.c.batch, counter.c.lco_id)
    )
    batch, last_lco_id = taken.one()
    return batch, last_lco_id - alerts + 1


async def _move_position(
    connection: AsyncConnection, row: LedgerRow, incarnations: Mapping[Partition, Incarnation]
) -> None:
    """Let the partition resume after this batch, unless another consumer is already beyond."""
    incarnation = incarnations.get((row.source, row.partition))
    if incarnation is None:
        return
    first = upsert(position).values(
        topic=row.source,
        partition=row.partition,
        incarnation=incarnation.number,
        next_offset=row.to_position,
        topic_id=incarnation.topic_id,
    )
    moved = await connection.execute(
        first.on_conflict_do_update(
            index_elements=[position.c.topic, position.c.partition],
            set_={
                "next_offset": first.excluded.next_offset,
                "topic_id": func.coalesce(first.excluded.topic_id, position.c.topic_id),
            },
            where=(position.c.incarnation == incarnation.number)
            & (position.c.next_offset <= row.from_position),
        ).returning(position.c.next_offset)
    )
    if moved.first() is None:
        raise StalePosition(f"{row.source}/{row.partition} is past offset {row.from_position}")


async def _insert_alerts(
    connection: AsyncConnection, writing: Writing, batch: int, first_lco_id: int
) -> None:
    if not writing.rows.alerts:
        return
    bundle_id = await _insert_bundle(connection, writing.bundle, batch)
    survey, number = writing.survey, literal(batch, BigInteger)
    alerts, histories = _twins(survey)
    names = alert_columns(survey)
    chosen = select(
        *(alerts.c[name] for name in names),
        number,
        literal(first_lco_id, BigInteger) + alerts.c[_ORDINAL],
        literal(bundle_id, BigInteger),
    ).order_by(alerts.c[_ORDINAL])
    stored = await connection.execute(
        upsert(survey.alert)
        .from_select([*names, "batch", "lco_id", "bundle"], chosen)
        .on_conflict_do_nothing(index_elements=[survey.alert.c[survey.key]])
    )
    if stored.rowcount != len(writing.rows.alerts):
        raise Overtaken
    if survey.history is None or histories is None:
        return
    columns = [c for c in histories.c if c.name != _ORDINAL]
    await connection.execute(
        insert(survey.history).from_select(
            [*(c.name for c in columns), "batch"],
            select(*columns, number).order_by(histories.c[_ORDINAL]),
        )
    )


async def _insert_bundle(
    connection: AsyncConnection, put: PutBundle | None, batch: int
) -> int | None:
    """The id of the bundle's row; the row may be there from a batch that put the same bytes."""
    if put is None:
        return None
    row = upsert(bundle).values(**put._asdict(), batch=batch)
    row = row.on_conflict_do_nothing(index_elements=[bundle.c.key])
    made: int | None = await connection.scalar(row.returning(bundle.c.id))
    if made is None:
        made = await connection.scalar(select(bundle.c.id).where(bundle.c.key == put.key))
    return made


async def _insert_aside(
    connection: AsyncConnection,
    table: Table,
    rows: Sequence[Aside],
    put: PutBundle | None,
    batch: int,
) -> None:
    """Insert rejects or conflicts; raises Overtaken where another writer met a reject first."""
    if not rows:
        return
    bundle_id = await _insert_bundle(connection, put, batch)
    # RETURNING makes SQLAlchemy cut the rows into statements of as many parameters as there may be.
    made = await connection.execute(
        upsert(table)
        .on_conflict_do_nothing(index_elements=list(table.primary_key))
        .returning(table.c.sha256),
        [_fields(row, table) | {"batch": batch} | _place(row, bundle_id) for row in rows],
    )
    if table is reject and len(made.all()) != len(rows):
        raise Overtaken


def _fields(row: Aside, table: Table) -> dict[str, Any]:
    return {name: value for name, value in row._asdict().items() if name in table.c}


def _place(row: Aside, bundle_id: int | None) -> dict[str, int | None]:
    """The bundle of its bytes, if it has any and they are kept."""
    return {"bundle": bundle_id if row.packet_length else None}
