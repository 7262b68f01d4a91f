"""Polygons against winding numbers of every alert, and what is no polygon."""

from typing import Any

import asyncpg
import numpy as np
import pytest

from app.alerts.sql import search_sql
from app.errors import BadParameters
from app.search.search import DEFAULT_SORT, parse_search
from app.search.vocabulary import ZTF
from tests.app.alerts.test_cones import all_alerts
from tests.app.conftest import Served, database_of
from tests.conftest import url_of

Ring = list[tuple[float, float]]

SHAPES: dict[str, list[tuple[float, float]]] = {
    # (bearing, part of the size): convex, thin, and with dents.
    "triangle": [(10, 1), (130, 1), (250, 1)],
    "square": [(45, 1), (135, 1), (225, 1), (315, 1)],
    "sliver": [(0, 1), (3, 1), (180, 1), (183, 1)],
    "star": [(n * 36, 1 if n % 2 else 0.4) for n in range(10)],
    "pacman": [(n * 30, 1) for n in range(1, 12)] + [(0, 0.0)],
}
CENTRES = [
    *[(0.0, 90.0), (0.0, -90.0), (40.0, 89.3), (200.0, -89.2), (0.0, 0.0), (359.7, 45.2)],
    *[(0.2, 44.8), (150.0, 30.0), (180.0, 0.2)],
]


def vector(ra: Any, dec: Any) -> np.ndarray:
    a, d = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], -1)


def axes(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """East and north of directions; any right angle at a pole."""
    east = np.cross([0.0, 0.0, 1.0], at)
    length = np.linalg.norm(east, axis=-1, keepdims=True)
    east = np.where(length < 1e-12, [0.0, 1.0, 0.0], east / np.maximum(length, 1e-12))
    return east, np.cross(at, east)


def ring(centre: tuple[float, float], shape: str, size: float) -> Ring:
    """A shape around a centre, its vertices at most `size` degrees away."""
    at = vector(*centre)
    east, north = axes(at)
    vertices = []
    for bearing, part in SHAPES[shape]:
        b, r = np.radians(bearing), np.radians(size * part)
        v = np.cos(r) * at + np.sin(r) * (np.cos(b) * north + np.sin(b) * east)
        vertices.append((float(np.degrees(np.arctan2(v[1], v[0])) % 360), float(_dec(v))))
    return vertices


def _dec(v: np.ndarray) -> float:
    return float(np.degrees(np.arctan2(v[2], np.hypot(v[0], v[1]))))


def winds(polygon: Ring, at: np.ndarray) -> np.ndarray:
    """Of each direction, whether the bearings of the vertices as seen from it go once round it."""
    east, north = axes(at)
    corners = np.array([vector(*vertex) for vertex in polygon])
    bearings = np.arctan2(east @ corners.T, north @ corners.T)
    steps = np.diff(bearings, append=bearings[:, :1])
    turns = ((steps + np.pi) % (2 * np.pi) - np.pi).sum(axis=1) / (2 * np.pi)
    inside: np.ndarray = (at @ corners.mean(axis=0) >= 0) & (turns.round() != 0)
    return inside


def text(polygon: Ring) -> str:
    return ",".join(f"{ra!r},{dec!r}" for ra, dec in polygon)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [0.05, 1.2, 9.9])
async def test_equals_winding_numbers(served: Served, shape: str, size: float) -> None:
    candids, positions = all_alerts()
    places = vector(positions.ra.deg, positions.dec.deg)
    found = 0
    for n, (ra, dec) in enumerate(CENTRES):
        # A little aside: where an alert lies in the very corner, inside or not is rounding.
        centre = (ra + 0.0137) % 360, dec + (-0.0071 if dec > 0 else 0.0071)
        polygon = ring(centre, shape, size)[:: 1 if n % 2 else -1]
        expected = {c for c, inside in zip(candids, winds(polygon, places), strict=True) if inside}
        got = await served.candids({"polygon": text(polygon), "limit": 1000})
        assert set(got) == expected
        assert len(got) == len(expected)
        found += len(got)
    assert found >= (0 if size < 1 else 15)


async def test_the_plan_stays_when_the_statement_is_prepared(served: Served) -> None:
    """Ten times on one connection: PostgreSQL may turn to a generic plan at the sixth."""
    url = url_of("reader", database_of(served.settings)).replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    shape = search_sql.Shape(ZTF, 100, DEFAULT_SORT, polygon=True)
    statement = search_sql.page_statement(shape)
    try:
        for centre in ((0.0, 89.9), (150.0, 30.0), (359.9, 45.0)) * 10:
            vertices = [x for vertex in ring(centre, "star", 1.2) for x in vertex]
            arguments = statement.arguments({"vertices": vertices})
            got = [row["candid"] for row in await connection.fetch(statement.sql, *arguments)]
            q3c = "SELECT candid FROM alert WHERE q3c_in_poly(ra, dec, $1::float8[])"
            order = " ORDER BY jd DESC, candid DESC LIMIT 101"
            assert got == [row[0] for row in await connection.fetch(q3c + order, vertices)] != []
        # Tables this small are read whole unless that is forbidden; the shape is what is looked at.
        await connection.execute("SET enable_seqscan = off")
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        plan = [row[0] for row in await connection.fetch(f"EXPLAIN {statement.sql}", *arguments)]
    finally:
        await connection.close()
    assert any("Index Only Scan using alert_sky" in line for line in plan)
    assert not any("alert_time" in line for line in plan)


async def test_with_a_cone_and_an_object(served: Served) -> None:
    square = {"polygon": text(ring((150.0, 30.0), "square", 1.0)), "limit": "1000"}
    cone = {"cone": "150.5,30.5,0.8", "limit": "1000"}
    both = await served.candids(square | cone)
    assert set(both) == set(await served.candids(square)) & set(await served.candids(cone))
    assert both
    item = (await served.alerts(square))["items"][0]
    one = square | {"object_id": item["object_id"]}
    assert await served.candids(one) == [item["candid"]]
    assert await served.candids(one | {"polygon": "10,10,11,10,11,11"}) == []


@pytest.mark.parametrize(
    ("polygon", "reason"),
    [
        ("1,2,3,4", "3 to 64 vertices"),
        ("1,2,3,4,5", "3 to 64 vertices"),
        ("1,1,2,1,1,1", "2 vertices"),
        (",".join("1,2" for _ in range(70)), "3 to 64 vertices"),
        ("a,1,2,1,2,2", "not a number"),
        ("361,1,2,1,2,2", "0 and 360"),
        ("1,91,2,1,2,2", "-90 and 90"),
        ("0,0,20.1,0,10,5", "across"),
        ("0,0,180,0,90,5", "across"),
        ("0,0,1,1,1,0,0,1", "cross or touch"),
        ("0,0,2,0,2,2,1,0,0,2", "cross or touch"),
        ("0,0,2,0,1,0,1,1", "cross or touch"),
        ("359,0,1,1,1,0,359,1", "cross or touch"),
        ("0,0,1,0,2,0", "cross or touch"),
        ("10,80,10,81,10,82", "one line"),
        ("0,0,0,1e-8,1,1", "closer than"),
    ],
)
def test_refused(polygon: str, reason: str) -> None:
    with pytest.raises(BadParameters) as caught:
        parse_search([("polygon", polygon)])
    (error,) = caught.value.errors
    assert error.parameter == "polygon"
    assert reason in error.reason


@pytest.mark.parametrize(
    "polygon",
    [
        "0,0,1,0,1,1,0,1",
        "0,0,1,0,1,1,0,1,0,0",
        # Sides on one line that do not meet.
        "0,0,1,0,1,1,2,1,2,0,3,0,3,2,0,2",
        "350,0,10,0,0,10",
        "0,85,90,85,180,85,270,85",
        "360,10,1,10,1,11",
    ],
)
def test_taken(polygon: str) -> None:
    taken = parse_search([("polygon", polygon)]).polygon
    assert taken is not None
    assert len(taken.vertices) in (6, 8, 16)


@pytest.mark.parametrize("polygon", [True, False])
def test_no_bound_of_q3c_is_asked_for_first_with_number_0(polygon: bool) -> None:
    """There q3c_poly_query_it may take the ranges of freed memory for those of its polygon."""
    shape = search_sql.Shape(ZTF, 100, DEFAULT_SORT, cone=not polygon, polygon=polygon)
    assert "generate_series(98, 0, -2)" in search_sql.page_statement(shape).sql
