"""Archives as earlier versions left them: each schema, with rows in every table that it had."""

import io
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg

from consumer.batches.ingest import Batch, ingest
from consumer.batches.positions import Incarnation
from consumer.batches.sorting import Raw
from dev.simulator import simulate
from tests.conftest import Place, opened, url_of
from tests.packets import packet

NIGHT: Final = date(2026, 1, 31)
ALERTS: Final = 12
OBJECT: Final = "ZTF26aaaaaaa"
"""That of the packets which a conflict is about."""
CANDID: Final = 3_316_350_001_015_000_001
IDS: Final = {name: f"{name:-<32}" for name in ("match", "waiting", "search", "tap")}
REGION: Final = f"{'region':-<32}"
WATCH: Final = f"{'watch':-<32}"
_TOPIC_ID: Final = UUID(int=1)
Columns = Mapping[str, Sequence[str]]

_LEFT: Final = re.split(
    r"^-- (\d{4})$", Path(__file__).with_name("left.sql").read_text(), flags=re.M
)
_COLUMNS: Final = """
    SELECT table_schema || '.' || table_name AS name,
        array_agg(column_name::text ORDER BY ordinal_position) AS columns
    FROM information_schema.columns
    JOIN information_schema.tables USING (table_schema, table_name)
    WHERE table_schema = ANY ($1) AND table_type = 'BASE TABLE'
        AND is_generated = 'NEVER' AND table_name <> 'migration'
    GROUP BY 1
"""


async def connect(place: Place, role: str = "admin") -> "asyncpg.Connection[asyncpg.Record]":
    return await asyncpg.connect(url_of(role, place.database).replace("+asyncpg", ""))


async def fill(place: Place) -> None:
    """Take alerts with histories into a new archive, a conflict and two rejects, one settled."""
    topic = f"ztf_{NIGHT:%Y%m%d}_programid1"
    pair = [packet(candid=CANDID, object_id=OBJECT, magpsf=mag) for mag in (18.0, 18.5)]
    simulated = [one.message for one in simulate(ALERTS - 1, 1, NIGHT)]
    async with opened(place) as archive:
        for first, messages in (
            (0, [*simulated, pair[0], b"damaged"]),
            (ALERTS + 1, [pair[1], b"damaged too"]),
        ):
            raws = [Raw(topic, 0, first + n, "", NIGHT, data) for n, data in enumerate(messages)]
            await ingest(archive, "stream", Batch(raws, {(topic, 0): Incarnation(1, _TOPIC_ID)}))
    connection = await connect(place)
    await connection.execute(
        "INSERT INTO replayed SELECT source, sha256, batch FROM reject ORDER BY position LIMIT 1"
    )
    await connection.close()


async def grow(place: Place, number: int, script: str, filled: Place) -> None:
    """Apply the next migration, and add what was left by its time; the first brings the alerts."""
    owner = await connect(place, "owner")
    await owner.execute(script)
    await owner.execute("INSERT INTO migration VALUES ($1, '')", number)
    await owner.close()
    admin = await connect(place)
    if number == 1:
        source = await connect(filled)
        await _copy(source, admin)
        await source.close()
    if (left := dict(zip(_LEFT[1::2], _LEFT[2::2], strict=True)).get(f"{number:04}")) is not None:
        await admin.execute(left)
    await admin.close()


async def _copy(source: Any, to: Any) -> None:
    """The archive's rows, in the columns that both have; what is referred to goes first."""
    await to.execute("DELETE FROM counter")
    theirs = await columns_of(source, "public")
    for name, columns in sorted(
        (await columns_of(to, "public")).items(), key=lambda item: item[0] != "public.bundle"
    ):
        table, shared = name.removeprefix("public."), [c for c in columns if c in theirs[name]]
        buffer = io.BytesIO()
        query = f"SELECT {', '.join(shared)} FROM {table}"
        await source.copy_from_query(query, output=buffer, format="binary")
        buffer.seek(0)
        await to.copy_to_table(table, source=buffer, columns=shared, format="binary")


async def columns_of(connection: Any, *schemas: str) -> dict[str, list[str]]:
    """Table -> its columns, of all tables of some schemas but the one that counts migrations."""
    found = await connection.fetch(_COLUMNS, schemas)
    return {row["name"]: row["columns"] for row in found}


async def rows_of(connection: Any, columns: Columns) -> dict[str, list[str]]:
    """Table -> its rows in these columns, as PostgreSQL writes them, in order."""
    held = {}
    for table, names in columns.items():
        query = f"SELECT ROW({', '.join(names)})::text FROM {table} ORDER BY 1"
        held[table] = [row[0] for row in await connection.fetch(query)]
    return held
