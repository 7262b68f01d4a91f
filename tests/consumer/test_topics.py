from datetime import UTC, date, datetime

from consumer.topics import followed, night_of, window

NOW = datetime(2026, 11, 24, 0, 5, tzinfo=UTC)


def test_a_window_of_concrete_names() -> None:
    names = window("ztf_{night}_programid1", NOW.date(), 3)
    assert names == [f"ztf_202611{d}_programid1" for d in (22, 23, 24, 25)]


def test_only_existing_topics_of_the_window_are_followed() -> None:
    there = ["ztf_20261124_programid1", "ztf_20260101_programid1", "ztf_20261124_programid3"]
    assert followed("ztf_{night}_programid1", 7, there, NOW) == {"ztf_20261124_programid1"}


def test_the_night_in_a_name() -> None:
    assert night_of("ztf_20181129_programid1", NOW) == date(2018, 11, 29)
    assert night_of("ztf_public_20181129.tar.gz", NOW) == date(2018, 11, 29)
    assert night_of("fink_99999999_20200101", NOW) == date(2020, 1, 1)
    assert night_of("ztf", NOW) == NOW.date()
    assert night_of("1105522281015015000.avro", NOW) == NOW.date()
