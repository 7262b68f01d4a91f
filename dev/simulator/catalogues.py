"""What is near a source in catalogues: the reference image, Pan-STARRS, Gaia, known bodies."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from numpy.random import Generator

from dev.simulator.lights import Light, Magnitudes, Passage

NO_VALUE: Final = -999.0


class Reference(NamedTuple):
    """The source in the reference image nearest to a position, in one filter."""

    magnr: float
    sigmagnr: float
    chinr: float
    sharpnr: float


def references_of(magnitudes: Magnitudes, rng: Generator) -> tuple[Reference, Reference, Reference]:
    """The nearest source of the reference image in g, r and i."""
    g, r, i = (
        Reference(
            round(magnitude, 3),
            round(0.012 + 0.01 * rng.random(), 3),
            round(rng.lognormal(0, 0.2), 3),
            round(rng.normal(0, 0.03), 3),
        )
        for magnitude in magnitudes
    )
    return g, r, i


def neighbours(light: Light, magnitude: float, rng: Generator) -> dict[str, Any]:
    """The candidate's fields about catalogues; `magnitude` in r is that of the nearest source."""
    return pan_starrs(magnitude, rng) | gaia(magnitude, rng) | solar_system(light)


def pan_starrs(magnitude: float, rng: Generator) -> dict[str, Any]:
    """The three nearest sources of Pan-STARRS; some bands, or all of one, are missing."""
    found: dict[str, Any] = {"nmtchps": int(rng.integers(1, 24))}
    distance = 0.0
    for n in (1, 2, 3):
        chance, fainter = rng.random(6).tolist(), rng.uniform(0, 4, 4).tolist()
        missing = n > 1 and chance[4] < 0.2
        distance += rng.exponential(0.2 if n == 1 else 4.0)
        for k, (band, redder) in enumerate((("g", 0.5), ("r", 0.0), ("i", -0.2), ("z", -0.3))):
            value = magnitude + redder + (0 if n == 1 else fainter[k])
            gone = missing or chance[k] < 0.1
            found[f"s{band}mag{n}"] = NO_VALUE if gone else round(value, 4)
        found[f"sgscore{n}"] = NO_VALUE if missing else round(chance[5], 6)
        found[f"distpsnr{n}"] = NO_VALUE if missing else distance
        found[f"objectidps{n}"] = -999 if missing else int(rng.integers(7 * 10**16, 2 * 10**17))
    return found


def gaia(magnitude: float, rng: Generator) -> dict[str, Any]:
    """The nearest source of Gaia, and the nearest bright one, which is often too far away."""
    near, bright = rng.random() < 0.9, rng.random() < 0.5
    return {
        "neargaia": rng.exponential(3.0) if near else NO_VALUE,
        "neargaiabright": rng.uniform(5, 90) if bright else NO_VALUE,
        "maggaia": magnitude if near else NO_VALUE,
        "maggaiabright": rng.uniform(9, 14) if bright else NO_VALUE,
    }


def solar_system(light: Light) -> dict[str, Any]:
    """The nearest known body of the solar system; without one the name is the string "null"."""
    if isinstance(light, Passage):
        return {
            "ssdistnr": light.distance,
            "ssmagnr": light.predicted,
            "ssnamenr": light.name,
        }
    return {"ssdistnr": NO_VALUE, "ssmagnr": NO_VALUE, "ssnamenr": "null"}
