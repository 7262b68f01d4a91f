"""Magnitudes and fluxes of a ZTF detection, by ZTF's alert and forced-photometry guides.

A total magnitude is that of the reference source's flux plus or minus the difference's,
10^(-0.4 magnr) ± 10^(-0.4 magpsf). What cannot be computed, or not as a finite double, is None.
"""

import math
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

import asyncpg

Row = Mapping[str, Any] | asyncpg.Record
AB_ZERO_UJY: Final = 23.9
"""Magnitude of 1 µJy."""
MAG_ERROR: Final = 1.0857
"""2.5 / ln 10, as ZTF's guide rounds it: a relative error of the flux as magnitudes."""
CORRECTED_PIX: Final = 1.4
DETECTED_SNR: Final = 3.0
LIMIT_SIGMA: Final = 5.0


def is_corrected(entry: Row) -> bool:
    """Whether the nearest reference source is close enough to be the object itself."""
    return entry["distnr"] is not None and entry["distnr"] < CORRECTED_PIX


def total_magnitude(entry: Row) -> tuple[float | None, float | None, bool]:
    """Magnitude of source and difference together, its error, and whether no flux was left."""
    distnr, magnr, sigmagnr = entry["distnr"], entry["magnr"], entry["sigmagnr"]
    magpsf, sigmapsf, positive = entry["magpsf"], entry["sigmapsf"], entry["isdiffpos"]
    if None in (distnr, magnr, sigmagnr, magpsf, positive):
        return None, None, False
    if not (magnr > 0 and sigmagnr >= 0 and 0 <= distnr < CORRECTED_PIX):
        return None, None, False
    try:
        reference, difference = 10 ** (-0.4 * magnr), 10 ** (-0.4 * magpsf)
    except OverflowError:
        return None, None, False
    flux = reference + (difference if positive else -difference)
    if flux <= 0:
        return None, None, True
    if not isfinite(flux):
        return None, None, False
    error = None
    if sigmapsf is not None:
        error = math.hypot(reference * sigmagnr, difference * sigmapsf) / flux
    return -2.5 * math.log10(flux), finite_or_none(error), False


def signed_flux(entry: Row) -> tuple[float | None, float | None]:
    """Flux of the difference [µJy], negative where the source faded, and its error."""
    magpsf, sigmapsf, positive = entry["magpsf"], entry["sigmapsf"], entry["isdiffpos"]
    if magpsf is None or positive is None:
        return None, None
    try:
        flux = 10 ** (0.4 * (AB_ZERO_UJY - magpsf))
    except OverflowError:
        return None, None
    if not isfinite(flux):
        return None, None
    error = None if sigmapsf is None else flux * sigmapsf * math.log(10) / 2.5
    return (flux if positive else -flux), finite_or_none(error)


def finite_or_none(number: float | None) -> float | None:
    """The number if JSON can hold it, else None."""
    return number if number is None or isfinite(number) else None


def forced_magnitude(flux: float, error: float, zero: float) -> dict[str, float | None]:
    """A magnitude where the flux, of either sign, is significant; else a limit."""
    if abs(flux) / error > DETECTED_SNR:
        magnitude = zero - 2.5 * math.log10(abs(flux))
        relative = MAG_ERROR * error / abs(flux)
        return {"mag": finite_or_none(magnitude), "mag_err": finite_or_none(relative)}
    return {"limit_mag": finite_or_none(zero - 2.5 * math.log10(LIMIT_SIGMA * error))}
