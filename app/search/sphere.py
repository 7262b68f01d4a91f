"""Directions on the sphere: unit vectors, separations, means, and positions as people read them."""

import math
from collections.abc import Iterable
from typing import Final

_ARCSEC: Final = 3600.0
_CIRCLE: Final = 360
_NOISE: Final = 1e-12
"""Degrees that a sum of unit vectors is unsure of: so near below 360 is 0."""
Vector = tuple[float, float, float]


def sexagesimal(ra: float, dec: float) -> str:
    """`hh:mm:ss.ss ±dd:mm:ss.s` of a position [deg]; rounded once, so no field shows a 60."""
    hundredths = round(ra / 15 * _ARCSEC * 100) % (24 * 3600 * 100)
    hours, minutes, seconds = hundredths // 360_000, hundredths // 6000 % 60, hundredths % 6000
    tenths = round(abs(dec) * _ARCSEC * 10)
    sign = "-" if dec < 0 and tenths else "+"
    degrees, arcmin, arcsec = tenths // 36_000, tenths // 600 % 60, tenths % 600
    return (
        f"{hours:02d}:{minutes:02d}:{seconds / 100:05.2f} "
        f"{sign}{degrees:02d}:{arcmin:02d}:{arcsec / 10:04.1f}"
    )


def round_longitude(degrees: float, digits: int) -> float:
    """An RA or other longitude [deg] to so many decimals; what rounds to 360 is 0."""
    rounded = round(degrees, digits)
    return 0.0 if rounded == _CIRCLE else rounded


def unit_vector(ra: float, dec: float) -> Vector:
    """The direction of a position [deg]."""
    a, d = math.radians(ra), math.radians(dec)
    return math.cos(d) * math.cos(a), math.cos(d) * math.sin(a), math.sin(d)


def separation_arcsec(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Angle between two positions [deg], in arcsec; exact for small ones."""
    chord = math.dist(unit_vector(*first), unit_vector(*second))
    return math.degrees(2 * math.asin(min(1.0, chord / 2))) * _ARCSEC


def direction_of(x: float, y: float, z: float) -> tuple[float, float]:
    """RA and Dec [deg] of a vector of any length, RA from 0 to below 360."""
    ra = math.degrees(math.atan2(y, x)) % 360
    return (ra if ra < 360 - _NOISE else 0.0), math.degrees(math.atan2(z, math.hypot(x, y)))


def mean_position(positions: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """The middle of positions [deg] that lie close together, also across RA 0 and at a pole."""
    x = y = z = 0.0
    for position in positions:
        dx, dy, dz = unit_vector(*position)
        x, y, z = x + dx, y + dy, z + dz
    return direction_of(x, y, z)
