"""Simulated skymaps of gravitational waves: an arc of probability, in cells of two orders."""

import io
import math
from typing import Final

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from cdshealpix.nested import healpix_to_skycoord

COARSE, FINE = 3, 8
LENGTH: Final = 6.0
"""How much longer than wide."""


def draw_skymap(ra: float, dec: float, area: float) -> bytes:
    """The multi-order file of a skymap about a place [deg], 90 % of it within so many deg²."""
    # A Gaussian of two widths holds 90 % within π a b ln 100.
    short = math.sqrt(area / (math.pi * math.log(100) * LENGTH))
    centre = SkyCoord(ra, dec, unit="deg")
    coarse = np.arange(12 * 4**COARSE)
    near = healpix_to_skycoord(coarse, COARSE).separation(centre).deg < 4 * short * LENGTH
    step = 4 ** (FINE - COARSE)
    fine = (coarse[near][:, np.newaxis] * step + np.arange(step)).ravel()
    cells = np.concatenate([coarse[~near], fine])
    order = np.repeat([COARSE, FINE], [(~near).sum(), len(fine)])
    density = np.concatenate(
        [
            _falling(healpix_to_skycoord(some, depth), centre, short)
            for some, depth in ((coarse[~near], COARSE), (fine, FINE))
        ]
    )
    density /= (density * np.pi / 3 / 4.0**order).sum()
    table = Table({"UNIQ": cells + 4 ** (order + 1), "PROBDENSITY": density / u.sr})
    table.meta |= {"PIXTYPE": "HEALPIX", "ORDERING": "NUNIQ", "COORDSYS": "C", "MOCORDER": FINE}
    file = io.BytesIO()
    table.write(file, format="fits")
    return file.getvalue()


def _falling(places: SkyCoord, centre: SkyCoord, short: float) -> np.ndarray:
    """A Gaussian along and across a great circle through a place."""
    along, across = centre.spherical_offsets_to(places)
    found: np.ndarray = np.exp(
        -0.5 * ((across.deg / short) ** 2 + (along.deg / (short * LENGTH)) ** 2)
    )
    return found + 1e-12
