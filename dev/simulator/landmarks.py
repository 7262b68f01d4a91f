"""Objects that every run of a seed shows under the same name, at the same place: whom to look up.

Whatever the night, one run's alerts of them continue those of an earlier one. They stand in the far
north, where the Sun never hides them. Names for seed 1: README.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.random import Generator

from dev.simulator.ephemeris import Orbit
from dev.simulator.lights import Light, PeriodicStar, Recurrent, Supernova

STAR, SUPERNOVA, BODY = 1, 2, 5
"""The numbers of these sources in every run."""
LANDMARKS: Final = (STAR, SUPERNOVA, BODY)
YEAR: Final = 2018
EPOCH: Final = 2461000.5
DAYS_BETWEEN_SUPERNOVAE: Final = 90.0


def rng_of(seed: int, number: int) -> Generator:
    """What is drawn of a landmark depends on the seed alone, not on the nights."""
    return np.random.default_rng([seed, number, 7])


def light_of_landmark(number: int) -> Light:
    """An RR Lyrae star, or a galaxy with one supernova after the other."""
    if number == STAR:
        return PeriodicStar((15.6, 15.3, 15.2), 0.5668, 0.31, 0.45, "sawtooth")
    return Recurrent(Supernova(EPOCH, 3.0, 18.0, 16.3), DAYS_BETWEEN_SUPERNOVAE)


def designation(seed: int) -> str:
    """The body's: in form like those of a half-month's 25,000th discovery, which never came."""
    return f"2018YZ{900 + seed % 100}"


def orbit(seed: int) -> Orbit:
    """One as large as that of Uranus, but steep: for years it stays near the ecliptic's pole."""
    return Orbit(
        radius=20.0,
        inclination=80.0,
        node=(37.0 * seed) % 360,
        epoch=EPOCH,
        argument=90.0,
        brightness=4.0,
    )
