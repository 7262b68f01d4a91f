"""sql/schema.sql is the truth: migrations lead to it, tables.py equals it, everything is said."""

import subprocess

import asyncpg
import pytest
from sqlalchemy import MetaData, Table, inspect
from sqlalchemy.dialects.postgresql import dialect
from sqlalchemy.ext.asyncio import AsyncConnection

from app import schema as app_tables
from archive.database import SQL, check_schema, make_engine, migrations
from archive.errors import SchemaOutdated
from archive.migrate import migrate
from archive.surveys.ztf.columns import CANDIDATE, DERIVED, SENTINELS
from archive.surveys.ztf.tables import alert
from archive.tables import metadata
from consumer.settings import Settings
from tests.conftest import Place, new_place, url_of


def dump(place: Place) -> str:
    """The schema as pg_dump tells it, without the lines that name a session."""
    url = url_of("owner", place.database).replace("+asyncpg", "")
    out = subprocess.run(["pg_dump", "--schema-only", url], capture_output=True, check=True)
    return "\n".join(line for line in out.stdout.decode().splitlines() if "restrict" not in line)


async def test_migrations_lead_to_the_schema() -> None:
    async with new_place() as stepwise, new_place() as at_once:
        await migrate(at_once.settings("owner"))
        connection = await asyncpg.connect(
            url_of("owner", stepwise.database).replace("+asyncpg", "")
        )
        for file in migrations():
            await connection.execute(file.read_text())
        await connection.close()
        assert dump(stepwise) == dump(at_once)


async def test_migrate_is_repeatable(place: Place) -> None:
    assert await migrate(place.settings("owner")) == []


async def test_a_half_migrated_database_is_refused() -> None:
    async with new_place() as empty:
        engine = make_engine(empty.settings("owner"), "test")
        async with engine.connect() as connection:
            with pytest.raises(SchemaOutdated, match=r"python -m archive\.migrate"):
                await check_schema(connection)
        await engine.dispose()


async def reflected(connection: AsyncConnection) -> MetaData:
    there = MetaData()
    for schema in (None, "app"):
        # The queue's tables are not ours to describe.
        await connection.run_sync(
            there.reflect, schema=schema, only=lambda name, _: not name.startswith("pgqueuer")
        )
    return there


def told(table: Table) -> dict[str, tuple[str, bool]]:
    """Column -> type and whether it may be null, as PostgreSQL words them."""
    words = dialect()  # type: ignore[no-untyped-call]
    return {c.name: (c.type.compile(dialect=words), bool(c.nullable)) for c in table.c}


async def test_tables_equal_the_schema(place: Place) -> None:
    engine = make_engine(place.settings("owner"), "test")
    async with engine.connect() as connection:
        there = await reflected(connection)
    await engine.dispose()
    ours = {**metadata.tables, **app_tables.metadata.tables}
    assert there.tables.keys() == ours.keys()
    for name, table in ours.items():
        assert told(table) == told(there.tables[name]), name
        keys = {c.name for c in there.tables[name].primary_key}
        assert {c.name for c in table.primary_key} == keys, name


async def test_every_table_column_and_index_is_commented(place: Place) -> None:
    engine = make_engine(place.settings("owner"), "test")
    async with engine.connect() as connection:
        there = await reflected(connection)
        indexes = await connection.run_sync(
            lambda sync: {
                f"{table.schema}.{index['name']}" if table.schema else index["name"]
                for table in there.tables.values()
                for index in inspect(sync).get_indexes(table.name, table.schema)
            }
        )
    await engine.dispose()
    silent = [name for name, table in there.tables.items() if not table.comment]
    silent += [f"{t.name}.{c.name}" for t in there.tables.values() for c in t.c if not c.comment]
    schema = (SQL / "schema.sql").read_text()
    silent += [
        str(name)
        for name in indexes
        if f"COMMENT ON INDEX {name} " not in schema and f"ON CONSTRAINT {name} " not in schema
    ]
    assert silent == []


async def test_what_is_skipped_is_room_for_batches_and_their_alerts(place: Place) -> None:
    """For as many alerts as the largest batches may hold: a stream goes on after their numbers."""
    most = Settings.model_fields["batch_messages"].metadata[1].le
    owner = await asyncpg.connect(url_of("owner", place.database).replace("+asyncpg", ""))
    assert await owner.fetchval("SELECT skip_batches(3)") == 3
    assert await owner.fetchval("SELECT lco_id FROM counter") == 3 * most == 15_000
    await owner.close()


def test_units_stand_in_the_comments() -> None:
    schema = (SQL / "schema.sql").read_text()
    for column in (*CANDIDATE, *DERIVED):
        if column.unit:
            assert f"alert.{column.name} IS '{column.meaning}" in schema.replace("''", "'")
            line = next(x for x in schema.splitlines() if f"alert.{column.name} IS" in x)
            assert f"[{column.unit}]" in line


def test_bits_of_sentinels_never_move() -> None:
    """Stored rows depend on these positions: a new sentinel goes last."""
    assert [c.name for c in SENTINELS] == (
        "distnr magnr sigmagnr chinr sharpnr ssdistnr ssmagnr ssnamenr ranr decnr "
        "sgmag1 srmag1 simag1 szmag1 sgscore1 distpsnr1 objectidps1 objectidps2 "
        "sgmag2 srmag2 simag2 szmag2 sgscore2 distpsnr2 objectidps3 "
        "sgmag3 srmag3 simag3 szmag3 sgscore3 distpsnr3 "
        "neargaia neargaiabright maggaia maggaiabright"
    ).split()


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("reader", "INSERT INTO counter VALUES (1, 1)"),
        ("reader", "CREATE TABLE mine (n int)"),
        ("writer", "UPDATE alert SET magpsf = 1"),
        ("writer", "DELETE FROM ledger"),
        ("writer", "DROP TABLE history"),
        ("reader", "INSERT INTO app.name (name, source) VALUES ('x', 'x')"),
        ("reader", "SELECT * FROM app.name"),
        ("writer", "INSERT INTO app.name (name, source) VALUES ('x', 'x')"),
        ("app", "INSERT INTO counter VALUES (1, 1)"),
        ("app", "UPDATE alert SET magpsf = 1"),
        ("app", "DELETE FROM ledger"),
        ("app", "SELECT * FROM alert"),
        ("app", "CREATE TABLE mine (n int)"),
        ("app", "CREATE TABLE app.mine (n int)"),
        ("app", "DROP TABLE app.name"),
        ("app", "SELECT skip_batches(1)"),
        ("app", "TRUNCATE app.job"),
        ("app", "DROP TABLE app.pgqueuer"),
        ("reader", "SELECT * FROM app.job"),
        ("writer", "DELETE FROM app.job"),
    ],
)
async def test_roles_cannot_do_more_than_their_work(
    place: Place, role: str, statement: str
) -> None:
    connection = await asyncpg.connect(url_of(role, place.database).replace("+asyncpg", ""))
    with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError)):
        await connection.execute(statement)
    await connection.close()


async def test_the_app_writes_what_is_its_own(place: Place) -> None:
    connection = await asyncpg.connect(url_of("app", place.database).replace("+asyncpg", ""))
    await connection.execute("INSERT INTO app.name (name, source) VALUES ('x', 'CDS Sesame')")
    await connection.execute("UPDATE app.name SET resolved = now()")
    await connection.execute("DELETE FROM app.name")
    assert await connection.fetchval("SHOW statement_timeout") == "5s"
    for broken in ("'x', 1, NULL, NULL", "'x', 360, 0, 'x'", "'', NULL, NULL, NULL"):
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(
                f"INSERT INTO app.name (name, ra, dec, canonical, source) VALUES ({broken}, 'x')"
            )
    await connection.close()


async def test_the_database_refuses_a_private_alert(place: Place) -> None:
    connection = await asyncpg.connect(url_of("writer", place.database).replace("+asyncpg", ""))
    filled = {c.name: "1" for c in alert.c if not c.nullable and c.server_default is None}
    filled |= {"programid": "2", "payload_hash": "''", "object_id": "'x'"}
    with pytest.raises(asyncpg.CheckViolationError, match="alert_programid_check"):
        await connection.execute(
            f"INSERT INTO alert ({', '.join(filled)}) VALUES ({', '.join(filled.values())})"
        )
    await connection.close()
