"""A FITS stamp as a PNG: zscale limits, asinh stretch, missing pixels transparent."""

import io
import zlib
from typing import Final

import numpy as np
from astropy.io import fits
from astropy.visualization import AsinhStretch, ManualInterval, ZScaleInterval
from PIL import Image

from app.errors import NotFound

MAX_FITS: Final = 4 * 1024 * 1024
"""A stamp expands to 20 kB; a hostile megabyte of gzip expands to a thousand."""
SCALE: Final = 3
RENDERER: Final = "1"
"""Part of a picture's ETag: to be raised whenever the same stamp gives other pixels."""
GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 31


def expanded(stamp: bytes) -> bytes:
    """The FITS bytes of a stamp that may be gzipped. Raises NotFound if they are none."""
    if not stamp.startswith(GZIP_MAGIC):
        return stamp
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    try:
        image = unpacker.decompress(stamp, MAX_FITS + 1)
    except zlib.error as error:
        raise NotFound(f"the stamp is no gzip: {error}") from None
    if len(image) > MAX_FITS or not unpacker.eof:
        raise NotFound(f"the stamp is broken, or has more than {MAX_FITS} bytes")
    return image


def draw(stamp: bytes) -> bytes:
    """PNG of a stamp, three screen pixels each, first row of the FITS image at the bottom.

    Raises NotFound where there is no image in it.
    """
    try:
        # Not fits.open: it warns of ZTF's SIMPLE card, whose T stands one column off.
        hdu = fits.PrimaryHDU.fromstring(expanded(stamp))
        pixels = np.asarray(hdu.data, dtype=np.float64)
    except (OSError, ValueError, TypeError, KeyError, fits.VerifyError):
        raise NotFound("the stamp holds no image that can be drawn") from None
    if pixels.ndim != 2 or not pixels.size:
        raise NotFound("the stamp holds no image that can be drawn")
    good = np.isfinite(pixels)
    grey = np.zeros(pixels.shape, dtype=np.uint8)
    if good.any():
        within = ManualInterval(*ZScaleInterval().get_limits(pixels[good]))(pixels[good])
        grey[good] = np.rint(255 * AsinhStretch(0.1)(within)).astype(np.uint8)
    layers = np.dstack([grey, np.where(good, 255, 0).astype(np.uint8)])[::-1]
    picture = Image.fromarray(np.ascontiguousarray(layers))
    height, width = pixels.shape
    picture = picture.resize((width * SCALE, height * SCALE), Image.Resampling.NEAREST)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
