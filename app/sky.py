"""Positions for people: sexagesimal, separation."""

import math
from typing import Final

_ARCSEC: Final = 3600.0
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


def unit_vector(ra: float, dec: float) -> Vector:
    """The direction of a position [deg]."""
    a, d = math.radians(ra), math.radians(dec)
    return math.cos(d) * math.cos(a), math.cos(d) * math.sin(a), math.sin(d)


def separation_arcsec(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Angle between two positions [deg], in arcsec; exact for small ones."""
    chord = math.dist(unit_vector(*first), unit_vector(*second))
    return math.degrees(2 * math.asin(min(1.0, chord / 2))) * _ARCSEC
