"""HATS's validators, LSDB on two Dask workers, and every command of docs/catalog.md."""

import asyncio
import json
import os
import random
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.catalog.catalogs import catalog, copy, set_newest
from tests.catalog.conftest import BATCHES
from tests.conftest import Place, lines_at_the_end, new_place, url_of

PYTHON = Path(".local/lib/hats/bin/python")
PAGE = Path("docs/catalog.md").read_text()
JUDGE = Path(__file__).with_name("judge.py")
PLACES, RADIUS_ARCSEC = 200, 1800
AROUND = """
UPDATE alert SET
    ra = CASE WHEN candid % 4 = 0 THEN ((random() - 0.5) * 0.6 + 360)::numeric % 360
         ELSE random() * 360 END,
    dec = CASE candid % 4 WHEN 0 THEN (random() - 0.5) * 0.6
          WHEN 1 THEN 90 - random() * 0.7 WHEN 2 THEN random() * 0.7 - 90 ELSE dec END
WHERE batch % 4 = 1
"""
"""Alerts around both poles, and on both sides of RA 0."""
CONES = """
SELECT array_agg(candid ORDER BY candid) FROM alert
WHERE q3c_radial_query(ra, dec, $1, $2, $3::float8 / 3600) AND batch <= $4
"""


@pytest.fixture(scope="module")
async def place(filled: str) -> AsyncIterator[Place]:
    """A catalog of some updates: several files in many leaves."""
    async with new_place(filled) as ours:
        connection = await owner(ours)
        await connection.execute(AROUND)
        await connection.close()
        for batch in (BATCHES // 2, BATCHES * 3 // 4):
            await set_newest(ours, batch)
            await catalog(ours, "update", MARS_CATALOG_LEAF_ROWS=900)
        yield ours


async def owner(place: Place) -> asyncpg.Connection:
    return await asyncpg.connect(url_of("owner", place.database).replace("+asyncpg", ""))


def access(place: Place) -> dict[str, str]:
    return {
        "address": f"s3://{place.bucket}/catalog/ztf",
        "endpoint": os.environ["MARS_S3_ENDPOINT_URL"],
        "key": os.environ["MARS_S3_ACCESS_KEY_ID"],
        "secret": os.environ["MARS_S3_SECRET_ACCESS_KEY"],
    }


async def run(*command: str, given: str = "") -> str:
    """What a program of their environment prints."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *(str(PYTHON), *command),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(given.encode())
    assert process.returncode == 0, err.decode()[-5000:]
    lines_at_the_end("catalog").append(f"{Path(command[0]).name}: {time.monotonic() - began:.0f} s")
    return out.decode()


async def judged(place: Place, **more: Any) -> Any:
    out = await run(str(JUDGE), given=json.dumps(access(place) | more))
    return json.loads(out.splitlines()[-1])


async def cones_of(connection: asyncpg.Connection) -> list[tuple[float, float, float]]:
    """Around alerts, both poles and RA 0, and where there is none."""
    chance = random.Random(0)
    places = [(0.0, 90.0), (0.0, -90.0), (0.0, 0.0), (359.9, 0.1), (12.0, 89.8), (200.0, -89.7)]
    rows = await connection.fetch("SELECT ra, dec FROM alert ORDER BY candid")
    near = chance.sample(rows, PLACES - len(places) - 10)
    places += [(row["ra"], row["dec"]) for row in near]
    places += [(chance.uniform(0, 360), chance.uniform(-80, 80)) for _ in range(10)]
    return [(*place, chance.choice([5.0, RADIUS_ARCSEC])) for place in places]


async def test_lsdb_on_two_workers_finds_what_sql_finds(place: Place) -> None:
    connection = await owner(place)
    as_of = BATCHES * 3 // 4
    cones = await cones_of(connection)
    wanted = [await connection.fetchval(CONES, *cone, as_of) or [] for cone in cones]
    # Objects as they were simulated: those that were moved lie all over the sky.
    rows = await connection.fetch(
        "SELECT object_id, array_agg(candid ORDER BY candid) AS candids,"
        " array_agg(jd ORDER BY candid) AS jds, avg(ra) AS ra, avg(dec) AS dec FROM alert"
        " WHERE batch <= $1 AND ra BETWEEN 1 AND 359 AND abs(dec) < 89 AND batch % 4 <> 1"
        " GROUP BY object_id ORDER BY object_id",
        as_of,
    )
    odd = await connection.fetch(
        "SELECT DISTINCT object_id FROM alert WHERE batch % 4 = 1 AND batch <= $1", as_of
    )
    await connection.close()
    moved = {row["object_id"] for row in odd}
    curves = {
        row["object_id"]: [list(pair) for pair in zip(row["candids"], row["jds"], strict=True)]
        for row in rows
        if row["object_id"] not in moved
    }
    objects = [
        {"object_id": row["object_id"], "ra": row["ra"], "dec": row["dec"]}
        for row in rows
        if row["object_id"] in curves
    ]
    told = await judged(place, cones=cones, objects=objects)
    assert told["is_valid"] is True
    assert (told["workers"], told["rows"]) == (2, 250 * as_of)
    assert [sorted(found) for found in told["cones"]] == wanted
    assert sum(map(len, wanted)) > 1000
    assert told["curves"] == curves
    assert len(curves) > 100
    assert told["found"] == len(curves[objects[0]["object_id"]])


async def test_hats_import_verifies_a_compacted_copy(place: Place, tmp_path: Path) -> None:
    await catalog(place, "compact", MARS_CATALOG_LEAF_ROWS=900)
    ours = await copy(place, tmp_path)
    told = await judged(place, copy=str(ours.root))
    assert told["is_valid"] is True
    assert len(told["verified"]) >= 4
    assert [test for test, passed in told["verified"].items() if not passed] == []


async def test_the_session_of_the_page(place: Place, tmp_path: Path) -> None:
    """Run in one process, block after block, where the tests' bucket is."""
    await set_newest(place, BATCHES)
    await catalog(place, "update")
    await set_newest(place, BATCHES)
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    code = "\n".join(blocks).replace("s3://mars/", f"s3://{place.bucket}/")
    connection = await owner(place)
    middle = await connection.fetchrow(
        "SELECT ra, dec FROM alert WHERE abs(dec) < 60 AND ra BETWEEN 10 AND 350"
        " AND batch % 4 = 3 ORDER BY candid LIMIT 1"
    )
    assert middle is not None
    cone = f"ra={middle['ra']}, dec={middle['dec']}"
    assert code.count("ra=150.0, dec=30.0") == 1
    program = tmp_path / "session.py"
    # As judge.py ends.
    end = "import sys\nsys.stdout.flush()\nos._exit(0)\n"
    lines = (code.replace("ra=150.0, dec=30.0", cone) + end).splitlines()
    # Dask's workers import the program anew.
    text = "if __name__ == '__main__':\n" + "\n".join(f"    {line}" for line in lines)
    await asyncio.to_thread(program.write_text, text)
    said = await run(str(program))

    async def told(sql: str, *values: Any) -> Any:
        return await connection.fetchval(sql, *values)

    near = "FROM alert WHERE q3c_radial_query(ra, dec, $1, $2, 3)"
    alerts, objects = [
        await told(f"SELECT count({what}) {near}", middle["ra"], middle["dec"])
        for what in ("*", "DISTINCT object_id")
    ]
    faint = await told("SELECT count(*) FROM alert WHERE magpsf > 20.5 AND magpsf - magnr < 1")
    bands = await connection.fetch("SELECT filter, count(*) AS n FROM alert GROUP BY 1 ORDER BY 1")
    await connection.close()
    assert f"{250 * BATCHES} alerts as of batch {BATCHES}" in said
    assert f"{alerts} alerts in the cone, {objects} objects" in said
    assert f"alerts by filter: { {row['filter']: row['n'] for row in bands} }" in said
    for row in bands:
        assert re.search(rf"│ {row['filter']} +│ +{row['n']} │", said)
    assert f"{faint} faint alerts" in said
    assert f"files, {250 * BATCHES} alerts" in said
    assert re.search(r"alerts match [12] targets", said)
    assert re.search(r"\d+ light curves, \d+ points", said)
