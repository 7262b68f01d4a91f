"""skymap.fits: how many rows lie in each pixel of the sky, and up to which batch they were counted.

As other programs of HATS write it: the pixels that have rows, nested, one line each. The header's
MARSASOF makes it safe to repeat an update that was killed.
"""

import io

import numpy as np
from astropy.io import fits

from catalog.pixels import COUNTED, Ints, no_counts


def skymap_bytes(counts: Ints, as_of: int) -> bytes:
    """The file."""
    pixels = np.flatnonzero(counts)
    columns = [
        fits.Column("PIXEL", "K", array=pixels),
        fits.Column("VALUE", "K", array=counts[pixels]),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="xtension")
    table.header.update(
        PIXTYPE="HEALPIX",
        INDXSCHM="EXPLICIT",
        ORDERING="NESTED",
        COORDSYS="C",
        NSIDE=2**COUNTED,
        OBS_NPIX=len(pixels),
        MARSASOF=as_of,
    )
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(out)
    return out.getvalue()


def read_skymap(data: bytes) -> tuple[Ints, int]:
    """The counts of a file, and up to which batch."""
    counts = no_counts()
    with fits.open(io.BytesIO(data)) as file:
        table = file[1]
        counts[table.data["PIXEL"]] = table.data["VALUE"]
        return counts, int(table.header["MARSASOF"])
