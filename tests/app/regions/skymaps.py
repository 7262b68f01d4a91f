"""Simulated multi-order skymaps: a bump of probability, cells as small as it is steep."""

import io

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from cdshealpix.nested import healpix_to_skycoord

COARSE, FINE = 3, 7


def skymap(ra: float, dec: float, width: float) -> Table:
    """Probability that falls off as a Gaussian of a width about a place [deg]."""
    centre = SkyCoord(ra, dec, unit="deg")
    coarse = np.arange(12 * 4**COARSE)
    near = healpix_to_skycoord(coarse, COARSE).separation(centre).deg < 4 * width
    step = 4 ** (FINE - COARSE)
    fine = (coarse[near][:, np.newaxis] * step + np.arange(step)).ravel()
    cells = np.concatenate([coarse[~near], fine])
    order = np.repeat([COARSE, FINE], [(~near).sum(), len(fine)])
    places = [healpix_to_skycoord(coarse[~near], COARSE), healpix_to_skycoord(fine, FINE)]
    away = np.concatenate([place.separation(centre).deg for place in places])
    density = np.exp(-0.5 * (away / width) ** 2) + 1e-9
    density /= (density * np.pi / 3 / 4.0**order).sum()
    table = Table({"UNIQ": cells + 4 ** (order + 1), "PROBDENSITY": density / u.sr})
    # As LIGO and Virgo write it; mocpy reads no other.
    table.meta |= {"PIXTYPE": "HEALPIX", "ORDERING": "NUNIQ", "COORDSYS": "C", "MOCORDER": FINE}
    return table


def bytes_of(table: Table) -> bytes:
    """The file of a skymap."""
    file = io.BytesIO()
    table.write(file, format="fits")
    return file.getvalue()
