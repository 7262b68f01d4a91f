"""Circles and joins with uploads use the index: many rows, and what PostgreSQL means to do."""

import random
import re
from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.adql.queries import translate
from app.adql.told import Upload
from app.vo.tables import BY_NAME
from archive.columns import DOUBLE, Column
from archive.surveys.ztf.tables import alert
from tests.conftest import new_place, url_of

ROWS = 100_000
MINE = Upload(
    "t",
    (Column("ra", DOUBLE, "deg", "", ""), Column("dec", DOUBLE, "deg", "", "")),
    ("float8", "float8"),
)
NEAR = "DISTANCE(a.ra, a.dec, t.ra, t.dec) < 0.001"


@pytest.fixture(scope="module")
async def connection(template: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """As mars_tap, on an archive of many alerts all over the sky."""
    async with new_place(template) as place:
        admin = await asyncpg.connect(url_of("admin", place.database).replace("+asyncpg", ""))
        filled = {c.name: "1" for c in alert.c if not c.nullable and c.server_default is None}
        filled |= {
            "candid": "n",
            "lco_id": "n",
            "ra": "222.492::float8 * n - 360 * floor(222.492::float8 * n / 360)",
            "dec": f"degrees(asin(2.0::float8 * n / {ROWS + 1} - 1))",
            "jd": "2460000 + n / 1000.0",
            "object_id": "'ZTF26' || n / 5",
            "payload_hash": "''",
        }
        made = f"INSERT INTO alert ({', '.join(filled)}) SELECT {', '.join(filled.values())} "
        await admin.execute(made + f"FROM generate_series(1, {ROWS}) AS n")
        await admin.execute("VACUUM ANALYZE alert")
        await admin.close()
        tap = await asyncpg.connect(url_of("tap", place.database).replace("+asyncpg", ""))
        yield tap
        await tap.close()


async def plan(
    connection: "asyncpg.Connection[asyncpg.Record]", adql: str, positions: int = 500
) -> str:
    result = translate(adql, BY_NAME, [MINE], 2001)
    rng = random.Random(1)
    mine = [
        [rng.uniform(0, 360) for _ in range(positions)],
        [rng.uniform(-80, 80) for _ in range(positions)],
    ]
    given = mine if "$1" in result.sql else []
    rows = await connection.fetch(f"EXPLAIN {result.sql}", *given)
    return "\n".join(row[0] for row in rows)


INDEXED = {
    "SELECT candid, ra FROM alert AS a WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(9, 9, 1))": True,
    "SELECT * FROM alert AS a WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(9, 9, 1))": False,
    "SELECT candid FROM alert AS a WHERE DISTANCE(ra, dec, 9, 9) < 0.1 AND jd > 2460001": True,
    "SELECT candid FROM alert AS a WHERE 0.1 >= DISTANCE(POINT(9, 9), POINT(ra, dec))": True,
    "SELECT candid FROM alert AS a WHERE INTERSECTS(CIRCLE(9, 9, 1), POINT(ra, dec)) = 1": True,
    "SELECT candid FROM alert AS a WHERE 1 = CONTAINS(POINT(ra, dec), BOX(9, 9, 2, 2))": True,
    "SELECT candid FROM alert AS a WHERE 1 = CONTAINS(POINT(ra, dec), "
    "CIRCLE('GALACTIC', 9, 60, 1))": True,
    "SELECT candid FROM alert AS a WHERE 1 = CONTAINS(POINT(ra, dec), "
    "REGION('Box FK5 9 9 2 2'))": True,
    "SELECT a.candid FROM tap_upload.t AS t JOIN alert AS a ON 1 = CONTAINS(POINT(a.ra, a.dec), "
    "CIRCLE('GALACTIC', t.ra, t.dec, 0.001))": True,
    "SELECT a.candid FROM (SELECT CIRCLE(ra, dec, 0.001) AS c FROM tap_upload.t) AS q "
    "JOIN alert AS a ON 1 = CONTAINS(POINT(a.ra, a.dec), q.c)": True,
    f"SELECT a.candid, t.ra FROM tap_upload.t AS t JOIN alert AS a ON {NEAR}": True,
    f"SELECT a.candid, t.ra FROM alert AS a JOIN tap_upload.t AS t ON {NEAR}": True,
    f"SELECT a.candid, t.ra FROM alert AS a, tap_upload.t AS t WHERE {NEAR}": True,
    f"SELECT a.magpsf, t.ra FROM tap_upload.t AS t LEFT JOIN alert AS a ON {NEAR}": False,
    "SELECT t.ra FROM tap_upload.t AS t WHERE EXISTS "
    f"(SELECT * FROM alert AS a WHERE {NEAR})": True,
    "SELECT a.candid, b.candid FROM alert AS a JOIN alert AS b ON 1 = CONTAINS("
    "POINT(b.ra, b.dec), CIRCLE(a.ra, a.dec, 0.001)) WHERE a.object_id = 'ZTF267'": True,
    f"WITH w AS (SELECT a.candid FROM alert AS a, tap_upload.t AS t WHERE {NEAR}) "
    "SELECT COUNT(*) FROM w": True,
}


@pytest.mark.parametrize("adql", INDEXED)
async def test_circles_are_read_by_the_index(
    connection: "asyncpg.Connection[asyncpg.Record]", adql: str
) -> None:
    told = await plan(connection, adql)
    kind = "Index Only Scan" if INDEXED[adql] else r"Index (Only )?Scan"
    assert re.search(rf"{kind} using alert_sky", told), told
    assert "Seq Scan" not in told, told


@pytest.mark.parametrize("table", ["object", "detection", "upper_limit", "forced"])
async def test_what_is_asked_of_an_object_is_read_by_its_index(
    connection: "asyncpg.Connection[asyncpg.Record]", table: str
) -> None:
    for where in ("object_id = 'ZTF267'", "object_id IN ('ZTF267', 'ZTF268')"):
        told = await plan(connection, f"SELECT * FROM mars.{table} WHERE {where}")
        assert "alert_object" in told
        assert "Seq Scan" not in told, told
    told = await plan(connection, f"SELECT TOP 3 * FROM mars.{table}")
    assert "Seq Scan" not in told, told


async def test_a_join_costs_what_its_positions_cost_not_what_the_archive_does(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    """Pages that are read for 500 positions, not time: a scan of all rows would read thousands."""
    adql = f"SELECT COUNT(*) FROM tap_upload.t AS t JOIN alert AS a ON {NEAR}"
    result = translate(adql, BY_NAME, [MINE], 2001)
    mine = [[n * 0.7 for n in range(500)], [n * 0.3 - 75 for n in range(500)]]
    rows = await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS) {result.sql}", *mine)
    told = "\n".join(row[0] for row in rows)
    read = re.search(r"Buffers: shared hit=(\d+)", told)
    assert read is not None
    # Each position descends the index up to four times, three pages deep.
    assert int(read[1]) < 500 * 4 * 4, told
