"""Coordinates in other frames, as ICRS.

FK5 (equinox J2000) and GALACTIC are ICRS turned: numbers are turned by astropy, columns in SQL by
the same matrix. FK4 (equinox and epoch B1950) has aberration in it: only numbers are converted.
"""

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from app import late
from app.adql.language import place_of
from app.adql.values import Value, double, needs_of
from app.errors import BadQuery
from archive.columns import Kind

if TYPE_CHECKING:
    from astropy.coordinates import BaseCoordinateFrame

_FRAMES: Final = ("FK4", "FK5", "GALACTIC")
_TURNED: Final = ("FK5", "GALACTIC")
_WITHOUT_MEANING: Final = (
    "BARYCENTER GEOCENTER HELIOCENTER TOPOCENTER UNKNOWNREFPOS SPHERICAL2 CARTESIAN2"
).split()
"""What STC-S says behind a frame, and what changes no direction here."""
_LONGEST: Final = 500
"""Characters of a coordinate in SQL: it stands in the turned ones up to six times."""


def read_frame(text: str, node: Any) -> str:
    """The frame in the first argument of a shape; "" for ICRS. Raises BadQuery."""
    first, *others = text.upper().split() or [""]
    if first in _WITHOUT_MEANING:
        first, others = "", [first, *others]
    known = first in ("", "ICRS", *_FRAMES)
    if not known or not {*others} <= {*_WITHOUT_MEANING}:
        raise BadQuery(
            f"the frame {text[:40]!r} is not supported{place_of(node)}: ICRS, FK5 (J2000), "
            "FK4 (B1950) and GALACTIC are, in degrees"
        )
    return "" if first == "ICRS" else first


def turn_numbers(frame: str, lon: float, lat: float, node: Any) -> tuple[float, float]:
    """A place in a frame of read_frame, in ICRS [deg]. Raises BadQuery."""
    if not frame:
        return lon, lat
    if not abs(lat) <= 90:
        raise BadQuery(f"a latitude lies between -90 and 90{place_of(node)}, not at {lat:g}")
    there = late.coordinates.SkyCoord(lon, lat, unit="deg", frame=_frame(frame)).icrs
    return float(there.ra.deg), float(there.dec.deg)


def turn(frame: str, lon: Value, lat: Value, node: Any) -> tuple[Value, Value]:
    """A place in a frame of read_frame, in ICRS [deg]. Raises BadQuery."""
    if not frame:
        return lon, lat
    if lon.number is not None and lat.number is not None:
        numbers = turn_numbers(frame, lon.number, lat.number, node)
        ra, dec = (Value(f"{one!r}::float8", Kind.DOUBLE, number=one) for one in numbers)
        return ra, dec
    if frame not in _TURNED:
        raise BadQuery(f"in {frame} the coordinates must be numbers, not columns{place_of(node)}")
    if len(lon.sql) + len(lat.sql) > _LONGEST:
        raise BadQuery(f"these coordinates in {frame} are too long{place_of(node)}")
    x, y, z = _along(frame, lon, lat)
    needs = needs_of(lon, lat)
    # Turned by half a turn and back: so the angle is between 0 and 360.
    ra_sql = f"(degrees(atan2(- {y}, - {x})) + 180)"
    dec_sql = f"degrees(atan2({z}, sqrt(power({x}, 2) + power({y}, 2))))"
    return Value(ra_sql, Kind.DOUBLE, needs=needs), Value(dec_sql, Kind.DOUBLE, needs=needs)


def _along(frame: str, lon: Value, lat: Value) -> list[str]:
    """The components of the direction along the axes of ICRS, as SQL."""
    a, b = f"radians({double(lon)})", f"radians({double(lat)})"
    own = (f"cos({b}) * cos({a})", f"cos({b}) * sin({a})", f"sin({b})")
    return [
        "(" + " + ".join(f"{c!r}::float8 * {part}" for c, part in zip(row, own, strict=True)) + ")"
        for row in _matrix(frame)
    ]


@cache
def _frame(name: str) -> "BaseCoordinateFrame":
    known = late.coordinates
    return {
        "FK4": known.FK4(equinox="B1950"),
        "FK5": known.FK5(equinox="J2000"),
        "GALACTIC": known.Galactic(),
    }[name]


@lru_cache
def _matrix(frame: str) -> list[list[float]]:
    """What turns directions in a frame to ICRS: its columns are the frame's axes."""
    axes = late.coordinates.SkyCoord([0, 90, 0], [0, 0, 90], unit="deg", frame=_frame(frame))
    matrix: list[list[float]] = np.asarray(axes.transform_to("icrs").cartesian.xyz).tolist()
    return matrix
