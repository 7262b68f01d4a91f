"""Julian dates and UTC, by plain arithmetic.

astropy's `Time(jd).datetime` costs 82 µs, this 1 µs. Leap seconds do not matter: ZTF's jd counts
UTC days of 86,400 s.
"""

from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

MJD_EPOCH_JD = 2400000.5
FIRST_JD, LAST_JD = MJD_EPOCH_JD, 2500000.0
"""The years 1858 to 2132: what lies beyond, an MJD or a 0, is no time of an exposure."""
YEAR_1_JD, YEAR_10000_JD = 1721425.5, 5373484.5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECONDS_PER_DAY = 86_400_000_000
_EPOCH_MICROSECONDS = 210_866_760_000_000_000
_2_TO_21 = 2097152


def microseconds_of(jd: float) -> int:
    """UTC microseconds since 1970 of a Julian date, rounded once, to even.

    As integers: the product of days and 86,400,000,000 has more digits than a double.
    """
    whole, parts = jd.as_integer_ratio()
    count, rest = divmod(whole * MICROSECONDS_PER_DAY, parts)
    return count + (2 * rest + (count & 1) > parts) - _EPOCH_MICROSECONDS


def many_microseconds_of(jds: NDArray[np.float64]) -> NDArray[np.int64]:
    """microseconds_of() of many at once, as int64."""
    if not ((jds >= _2_TO_21) & (jds < 2 * _2_TO_21)).all():
        return np.array([microseconds_of(jd) for jd in jds.tolist()], np.int64)
    # In these years (1029 to 6771) a double's last bit is 2^-31 d, and 2^13 divides the
    # microseconds of a day: in units of 2^-18 µs both are integers of 64 bits.
    days = np.floor(jds)
    fine = np.rint((jds - days) * 2.0**31).astype(np.int64) * (MICROSECONDS_PER_DAY >> 13)
    even = (fine >> 18) & 1
    rounded = (fine + (1 << 17) - 1 + even) >> 18
    return rounded + days.astype(np.int64) * MICROSECONDS_PER_DAY - _EPOCH_MICROSECONDS


def datetime_of(jd: float) -> datetime:
    """UTC of a Julian date, rounded to the microsecond (a double's spacing there is 40 µs).

    Raises OverflowError outside the years 1 to 9999.
    """
    return _EPOCH + timedelta(microseconds=microseconds_of(jd))


def write_utc(moment: datetime | None) -> str | None:
    """A moment to the second, RFC 3339, UTC; what is not yet stays None."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def is_exposure(jd: float | None) -> bool:
    """Whether an exposure can have begun at this Julian date; not at NaN or without one."""
    return jd is not None and FIRST_JD <= jd <= LAST_JD


def is_date(jd: float) -> bool:
    """Whether a Julian date can be written as one: it lies in the years 1 to 9999."""
    return YEAR_1_JD <= jd < YEAR_10000_JD


def jd_of(moment: datetime) -> float:
    """The double nearest to the Julian date of `moment`; a naive one is taken as UTC.

    `jd_of(datetime_of(jd)) == jd` for every jd of this century.
    """
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    microseconds = (aware - _EPOCH) // timedelta(microseconds=1)
    # One division of exact integers: Python rounds it correctly.
    return (microseconds + _EPOCH_MICROSECONDS) / MICROSECONDS_PER_DAY


def mjd_of(jd: float) -> float:
    """Modified Julian date, jd − 2400000.5."""
    return jd - MJD_EPOCH_JD


def night_of(moment: datetime) -> date:
    """The UTC day by which ZTF names a night's topic and tarball."""
    return moment.astimezone(UTC).date()
