"""Cones against astropy's separation of every alert, and against q3c's own function."""

import asyncpg
import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord

from app.alerts.access.archive import Archive
from app.alerts.access.gate import Gate
from app.alerts.asking import searching
from app.alerts.sql import search_sql
from app.search.search import DEFAULT_SORT, parse_search
from app.search.vocabulary import ZTF
from archive.database import make_engine
from tests.app import sky
from tests.app.conftest import Served, database_of
from tests.conftest import url_of

RADII = {'2"': 2 / 3600, "1'": 1 / 60, "1": 1.0, "9.5d": 9.5}
CENTRES = [
    *[(0.0, 90.0), (0.0, -90.0), (123.4, 89.9), (310.0, -89.5), (360.0, 89.0)],
    *[(0.0, 0.0), (359.9999, 0.0), (0.0001, 45.3), (359.5, 44.9), (150.0, 30.0), (180.0, 0.0)],
]


def all_alerts() -> tuple[list[str], SkyCoord]:
    """Candids and positions of every alert of the sky."""
    rows = [
        *sky.positions(),
        *((c, 100.0, -20.0) for c in (sky.FIRST, sky.SECOND, sky.THIRD)),
        (sky.NO_STAMPS, 200.0, 10.0),
        (sky.WITHHELD, 201.0, 10.0),
        (sky.LATE, 150.0, 30.0),
    ]
    candids, ra, dec = zip(*rows, strict=True)
    return [str(c) for c in candids], SkyCoord(list(ra), list(dec), unit="deg")


@pytest.mark.parametrize("radius", RADII)
async def test_equals_brute_force(served: Served, radius: str) -> None:
    candids, positions = all_alerts()
    near = [(c[1], c[2]) for c in sky.positions()[::25]]
    found = 0
    for ra, dec in [*CENTRES, *near]:
        separation = SkyCoord(ra, dec, unit="deg").separation(positions)
        inside = separation < RADII[radius] * units.deg
        expected = {c for c, hit in zip(candids, inside, strict=True) if hit}
        query = {"cone": f"{ra},{dec},{radius}", "limit": 1000}
        got = await served.candids(query)
        assert set(got) == expected
        assert len(got) == len(expected)
        found += len(got)
    assert found >= len(near)


async def test_the_plan_stays_when_the_statement_is_prepared(served: Served) -> None:
    """Ten times on one connection: PostgreSQL may turn to a generic plan at the sixth."""
    url = url_of("reader", database_of(served.settings)).replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    shape = search_sql.Shape(ZTF, 100, DEFAULT_SORT, cone=True)
    statement = search_sql.page_statement(shape)
    plans = []
    try:
        for ra, dec in ((0.0, 90.0), (150.0, 30.0), (359.9, 45.0)) * 10:
            arguments = statement.arguments({"ra": ra, "dec": dec, "radius": 1.0})
            got = [row["candid"] for row in await connection.fetch(statement.sql, *arguments)]
            q3c = "SELECT candid FROM alert WHERE q3c_radial_query(ra, dec, $1, $2, $3)"
            order = " ORDER BY jd DESC, candid DESC LIMIT 101"
            expected = await connection.fetch(q3c + order, ra, dec, 1.0)
            assert got == [row[0] for row in expected]
        # Tables this small are read whole unless that is forbidden; the shape is what is looked at.
        await connection.execute("SET enable_seqscan = off")
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        literal = await connection.fetch(f"EXPLAIN {statement.sql}", *arguments)
        plans = [row[0] for row in literal]
    finally:
        await connection.close()
    assert any("Index Only Scan using alert_sky" in line for line in plans)
    assert not any("alert_time" in line for line in plans)


async def test_with_object_and_time(served: Served) -> None:
    name = f"ZTF26aaaa{10:03d}"
    candid, ra, dec = sky.positions()[10]
    near = {"cone": f"{ra},{dec},0.1", "object_id": name}
    assert await served.candids(near) == [str(candid)]
    assert await served.candids(near | {"cone": "10,10,1"}) == []
    jd = (await served.alerts(near))["items"][0]["jd"]
    around = {"cone": f"{ra},{dec},0.1", "jd__gte": jd, "jd__lte": jd}
    assert str(candid) in await served.candids(around)
    assert await served.candids(around | {"jd__gt": jd}) == []


async def test_one_round_trip_a_page(served: Served) -> None:
    engine = make_engine(served.settings, "test", 1)
    archive = Archive(engine, 4, 5, Gate(engine, 2))
    try:
        newest, rows = await searching.find_alerts(archive, parse_search([("cone", "0,90,2")]))
    finally:
        await engine.dispose()
    assert newest == 2
    assert len(rows) > 50
    assert np.all(np.diff([row["jd"] for row in rows]) <= 0)
