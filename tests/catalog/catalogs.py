"""Catalogs of archives, written by the program, and read without it."""

import asyncio
import io
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import duckdb
import httpx
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import SecretStr

from archive.objects import ObjectStore, open_store
from archive.surveys.ztf import ZTF
from catalog import layout, source
from catalog.form import Form
from catalog.published import Shelf
from catalog.settings import Settings
from catalog.update import update
from catalog.writer import Writer
from dev.simulator.bulk.fill import Wanted, fill
from tests.conftest import Place, url_of
from tests.programs import Piped

TYPES = {"bigint": "int64", "integer": "int32", "real": "float32", "double precision": "float64"}
LEFT_OUT = {"bundle", "payload_hash", "received"}
KEY = "catalog/ztf/"


def catalog_settings(place: Place, **more: Any) -> Settings:
    """The settings of a catalog at a place, whose program may only read the database."""
    return Settings(
        database_url=SecretStr(url_of("reader", place.database)),
        s3_bucket=place.bucket,
        log_level="warning",
        **more,
    )


async def start(place: Place, *arguments: str, **more: object) -> Piped:
    """Start `python -m catalog …`."""
    own = {
        "MARS_DATABASE_URL": url_of("reader", place.database),
        "MARS_S3_BUCKET": place.bucket,
        **{name: str(value) for name, value in more.items()},
    }
    return await Piped.start("catalog.__main__", arguments, {**os.environ, **own})


async def catalog(place: Place, *arguments: str, status: int = 0, **more: object) -> str:
    """What the command prints; another exit status than the wanted one fails the test."""
    process = await start(place, *arguments, **more)
    out, err = await process.communicate()
    assert process.returncode == status, err.decode()
    return out.decode() + err.decode()


async def add_alerts(place: Place, count: int, seed: int = 1) -> None:
    """Add rows of the simulated sky to an archive, 250 a batch."""
    wanted = Wanted(count, seed, date(2026, 1, 31), 150, again=True, in_a_bundle=10)
    await fill(wanted, place.settings("writer"))


async def set_newest(place: Place, batch: int) -> None:
    """Make an archive one that has taken in no more than its first batches."""
    connection = await asyncpg.connect(url_of("owner", place.database).replace("+asyncpg", ""))
    try:
        await connection.execute("UPDATE counter SET batch = $1", batch)
    finally:
        await connection.close()


class Copy(NamedTuple):
    """A catalog on the local disk, as a reader finds it who follows its files from the first on."""

    root: Path
    as_of: int
    rows: int

    def files(self, part: str = "") -> list[Path]:
        """The Parquet files that count."""
        folder = self.root.with_name(self.root.name + part) / "dataset"
        found = sorted(folder.rglob("*.parquet"))
        return [path for path in found if int(path.stem.split("-")[1]) <= self.as_of]

    def table(self, part: str = "") -> str:
        """The same for DuckDB."""
        return f"read_parquet({[str(path) for path in self.files(part)]}, hive_partitioning=false)"


def properties(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {name: value.replace("\\", "") for name, _, value in pairs}


class Reading(NamedTuple):
    """What a reader found who counted rows."""

    root: str
    as_of: int
    promised: int
    counted: int


async def count_as_a_reader(store: ObjectStore) -> Reading:
    """Go from the first file to the rows, and count them; by files.csv, not by listing the bucket.

    S3Proxy's listings leave objects out while others are put: 28 of 1,374 in one run of ours.
    """

    async def text(name: str) -> str:
        return (await store.get_whole(KEY + name, 2**30))[1].decode()

    root = properties(await text("collection.properties"))["hats_primary_table_url"]
    found = properties(await text(f"{root}/hats.properties"))
    as_of, counted = int(found["mars_as_of"]), 0
    for line in (await text(f"{root}/files.csv")).splitlines()[1:]:
        part, order, pixel, first, last, *_ = line.split(",")
        if part == "dataset" and int(last) <= as_of:
            leaf = f"Norder={order}/Dir={int(pixel) // 10_000 * 10_000}/Npix={pixel}"
            name = f"{root}/dataset/{leaf}/{int(first):010}-{int(last):010}.parquet"
            _, data = await store.get_whole(KEY + name, 2**30)
            counted += pq.read_metadata(io.BytesIO(data)).num_rows
    return Reading(root, as_of, int(found["hats_nrows"]), counted)


@asynccontextmanager
async def opened_writer(place: Place, **more: Any) -> AsyncIterator[Writer]:
    """What the program works with, in the tests' own process."""
    settings = catalog_settings(place, **more)
    async with (
        source.open_archive(settings) as engine,
        source.alone(engine) as lock,
        open_store(settings) as store,
    ):
        shelf = Shelf(store, layout.Place(settings.catalog_prefix, "ztf"), Form(ZTF))
        yield Writer(engine, shelf, settings, lock)


async def update_catalog(place: Place, **more: Any) -> None:
    """What `python -m catalog update` does, without the time in which a program starts."""
    async with opened_writer(place, **more) as writer:
        await update(writer)


@asynccontextmanager
async def opened_store(place: Place) -> AsyncIterator[ObjectStore]:
    async with open_store(place.settings("reader")) as store:
        yield store


async def copy(place: Place, folder: Path) -> Copy:
    """Copy all objects of a catalog into a folder."""
    async with opened_store(place) as store:
        for key, _ in await store.keys(KEY):
            path = folder / key.removeprefix(KEY)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes((await store.get_whole(key, 2**30))[1])
    collection = properties((folder / "collection.properties").read_text())
    root = folder / collection["hats_primary_table_url"]
    told = properties((root / "hats.properties").read_text())
    return Copy(root, int(told["mars_as_of"]), int(told["hats_nrows"]))


async def rows_of_postgres(place: Place, as_of: int) -> pa.Table:
    """The alerts up to a batch, as asyncpg reads them; all columns that the catalog should have."""
    connection = await asyncpg.connect(url_of("owner", place.database).replace("+asyncpg", ""))
    try:
        statement = await connection.prepare("SELECT * FROM alert WHERE batch <= $1")
        found = await statement.fetch(as_of)
        kinds = await connection.fetch(
            "SELECT column_name AS name, data_type AS kind FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name = 'alert' ORDER BY ordinal_position"
        )
    finally:
        await connection.close()
    columns: dict[str, pa.Array] = {}
    for name, kind in kinds:
        if name in LEFT_OUT or name.endswith(("_offset", "_length")):
            continue
        arrow = {"boolean": "bool"}.get(kind) or TYPES.get(kind, "string")
        columns[name] = pa.array([row[name] for row in found], arrow)
    for part in ("packet", *ZTF.stamps):
        columns[f"has_{part}"] = pa.array([row[f"{part}_offset"] is not None for row in found])
    return pa.table(columns)


def differences(ours: Copy, rows: pa.Table) -> tuple[int, int]:
    """EXCEPT ALL both ways: how many rows the catalog alone has, and PostgreSQL alone."""
    with duckdb.connect() as connection:
        connection.register("postgres", rows)
        names = ", ".join(f'"{name}"' for name in rows.column_names)
        there, here = f"SELECT {names} FROM postgres", f"SELECT {names} FROM {ours.table()}"
        counts = []
        for one, other in ((here, there), (there, here)):
            found = connection.sql(f"SELECT count(*) FROM ({one} EXCEPT ALL {other})").fetchone()
            assert found is not None
            counts.append(int(found[0]))
    return counts[0], counts[1]


async def assert_equal(place: Place, folder: Path) -> Copy:
    """Catalog and PostgreSQL hold the same rows; returns the catalog."""
    ours = await copy(place, folder)
    rows = await rows_of_postgres(place, ours.as_of)
    assert ours.rows == rows.num_rows
    assert differences(ours, rows) == (0, 0)
    return ours


async def until_counted(client: httpx.AsyncClient) -> Any:
    """The statistics of an app, as soon as it has found the copy of its archive."""
    async with asyncio.timeout(60):
        while (answer := await client.get("/api/v1/statistics")).status_code == 503:  # noqa: ASYNC110 - it is another program
            await asyncio.sleep(0.05)
    assert answer.status_code == 200, answer.text
    return answer.json()
