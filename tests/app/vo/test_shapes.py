"""Shapes as values, and places in other frames: beside astropy and the rows themselves."""

from typing import Any, Final

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from tests.app.conftest import Served
from tests.app.vo.asking import ask, refusal, rows, sent, some_places, table, votable

ONE: Final = "FROM tap_schema.schemas WHERE schema_name = 'mars'"

# -------------------------------------------------------------------------------------------------
# Shapes as values
# -------------------------------------------------------------------------------------------------


async def test_shapes_are_what_dali_says_they_are(served: Served) -> None:
    adql = (
        "SELECT TOP 5 ra, dec, POINT(ra, dec) AS p, CIRCLE(ra, dec, 0.5), BOX(10, 20, 2, 4) AS b,"
        " CENTROID(CIRCLE('ICRS', ra, dec, 1)) AS c FROM alert ORDER BY candid"
    )
    found = table(await ask(served.client, adql))
    told = {f.name: (f.datatype, f.arraysize, f.xtype, str(f.unit), f.ref) for f in found.fields}
    assert told["p"] == told["c"] == ("double", "2", "point", "deg", "equatorial")
    assert told["circle"] == ("double", "3", "circle", "deg", "equatorial")
    assert told["b"] == ("double", "*", "polygon", "deg", "equatorial")
    got = found.array
    assert len(got) == 5
    ra, dec = np.array(got["ra"]), np.array(got["dec"])
    assert (got["p"] == np.column_stack([ra, dec])).all()
    assert (got["c"] == got["p"]).all()
    assert (got["circle"] == np.column_stack([ra, dec, np.full(5, 0.5)])).all()
    assert got["b"][0].tolist() == [9, 18, 11, 18, 11, 22, 9, 22]


async def test_shapes_as_text_are_numbers_with_blanks_between_them(served: Served) -> None:
    adql = f"SELECT POINT(1.5, -2) AS p, CIRCLE(POINT(3, 4), 0.25) AS c {ONE}"
    for word, between in (("csv", ","), ("tsv", "\t")):
        answer = await ask(served.client, adql, FORMAT=word)
        assert answer.text.split() == f"p{between}c 1.5 -2.0{between}3.0 4.0 0.25".split()


async def test_a_shape_with_a_number_that_is_missing_is_missing(served: Served) -> None:
    adql = "SELECT n, POINT(x, 1) AS p, CIRCLE(1, 2, x) AS c FROM tap_upload.t ORDER BY n"
    data = votable({"n": "int", "x": "double"}, (1, 7.5), (2, ""))
    answer = await ask(served.client, adql, UPLOAD="t,param:f", f=data, FORMAT="csv")
    assert answer.text.split("\r\n")[1:3] == ["1,7.5 1.0,1.0 2.0 7.5", "2,,"]


async def test_shapes_go_through_queries_within_queries(served: Served) -> None:
    adql = (
        "WITH q AS (SELECT candid, ra, dec, POINT(ra, dec) AS p, CIRCLE(ra, dec, 0.1) AS c,"
        " POLYGON(0, 0, 1, 0, 1, 1) AS s FROM alert) "
        "SELECT COORD1(p) - ra, COORD2(CENTROID(c)) - dec, CONTAINS(p, c), AREA(c) > 0.031,"
        " DISTANCE(p, c_), COORDSYS(p), s FROM (SELECT q.*, POINT(ra, dec) AS c_ FROM q) AS q"
    )
    found = await rows(served.client, adql, MAXREC=50)
    assert len(found) == 50
    for *numbers, frame, ring in found:
        assert [*numbers, frame] == [0, 0, 1, True, 0, "ICRS"]
        assert list(ring) == [0, 0, 1, 0, 1, 1]


@pytest.mark.parametrize(
    ("adql", "said"),
    [
        ("SELECT 1 {one} AND POINT(1, 2) = POINT(1, 2)", "a POINT is no value here"),
        ("SELECT POINT(1, 2) AS p {one} ORDER BY p", "neither before nor behind"),
        ("SELECT POINT(1, 2) AS p {one} ORDER BY 1", "neither before nor behind"),
        ("SELECT p FROM (SELECT POINT(1, 2) AS p {one}) AS q GROUP BY p", "is no value here"),
        ("SELECT MAX(p) FROM (SELECT POINT(1, 2) AS p {one}) AS q", "is no value here"),
        ("SELECT 'a' {one} UNION SELECT POINT(1, 2) {one}", "two types, no shape and point"),
        ("SELECT CIRCLE(1, 2, 3) {one} UNION SELECT POINT(1, 2) {one}", "circle and point"),
        (
            "SELECT 1 FROM (SELECT POINT(1, 2) AS p {one}) AS a NATURAL JOIN "
            "(SELECT POINT(1, 2) AS p {one}) AS b",
            "shapes cannot be compared: p",
        ),
        (
            "SELECT CONTAINS(POINT(1, 2), s) FROM (SELECT BOX(1, 2, 1, 1) AS s {one}) AS q",
            "in a POLYGON in a column is not supported",
        ),
        ("SELECT AREA(POINT(1, 2)) {one}", "AREA of a POINT is not supported"),
        ("SELECT COORD1(CIRCLE(1, 2, 3)) {one}", "COORD1 of a CIRCLE is not supported"),
    ],
)
async def test_what_cannot_be_asked_of_shapes_is_refused(
    served: Served, adql: str, said: str
) -> None:
    assert said in await refusal(served.client, adql.format(one=ONE))


# -------------------------------------------------------------------------------------------------
# Frames
# -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frame", ["GALACTIC", "FK5", "ICRS"])
async def test_columns_in_a_frame_are_where_astropy_says(served: Served, frame: str) -> None:
    places = some_places()
    adql = f"SELECT n, POINT('{frame}', x, y) AS p FROM tap_upload.t ORDER BY n"
    found = table(await ask(served.client, adql, **sent(places))).array
    got = np.array(found["p"].tolist())
    want = SkyCoord(places * u.deg, frame=frame.lower()).icrs
    apart = SkyCoord(got * u.deg, frame="icrs").separation(want)
    assert len(got) == len(places)
    assert apart.to_value("arcsec").max() < 1e-6
    assert ((got[:, 0] >= 0) & (got[:, 0] <= 360)).all()


@pytest.mark.parametrize("frame", ["GALACTIC", "FK4", "FK5"])
async def test_numbers_in_a_frame_are_where_astropy_says(served: Served, frame: str) -> None:
    some = some_places()[-10:]
    listed = ", ".join(
        f"POINT('{frame}', {x!r}, {y!r}) AS p{n}" for n, (x, y) in enumerate(some.tolist())
    )
    (found,) = await rows(served.client, f"SELECT {listed} {ONE}")
    want = SkyCoord(some * u.deg, frame=frame.lower()).icrs
    assert (
        SkyCoord(np.array([list(one) for one in found]) * u.deg).separation(want).to_value("arcsec")
        < 1e-7
    ).all()


@pytest.mark.parametrize("frame", ["GALACTIC", "FK4", "FK5"])
async def test_a_circle_in_a_frame_holds_what_astropy_says(served: Served, frame: str) -> None:
    """By the index and without it."""
    every = await rows(served.client, "SELECT candid, ra, dec FROM alert", MAXREC=100_000)
    sky = SkyCoord([row[1:] for row in every] * u.deg)
    for centre in (SkyCoord(150, 30, unit="deg"), SkyCoord(0, 0, unit="deg")):
        own = getattr(centre, frame.lower()).spherical
        circle = f"CIRCLE('{frame}', {own.lon.deg!r}, {own.lat.deg!r}, 0.7)".replace(
            "np.float64", ""
        )
        want = {
            row[0]
            for row, near in zip(every, sky.separation(centre).deg < 0.7, strict=True)
            if near
        }
        for test in (
            f"1 = CONTAINS(POINT(ra, dec), {circle})",
            f"NOT 0 = CONTAINS(POINT(ra, dec), {circle})",
        ):
            found = await rows(
                served.client, f"SELECT candid FROM alert WHERE {test}", MAXREC=100_000
            )
            assert {candid for (candid,) in found} == want
        assert len(want) > 10


VALUES: Final[dict[str, Any]] = {
    "COORD1(POINT('GALACTIC', 10, 20))": 10,
    "COORDSYS(POINT('galactic', 10, 20))": "GALACTIC",
    "COORDSYS(CENTROID(CIRCLE('FK4 GEOCENTER', 10, 20, 3)))": "FK4",
    "DISTANCE(POINT('GALACTIC', 0, 90), POINT(192.85948, 27.12825))": pytest.approx(0, abs=1e-5),
    "CONTAINS(POINT(266.405, -28.936), BOX('GALACTIC', 0, 0, 0.1, 0.1))": 1,
    "CONTAINS(POINT(266.405, -28.936), POLYGON('GALACTIC', 1, 1, 2, 1, 2, 2))": 0,
    "DISTANCE(REGION('Position GALACTIC 5 5'), POINT('GALACTIC', 5, 6))": pytest.approx(1),
    "AREA(REGION('Circle ICRS GEOCENTER 1 2 90'))": pytest.approx(20626.48062470964),
    "CONTAINS(REGION('position 1 1'), REGION('Polygon ICRS 0 0 2 0 2 2 0 2'))": 1,
    "CONTAINS(REGION('position 3 1'), REGION('Box 1 1 2 2'))": 0,
    "CONTAINS(CIRCLE(1, 2, 0.5), POINT(1, 2))": 0,
}


@pytest.mark.parametrize("adql", VALUES)
async def test_a_value_is_what_it_should_be(served: Served, adql: str) -> None:
    assert await rows(served.client, f"SELECT {adql} {ONE}") == [(VALUES[adql],)]


@pytest.mark.parametrize(
    ("adql", "said"),
    [
        ("POINT('GALACTIC', 1, 95)", "a latitude lies between -90 and 90"),
        ("POINT('FK4', table_index, 2)", "in FK4 the coordinates must be numbers"),
        ("POINT('FK5 J2015', 1, 2)", "the frame 'FK5 J2015' is not supported"),
        ("POINT('ECLIPTIC', 1, 2)", "the frame 'ECLIPTIC' is not supported"),
        ("CIRCLE('ICRS', POINT('FK5', 1, 2), 3)", "CIRCLE has coordinates in two frames"),
        ("REGION('Union ICRS (Position 1 2 Position 2 3)')", "REGION of 'UNION'"),
        ("REGION('Circle nan 1 2')", "the frame"),
        ("REGION('Circle 1 2 inf')", "is no number"),
        ("REGION('Circle 1 2')", "two coordinates and a radius"),
        ("REGION('Circle 1 2 3e')", "'3E' is no number"),
        ("REGION('')", "REGION of ''"),
        ("REGION(schema_name)", "REGION takes one text"),
    ],
)
async def test_places_that_are_none_are_refused(served: Served, adql: str, said: str) -> None:
    assert said in await refusal(served.client, f"SELECT {adql} FROM tap_schema.tables")
