from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import numpy as np
from astropy.time import Time
from hypothesis import example, given
from hypothesis import strategies as st

from archive.times import (
    YEAR_1_JD,
    YEAR_10000_JD,
    datetime_of,
    jd_of,
    many_microseconds_of,
    microseconds_of,
    mjd_of,
    night_of,
)


def test_a_jd_survives_its_datetime() -> None:
    for jd in np.random.default_rng(1).uniform(2457000, 2470000, 5000):
        assert jd_of(datetime_of(float(jd))) == jd


def test_datetimes_equal_astropys() -> None:
    for jd in np.random.default_rng(2).uniform(2457000, 2461000, 200):
        apart = datetime_of(float(jd)) - Time(jd, format="jd", scale="utc").to_datetime(UTC)
        assert abs(apart) <= timedelta(microseconds=21)


def test_zones_and_naive_times() -> None:
    noon = datetime(2018, 7, 17, 12, tzinfo=UTC)
    assert jd_of(noon) == 2458317.0
    assert jd_of(noon.replace(tzinfo=None)) == 2458317.0
    assert jd_of(noon.astimezone(timezone(timedelta(hours=-10)))) == 2458317.0
    assert mjd_of(2458317.0) == 58316.5
    assert f"{night_of(noon):%Y%m%d}" == "20180717"


@given(st.floats(YEAR_1_JD, YEAR_10000_JD, exclude_max=True))
@example(2461122.0050231)
@example(2461122 + 2.0**-14)
def test_microseconds_are_rounded_once(jd: float) -> None:
    """Held against exact fractions; the double 2461122.0050231 ends in …13.995835483 s."""
    exact = round(Fraction(jd) * 86_400_000_000 - 210_866_760_000_000_000)
    assert microseconds_of(jd) == exact
    near = np.array([jd, *np.random.default_rng(3).uniform(2457000, 2470000, 50)])
    for some in (near, near[1:]):
        assert many_microseconds_of(some).tolist() == [microseconds_of(x) for x in some.tolist()]
