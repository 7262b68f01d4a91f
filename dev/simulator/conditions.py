"""What the sky made of each exposure: seeing, clouds and moonlight, and the limit they leave."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from dev.simulator.ephemeris import direction, moon, moonlight, separation

# Typical 5-sigma limit, what a full moon takes of it 60 degrees away, and zero point [mag].
LIMIT: Final = np.array([np.nan, 20.9, 20.7, 20.1])
MOON: Final = np.array([np.nan, 1.2, 0.7, 0.4])
ZERO_POINT: Final = np.array([np.nan, 26.2, 26.25, 25.6])
CLOUDY_NIGHTS: Final = 0.15
FULL_WIDTH_OF_SIGMA: Final = 2.3548
# The AB magnitude of one microjansky: 0 mag is 3631 Jy.
MICROJANSKY: Final = 23.9


def conditions(
    jd: np.ndarray, fid: np.ndarray, ra: np.ndarray, dec: np.ndarray, rng: np.random.Generator
) -> list[list[float]]:
    """Exposures' columns from `limit` on, by their times, filters and field centres.

    A Gaussian source is weighed over 4 pi sigma^2 pixels (King 1983, PASP 95, 163), which leads
    from the limit, 5 sigma of a point source, to the noise of one pixel.
    """
    count = len(jd)
    seeing = np.clip(rng.normal(2.1, 0.1) * rng.lognormal(0, 0.12, count), 1.2, 5)
    clouds = rng.exponential(0.3 if rng.random() < CLOUDY_NIGHTS else 0.02, count).clip(0, 1)
    lost = clouds + MOON[fid] * moonlit_sky(jd, ra, dec) + 2.5 * np.log10(seeing / 2)
    limit = LIMIT[fid] - lost
    zero_point = ZERO_POINT[fid] + rng.normal(0, 0.05, count) - clouds
    colour = np.where(fid == 1, -0.05, 0.09) + rng.normal(0, 0.01, count)
    counts = 10 ** (0.4 * (zero_point - MICROJANSKY))
    noise = microjansky(limit) * counts / 5 / np.sqrt(4 * np.pi) / (seeing / FULL_WIDTH_OF_SIGMA)
    columns = (
        (limit, 4), (seeing, 4), (zero_point, 4), (3e-6 * seeing**2, 11), (0.012 * seeing, 4),
        (colour, 4), (4e-6 * seeing**2, 11), (counts, 6), (noise, 4),
    )  # fmt: skip
    return [column.round(decimals).tolist() for column, decimals in columns]


def moonlit_sky(jd: np.ndarray, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """How bright the Moon makes the sky: 1 for a full one 60 degrees away, more if it is nearer."""
    away = separation(direction(ra, dec), moon(jd))
    nearness: np.ndarray = moonlight(jd) * (0.6 + 0.8 * np.exp(-away / 87))
    return nearness


def microjansky(magnitude: Any) -> Any:
    """AB magnitude to flux density."""
    return 10 ** (0.4 * (MICROJANSKY - magnitude))
