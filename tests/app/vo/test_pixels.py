"""Pixels of HEALPix beside cdshealpix, and units of expressions."""

from typing import Any, Final

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import lonlat_to_healpix

from tests.app.conftest import Served
from tests.app.vo.asking import refusal, rows, sent, some_places, votable

ONE: Final = "FROM tap_schema.schemas WHERE schema_name = 'mars'"


def pixels_of(places: Any, order: int) -> Any:
    """The pixels of places, one a row [deg]."""
    return lonlat_to_healpix(Longitude(places[:, 0] * u.deg), Latitude(places[:, 1] * u.deg), order)


@pytest.mark.parametrize("order", [0, 1, 6, 13, 29])
async def test_a_pixel_is_the_one_that_cdshealpix_names(served: Served, order: int) -> None:
    places = some_places()
    adql = (
        f"SELECT n, IVO_HEALPIX_INDEX({order}, x - 360, y), IVO_HEALPIX_INDEX({order}, POINT(x, y))"
        " FROM tap_upload.t ORDER BY n"
    )
    found = np.array(await rows(served.client, adql, **sent(places)))
    want = pixels_of(places, order)
    assert (found[:, 2] == want).all()
    # Less 360, the last digit of a place can be another: at order 29 a pixel is 0.4 mas wide.
    assert (found[:, 1] == want).mean() > 0.98


async def test_pixels_count_alerts_as_a_map_wants_them(served: Served) -> None:
    pixel = "IVO_HEALPIX_INDEX(5, ra, dec)"
    adql = f"SELECT {pixel} AS pixel, COUNT(*) AS alerts FROM alert GROUP BY {pixel}"
    every = np.array(await rows(served.client, "SELECT ra, dec FROM alert", MAXREC=100_000))
    numbers, counts = np.unique(pixels_of(every, 5), return_counts=True)
    want = zip(numbers.tolist(), counts.tolist(), strict=True)
    assert sorted(await rows(served.client, adql, MAXREC=100_000)) == sorted(want)


@pytest.mark.parametrize(
    ("adql", "said"),
    [
        ("IVO_HEALPIX_INDEX(30, 1, 2)", "between 0 and 29"),
        ("IVO_HEALPIX_INDEX(-1, 1, 2)", "between 0 and 29"),
        ("IVO_HEALPIX_INDEX(2.5, 1, 2)", "begins with an order"),
        ("IVO_HEALPIX_INDEX(table_index, 1, 2)", "begins with an order"),
        ("IVO_HEALPIX_INDEX()", "begins with an order"),
        ("IVO_HEALPIX_INDEX(1, 2)", "two coordinates or a POINT"),
        ("IVO_HEALPIX_INDEX(1, CIRCLE(1, 2, 3))", "two coordinates or a POINT"),
        ("IVO_HEALPIX_INDEX(1, 'a', 2)", "must be a number"),
    ],
)
async def test_what_is_no_pixel_is_refused(served: Served, adql: str, said: str) -> None:
    assert said in await refusal(served.client, f"SELECT {adql} FROM tap_schema.tables")


async def test_beyond_the_poles_there_is_no_pixel(served: Served) -> None:
    adql = f"SELECT IVO_HEALPIX_INDEX(3, 1, 90.5), IVO_HEALPIX_INDEX(3, 1, NULL) {ONE}"
    assert await rows(served.client, adql) == [(None, None)]


UNITS: Final = {
    "IN_UNIT(SQRT(POWER(ra, 2) + POWER(dec, 2)), 'arcsec')": 3600 * 5.0,
    "IN_UNIT(-ra * 2 / 4, 'arcmin')": -90.0,
    "IN_UNIT(ABS(ra - dec), 'arcsec')": 3600.0,
    "IN_UNIT(ra * dec, 'arcmin**2')": 43200.0,
    "IN_UNIT(ra / t, 'arcmin/h')": 7.5,
    "IN_UNIT((1 / t), 'Hz')": 1 / 86400,
    "IN_UNIT(IN_UNIT(ra, 'arcsec') + IN_UNIT(dec, 'arcsec'), 'deg')": 7.0,
    "IN_UNIT(SUM(ra), 'arcmin')": 180.0,
}
UNKNOWN: Final = (
    "ra + 1|ra + t|bare|ra * bare|SIN(ra)|POWER(ra, dec)|POWER(ra, 400)|COUNT(ra)|1|-2.5"
).split("|")


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    """A table with units."""
    data = votable({"ra": "double", "dec": "double", "t": "double", "bare": "double"}, (3, 4, 1, 2))
    for name, unit in (("ra", "deg"), ("dec", "deg"), ("t", "d")):
        data = data.replace(f'name="{name}"'.encode(), f'name="{name}" unit="{unit}"'.encode())
    return {"UPLOAD": "t,param:f", "f": data}


@pytest.mark.parametrize("adql", UNITS)
async def test_the_unit_of_an_expression_follows_from_its_parts(
    served: Served, measured: dict[str, Any], adql: str
) -> None:
    ((got,),) = await rows(served.client, f"SELECT {adql} FROM tap_upload.t", **measured)
    assert got == pytest.approx(UNITS[adql], rel=1e-12)


@pytest.mark.parametrize("adql", UNKNOWN)
async def test_a_unit_that_does_not_follow_is_not_made_up(
    served: Served, measured: dict[str, Any], adql: str
) -> None:
    query = f"SELECT IN_UNIT({adql}, 'deg') FROM tap_upload.t"
    assert "IN_UNIT" in await refusal(served.client, query, **measured)
