from datetime import UTC, datetime, timedelta, timezone

import numpy as np
from astropy.time import Time

from archive.times import datetime_of, jd_of, mjd_of, night_of


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
