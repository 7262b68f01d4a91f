"""What words of ADQL mean: values beside those of Python, and rows that can be counted."""

import math
from typing import Any, Final

import pytest

from tests.app.conftest import Served
from tests.app.vo.asking import refusal, rows, votable

ONE: Final = "FROM tap_schema.schemas WHERE schema_name = 'mars'"
VALUES: Final[dict[str, Any]] = {
    # Numbers
    "1 + 2 * 3": 7,
    "(1 + 2) * 3": 9,
    "7 / 2": 3,
    "-7 / 2": -3,
    "7 / 2.0": 3.5,
    "1.0 / 3600": 1 / 3600,
    "10 - 4 - 3": 3,
    "-(-5)": 5,
    "- 2 * - 3": 6,
    "10e-5": 10e-5,
    ".5 + 1.": 1.5,
    "9007199254740993": 9007199254740993,
    # Functions
    "ABS(-3.5)": 3.5,
    "CEILING(2.1)": 3.0,
    "FLOOR(-2.1)": -3.0,
    "CEILING(3)": 3,
    "EXP(1)": math.e,
    "LOG(10)": math.log(10),
    "LOG10(1000)": 3.0,
    "MOD(7, 3)": 1,
    "MOD(-7, 3)": -1,
    "MOD(7.5, 2)": 1.5,
    "PI()": math.pi,
    "POWER(2, 10)": 1024.0,
    "ROUND(2.567, 2)": 2.57,
    "ROUND(-2.567, 1)": -2.6,
    "ROUND(1234.5, -2)": 1200.0,
    "TRUNCATE(2.567, 2)": 2.56,
    "TRUNCATE(-2.5)": -2.0,
    "SQRT(2)": math.sqrt(2),
    "SIGN(-4)": -1.0,
    "DEGREES(PI())": 180.0,
    "RADIANS(180)": math.pi,
    "SIN(0.5)": math.sin(0.5),
    "COS(0.5)": math.cos(0.5),
    "TAN(0.5)": math.tan(0.5),
    "COT(0.5)": 1 / math.tan(0.5),
    "ASIN(0.5)": math.asin(0.5),
    "ACOS(0.5)": math.acos(0.5),
    "ATAN(0.5)": math.atan(0.5),
    "ATAN2(1, -1)": math.atan2(1, -1),
    # Texts
    "UPPER('aÄ') || LOWER('B')": "AÄb",
    "'it''s' || ' ' || 'so'": "it's so",
    "'a' || 1": "a1",
    "COALESCE(NULL, 'x', 'y')": "x",
    # Types
    "CAST('12' AS INTEGER) + 1": 13,
    "CAST(3.7 AS INTEGER)": 4,
    "CAST(1.5 AS REAL)": 1.5,
    "CAST(12 AS VARCHAR(1))": "1",
    "CAST('abc' AS CHAR(2))": "ab",
    "CAST('2026-01-31T12:00:00' AS TIMESTAMP)": "2026-01-31T12:00:00",
    "CAST(NULL AS INTEGER)": None,
    "NULL": None,
    # Choices
    "CASE WHEN 1 = 2 THEN 'a' WHEN 2 = 2 THEN 'b' ELSE 'c' END": "b",
    "CASE 3 WHEN 1 THEN 'a' ELSE 'c' END": "c",
    "CASE WHEN 1 = 2 THEN 1 END": None,
    # Shapes
    "DISTANCE(POINT(0, 0), POINT(0, 90))": 90.0,
    "DISTANCE(359, 0, 1, 0)": 2.0,
    "DISTANCE(POINT('ICRS', 10, 89), POINT('', 190, 89))": 2.0,
    "CONTAINS(POINT(0.5, 0), CIRCLE(359.9, 0, 0.7))": 1,
    "CONTAINS(POINT(0.5, 0), CIRCLE(359.9, 0, 0.5))": 0,
    "CONTAINS(CIRCLE(0, 0, 1), CIRCLE(0.5, 0, 1.6))": 1,
    "CONTAINS(CIRCLE(0, 0, 1), CIRCLE(0.5, 0, 1.4))": 0,
    "INTERSECTS(CIRCLE(0, 0, 1), CIRCLE(3, 0, 2.1))": 1,
    "INTERSECTS(CIRCLE(0, 0, 1), CIRCLE(3, 0, 1.9))": 0,
    "CONTAINS(POINT(1, 1), POLYGON(0, 0, 2, 0, 2, 2, 0, 2))": 1,
    "CONTAINS(POINT(3, 1), POLYGON(0, 0, 2, 0, 2, 2, 0, 2))": 0,
    "INTERSECTS(BOX(10, 10, 2, 2), POINT(10.9, 9.1))": 1,
    "CONTAINS(POINT(POINT(1, 2)), CIRCLE(POINT(1, 2), 0.1))": 1,
    "AREA(CIRCLE(10, 20, 90))": 2 * math.pi * (180 / math.pi) ** 2,
    "AREA(CIRCLE(10, 20, 0.001))": math.pi * 0.001**2,
    "AREA(BOX(0, 0, 1, 1))": 1.0,
    "COORD1(CENTROID(CIRCLE(12, 34, 5)))": 12,
    "COORD2(POINT(12, 34))": 34,
    "COORDSYS(POINT(12, 34))": "ICRS",
}


@pytest.mark.parametrize("adql", VALUES)
async def test_a_value_is_what_it_should_be(served: Served, adql: str) -> None:
    ((got,),) = await rows(served.client, f"SELECT {adql} {ONE}")
    want = VALUES[adql]
    if isinstance(want, float):
        near = 1e-4 if adql == "AREA(BOX(0, 0, 1, 1))" else 1e-12
        assert got == pytest.approx(want, rel=max(near, 1e-7 if "AREA(CIRCLE" in adql else near))
    elif want is None:
        assert got in (None, "")
    else:
        assert (got, type(got)) == (want, type(want))


TRUE: Final = (
    "1 < 2 AND NOT 2 < 1",
    "1 = 2 OR 3 >= 3",
    "TRUE",
    "'b' > 'a'",
    "5 BETWEEN 5 AND 6",
    "NOT 5 BETWEEN 6 AND 7",
    "5 NOT BETWEEN 6 AND 7",
    "'abc' LIKE 'a%'",
    "'abc' NOT LIKE 'A%'",
    "'abc' ILIKE 'A_C'",
    "'a%' LIKE 'a%'",
    "NOT 'abc' NOT LIKE 'a%'",
    "'abc' NOT ILIKE 'x%'",
    "schema_name NOT IN (SELECT 'x' FROM tap_schema.tables)",
    "'a\\b' LIKE 'a\\b'",
    "3 IN (1, 2, 3)",
    "4 NOT IN (1, 2, 3)",
    "schema_name IN (SELECT schema_name FROM tap_schema.tables)",
    "EXISTS (SELECT * FROM tap_schema.tables AS t WHERE t.schema_name = schemas.schema_name)",
    "NOT EXISTS (SELECT * FROM tap_schema.tables AS t WHERE t.schema_name = 'none')",
    "utype IS NULL",
    "description IS NOT NULL",
    "CAST('2026-01-01' AS TIMESTAMP) < '2026-01-02T00:00:00'",
    'tap_schema.schemas.schema_name = "schema_name"',
    "SCHEMAS.Schema_Name = schema_NAME",
)
UNTRUE: Final = (
    "1 = 2",
    "NOT TRUE",
    "NULL = NULL",
    "NOT (NULL = 1)",
    "1 IN (2, NULL)",
    "1 <> NULL",
)


@pytest.mark.parametrize("condition", [*TRUE, *UNTRUE])
async def test_a_condition_holds_or_does_not(served: Served, condition: str) -> None:
    found = await rows(served.client, f"SELECT 1 {ONE} AND ({condition})")
    assert bool(found) == (condition in TRUE)


# -------------------------------------------------------------------------------------------------
# Whole queries, over two small tables
# -------------------------------------------------------------------------------------------------

A: Final = votable({"k": "int", "x": "char"}, (1, "a"), (2, "b"), (2, "c"), ("", "d"))
B: Final = votable({"k": "int", "y": "double"}, (2, 20.5), (3, 30.5), (2, 21.5))
QUERIES: Final[dict[str, list[tuple[Any, ...]]]] = {
    "SELECT x, y FROM {a} JOIN {b} USING (k) ORDER BY x, y": [
        ("b", 20.5),
        ("b", 21.5),
        ("c", 20.5),
        ("c", 21.5),
    ],
    "SELECT * FROM {a} NATURAL JOIN {b} WHERE y < 21 ORDER BY 2": [(2, "b", 20.5), (2, "c", 20.5)],
    "SELECT k, y FROM {a} RIGHT JOIN {b} USING (k) WHERE k > 2": [(3, 30.5)],
    "SELECT k FROM {a} FULL JOIN {b} USING (k) WHERE k IS NOT NULL ORDER BY k": [
        (1,),
        (2,),
        (2,),
        (2,),
        (2,),
        (3,),
    ],
    "SELECT a.x, b.y FROM {a} AS a LEFT JOIN {b} AS b ON a.k = b.k AND b.y > 21 ORDER BY a.x": [
        ("a", None),
        ("b", 21.5),
        ("c", 21.5),
        ("d", None),
    ],
    "SELECT b.k FROM {a} AS a, {b} AS b WHERE a.k = b.k AND a.x = 'b' ORDER BY b.y": [(2,), (2,)],
    "SELECT k, COUNT(*), MAX(x) FROM {a} GROUP BY k HAVING COUNT(*) > 1": [(2, 2, "c")],
    "SELECT COUNT(*), COUNT(k), COUNT(DISTINCT k), SUM(k), AVG(k) FROM {a}": [(4, 3, 2, 5, 5 / 3)],
    "SELECT DISTINCT k FROM {b} ORDER BY k DESC": [(3,), (2,)],
    "SELECT TOP 1 y FROM {b} ORDER BY y DESC": [(30.5,)],
    "SELECT y FROM {b} ORDER BY y OFFSET 2": [(30.5,)],
    "SELECT TOP 1 y FROM {b} ORDER BY y OFFSET 1": [(21.5,)],
    "SELECT y * 2 AS z FROM {b} ORDER BY z DESC": [(61.0,), (43.0,), (41.0,)],
    "SELECT y AS k FROM {b} WHERE k = 3 ORDER BY k": [(30.5,)],
    "SELECT k FROM {a} UNION SELECT k FROM {b} ORDER BY k": [(1,), (2,), (3,), (None,)],
    "SELECT k FROM {b} UNION ALL SELECT k FROM {b} ORDER BY 1": [
        (2,),
        (2,),
        (2,),
        (2,),
        (3,),
        (3,),
    ],
    "SELECT k FROM {b} EXCEPT SELECT k FROM {a}": [(3,)],
    "SELECT k FROM {b} INTERSECT SELECT k FROM {a}": [(2,)],
    "SELECT k FROM {a} WHERE k = 1 UNION SELECT k FROM {b} INTERSECT SELECT k FROM {a}"
    " ORDER BY k": [(1,), (2,)],
    "(SELECT k FROM {a} WHERE k = 1 UNION SELECT k FROM {b}) INTERSECT SELECT k FROM {b}"
    " ORDER BY k": [(2,), (3,)],
    "SELECT k FROM {b} EXCEPT SELECT k FROM {b} INTERSECT SELECT k FROM {a}": [(3,)],
    "SELECT k FROM {b} EXCEPT (SELECT k FROM {b} EXCEPT SELECT k FROM {a})": [(2,)],
    "(SELECT TOP 1 y FROM {b} ORDER BY y) UNION (SELECT TOP 1 y FROM {b} ORDER BY y DESC)"
    " ORDER BY y": [(20.5,), (30.5,)],
    "WITH big AS (SELECT k, y FROM {b} WHERE y > 21), two AS (SELECT * FROM big WHERE k = 2) "
    "SELECT big.y, two.y FROM big, two ORDER BY 1": [(21.5, 21.5), (30.5, 21.5)],
    "SELECT q.n FROM (SELECT k, COUNT(*) AS n FROM {b} GROUP BY k) AS q ORDER BY n": [(1,), (2,)],
    "SELECT a.x FROM ({a} AS a JOIN {b} AS b ON a.k = b.k) WHERE b.y > 21 ORDER BY a.x": [
        ("b",),
        ("c",),
    ],
    "SELECT x FROM {a} AS a WHERE EXISTS (SELECT * FROM {b} AS b WHERE b.k = a.k AND EXISTS "
    "(SELECT * FROM {b} AS c WHERE c.k = b.k AND a.x = 'b'))": [("b",)],
    "SELECT one.y FROM {b} AS one JOIN {b} AS other ON one.k = other.k AND one.y < other.y": [
        (20.5,)
    ],
    "SELECT b.* FROM {a} AS a JOIN {b} AS b ON a.k = b.k WHERE a.x = 'c' ORDER BY y": [
        (2, 20.5),
        (2, 21.5),
    ],
}


@pytest.mark.parametrize("adql", QUERIES)
async def test_a_query_means_what_it_should(served: Served, adql: str) -> None:
    whole = adql.format(a="tap_upload.one", b="tap_upload.two")
    more = {"UPLOAD": "one,param:f;two,param:g", "f": A, "g": B}
    assert await rows(served.client, whole, **more) == QUERIES[adql]


@pytest.mark.parametrize(
    ("adql", "said"),
    [
        ("SELECT k FROM tap_upload.one, tap_upload.two", "several tables"),
        ("SELECT one.k FROM tap_upload.one JOIN tap_upload.one ON 1 = 1", "two tables one"),
        ("SELECT k FROM tap_upload.one UNION SELECT k, y FROM tap_upload.two", "same number"),
        ("SELECT x FROM tap_upload.one ORDER BY 2", "the result has columns 1 to 1"),
        (
            "SELECT x FROM tap_upload.one UNION SELECT x FROM tap_upload.one ORDER BY x || 'a'",
            "set",
        ),
        ("SELECT x + 1 FROM tap_upload.one", "must be a number"),
        ("SELECT x FROM tap_upload.one WHERE k", "must be true or false"),
        ("SELECT x FROM tap_upload.one WHERE k IN (SELECT k, y FROM tap_upload.two)", "one column"),
        ("SELECT SUM(x) FROM tap_upload.one", "must be a number"),
        ("SELECT IN_UNIT(k, 'm') FROM tap_upload.one", "a column that has a unit"),
        ("SELECT q.x FROM (SELECT x FROM tap_upload.one)", "needs a name"),
        ("SELECT ROUND(1, 2, 3) FROM tap_upload.one", "1 or 2 arguments"),
        ("SELECT POINT(k, k) + 1 FROM tap_upload.one", "a POINT is no value here"),
        ("SELECT CAST(k AS FLOAT) FROM tap_upload.one", "reserved word"),
        ("SELECT x FROM tap_upload.one WHERE x < CAST('soon' AS TIMESTAMP)", "cannot be compared"),
    ],
)
async def test_what_makes_no_sense_is_refused(served: Served, adql: str, said: str) -> None:
    more = {"UPLOAD": "one,param:f;two,param:g", "f": A, "g": B}
    assert said in await refusal(served.client, adql, **more)


async def test_units_are_converted(served: Served) -> None:
    adql = "SELECT TOP 1 ra, IN_UNIT(ra, 'rad'), IN_UNIT(ra, 'arcsec') FROM alert ORDER BY candid"
    ((ra, radians, arcsec),) = await rows(served.client, adql)
    assert (radians, arcsec) == pytest.approx((math.radians(ra), ra * 3600), rel=1e-12)
    assert "no unit of VOUnits" in await refusal(
        served.client, "SELECT IN_UNIT(ra, 'furlong') FROM alert"
    )
    assert "cannot be given" in await refusal(served.client, "SELECT IN_UNIT(ra, 'kg') FROM alert")
