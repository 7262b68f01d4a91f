"""The catalog holds what PostgreSQL holds, bit for bit, after each night and after each crash."""

import struct
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from sqlalchemy import func, select
from sqlalchemy import update as sql_update

from archive.surveys.ztf.tables import alert
from catalog.pixels import pixels_of
from tests.app.stored import store
from tests.catalog.catalogs import (
    assert_equal,
    catalog,
    copy,
    opened_store,
    set_newest,
    update_catalog,
)
from tests.conftest import Place, opened


async def test_three_nights_are_what_postgresql_holds(sky: Place, tmp_path: Path) -> None:
    for night in (1, 2, 3):
        await set_newest(sky, 4 * night)
        said = await catalog(sky, "update", MARS_CATALOG_LEAF_ROWS=130)
        assert f"{1000 * night:,} alerts as of batch {4 * night}" in said
        ours = await assert_equal(sky, tmp_path / str(night))
        assert ours.as_of == 4 * night
        assert {path.stem for path in ours.files()} == {
            f"{4 * n - 3:010}-{4 * n:010}" for n in range(1, night + 1)
        }
    assert "3,000 alerts as of batch 12" in await catalog(sky, "update")


async def test_a_first_update_goes_in_steps(sky: Place, tmp_path: Path) -> None:
    await set_newest(sky, 14)
    await catalog(sky, "update", MARS_CATALOG_LEAF_ROWS=140, MARS_CATALOG_STEP_ROWS=1000)
    ours = await assert_equal(sky, tmp_path)
    assert len({path.stem for path in ours.files()}) == 4
    # Leaves are made for all that is to come, not for what the first step brings.
    lines = (ours.root / "partition_info.csv").read_text().splitlines()[1:]
    assert np.mean([int(line.split(",")[3]) for line in lines]) < 175


async def test_without_alerts_there_is_no_catalog(place: Place) -> None:
    assert "0 alerts as of batch 0" in await catalog(place, "update")
    assert "there is no catalog" in await catalog(place, "check")
    async with opened_store(place) as store:
        assert await store.keys("") == []


async def test_rows_that_nobody_would_have_wished_for_keep_their_bits(
    place: Place, tmp_path: Path
) -> None:
    async with opened(place, "owner") as archive:
        await store(archive.engine, [b"x"], "key", 400)
        # The longest that the consumer takes, quotes and all.
        longest = {"alert": {"note": '"' * 400_000 + "\n☄" * 100_000}}
        async with archive.engine.begin() as connection:
            one = select(func.min(alert.c.candid)).scalar_subquery()
            await connection.execute(
                sql_update(alert).where(alert.c.candid == one).values(extra=longest)
            )
        await update_catalog(place)
        ours = await assert_equal(place, tmp_path)
        reals = [c.name for c in alert.c if c.type.python_type is float]
        async with archive.engine.connect() as connection:
            wanted = (await connection.execute(select(alert))).mappings().all()
    found = {row["candid"]: row for path in ours.files() for row in pq.read_table(path).to_pylist()}
    for row in wanted:
        for name in reals:
            pair = [row[name], found[row["candid"]][name]]
            bits = [None if v is None else struct.pack("<d", v) for v in pair]
            assert bits[0] == bits[1] or pair[0] != pair[0] != pair[1], name


async def test_files_are_sorted_within_their_leaves(sky: Place, tmp_path: Path) -> None:
    await set_newest(sky, 14)
    await update_catalog(sky, catalog_leaf_rows=100)
    ours = await copy(sky, tmp_path)
    assert len(ours.files()) > 12
    for path in ours.files():
        order, pixel = (int(part.split("=")[1]) for part in (path.parts[-4], path.parts[-2]))
        assert path.parts[-3] == f"Dir={pixel // 10_000 * 10_000}"
        table = pq.read_table(path, partitioning=None)
        places = table["_healpix_29"].to_numpy()
        assert (np.diff(places) >= 0).all()
        assert set(places >> 2 * (29 - order)) == {pixel}
        assert (places == pixels_of(table["ra"].to_numpy(), table["dec"].to_numpy())).all()
    lines = (ours.root / "partition_info.csv").read_text().splitlines()[1:]
    assert sum(int(line.split(",")[3]) for line in lines) == 3500
    assert len(lines) == len(ours.files())
