"""Where Sun, Moon and small bodies stand: to a degree or so, which is enough for a made-up sky.

Angles in degrees, directions as unit vectors along the last axis, times as Julian dates.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

J2000: Final = 2451545.0
OBLIQUITY: Final = 23.439
SYNODIC_MONTH: Final = 29.530588
JD_OF_A_NEW_MOON: Final = 2451550.1
SIDEREAL_YEAR: Final = 365.25636
# Brightness lost for each degree of phase angle [mag], that of a dark asteroid far from opposition.
PHASE_SLOPE: Final = 0.035


def direction(ra: Any, dec: Any) -> np.ndarray:
    """The unit vector of a position."""
    a, d = np.radians(ra), np.radians(dec)
    return np.stack((np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)), axis=-1)


def position(vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Right ascension and declination of a vector of any length."""
    x, y, z = np.moveaxis(vector, -1, 0)
    return np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y)))


def separation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The angle between unit vectors."""
    angle: np.ndarray = np.degrees(np.arccos(np.clip((one * other).sum(axis=-1), -1, 1)))
    return angle


def from_ecliptic(vector: np.ndarray) -> np.ndarray:
    """A vector of the ecliptic's frame in that of the equator."""
    tilt = np.radians(OBLIQUITY)
    x, y, z = np.moveaxis(vector, -1, 0)
    turned = (x, y * np.cos(tilt) - z * np.sin(tilt), y * np.sin(tilt) + z * np.cos(tilt))
    return np.stack(turned, axis=-1)


def sun_longitude(jd: Any) -> Any:
    """The Sun's ecliptic longitude (Astronomical Almanac, page C5, low-precision formulas)."""
    days = jd - J2000
    anomaly = np.radians(357.528 + 0.9856003 * days)
    mean = 280.460 + 0.9856474 * days
    return (mean + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly)) % 360


def sun(jd: Any) -> np.ndarray:
    """The direction of the Sun."""
    return from_ecliptic(direction(sun_longitude(jd), 0 * jd))


def moon_age(jd: Any) -> Any:
    """The part of the lunar month since new moon, 0 to 1, from the mean phase."""
    return (jd - JD_OF_A_NEW_MOON) / SYNODIC_MONTH % 1


def moon(jd: Any) -> np.ndarray:
    """The direction of the Moon: as far from the Sun as its age says, on the ecliptic."""
    return from_ecliptic(direction(sun_longitude(jd) + 360 * moon_age(jd), 0 * jd))


def moonlight(jd: Any) -> Any:
    """The illuminated part of the Moon, 0 to 1."""
    return (1 - np.cos(2 * np.pi * moon_age(jd))) / 2


class Orbit(NamedTuple):
    """A circular orbit about the Sun; elements may be arrays, to follow many bodies at once."""

    radius: Any
    """In astronomical units."""
    inclination: Any
    node: Any
    """Ecliptic longitude of the ascending node."""
    epoch: Any
    argument: Any
    """Degrees from the node at the epoch."""
    brightness: Any
    """Absolute magnitude: at 1 au from Sun and Earth, fully lit."""

    def seen(self, jd: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Right ascension, declination and magnitude, from the Earth (1 au from the Sun).

        Kepler's third law gives the period; light time and the Earth's eccentricity are left out.
        """
        period = SIDEREAL_YEAR * self.radius**1.5
        along = np.radians(self.argument + 360 * (jd - self.epoch) / period)
        node, tilt = np.radians(self.node), np.radians(self.inclination)
        x, y, z = np.cos(along), np.sin(along) * np.cos(tilt), np.sin(along) * np.sin(tilt)
        turned = (
            x * np.cos(node) - y * np.sin(node), x * np.sin(node) + y * np.cos(node), z + 0 * node,
        )  # fmt: skip
        from_sun = np.stack(np.broadcast_arrays(*turned), axis=-1) * np.expand_dims(self.radius, -1)
        from_earth = from_sun + direction(sun_longitude(jd), 0 * jd)
        distance = np.linalg.norm(from_earth, axis=-1)
        phase = separation(
            from_earth / np.expand_dims(distance, -1), from_sun / np.expand_dims(self.radius, -1)
        )
        magnitude = self.brightness + 5 * np.log10(self.radius * distance) + PHASE_SLOPE * phase
        return *position(from_ecliptic(from_earth)), magnitude


def orbits(rng: np.random.Generator, jd: Any, count: int | None = None) -> Orbit:
    """Orbits of the main belt, whose bodies are at night's side of the Earth at `jd`."""
    node, elongation = rng.uniform(0, 360, count), rng.uniform(-60, 60, count)
    return Orbit(
        radius=rng.uniform(2.1, 3.3, count),
        inclination=rng.rayleigh(6, count),
        node=node,
        epoch=jd,
        argument=sun_longitude(jd) + 180 + elongation - node,
        brightness=rng.uniform(11.5, 15.5, count),
    )
