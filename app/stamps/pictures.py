"""A FITS stamp as a PNG: limits, stretch, colours, one of them for missing pixels."""

import io
import re
import zlib
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from app import late
from app.errors import NotFound
from app.stamps.colormaps import FIRST, LAST, MISSING, palette
from app.stamps.options import Limits, Look, Stretch

if TYPE_CHECKING:
    from PIL.Image import Image

Pixels = npt.NDArray[np.float64]
Levels = npt.NDArray[np.uint8]

MAX_FITS: Final = 4 * 1024 * 1024
"""A stamp expands to 20 kB; a hostile megabyte of gzip expands to a thousand."""
RENDERER: Final = "2"
"""Part of a picture's ETag: to be raised whenever the same stamp gives other pixels."""
GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 31
MAX_SIDE: Final = 2048
"""Pixels of a stamp's longer side; ZTF's have 63."""
_BRIGHTEST: Final = 1e100
_NO_IMAGE: Final = "the stamp holds no image that can be drawn, but {}"
_EXTENSION: Final = re.compile(rb"XTENSION= '([A-Z]+)")
_UNREADABLE: Final = (
    *(ArithmeticError, AttributeError, EOFError, LookupError, OSError, TypeError, ValueError),
)
"""What astropy raises for a header that lies about its data, beside its own VerifyError."""
_LIMITS: Final[dict[Limits, Callable[[Pixels], Any]]] = {
    Limits.ZSCALE: lambda values: late.visualization.ZScaleInterval().get_limits(values),
    Limits.MINMAX: lambda values: (values.min(), values.max()),
    Limits.PERCENTILE: lambda values: np.percentile(values, (0.5, 99.5)),
}


@cache
def _stretches() -> dict[Stretch, Any]:
    known = late.visualization
    return {
        Stretch.ASINH: known.AsinhStretch(0.1),
        Stretch.LINEAR: known.LinearStretch(),
        Stretch.SQRT: known.SqrtStretch(),
        Stretch.LOG: known.LogStretch(1000),
    }


def expand_fits(stamp: bytes) -> bytes:
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


def find_levels(stamp: bytes, look: Look) -> Levels:
    """A stamp's pixels as indices into a palette, FITS's first row first.

    Raises NotFound where there is no image in it.
    """
    pixels = _pixels(expand_fits(stamp))
    good = np.isfinite(pixels)
    drawn = np.full(pixels.shape, MISSING, dtype=np.uint8)
    if good.any():
        # What lies between two limits must fit a double.
        values = np.clip(pixels[good], -_BRIGHTEST, _BRIGHTEST)
        within = late.visualization.ManualInterval(*_LIMITS[look.limits](values))(values)
        steps = np.rint((LAST - FIRST) * _stretches()[look.stretch](within))
        drawn[good] = FIRST + steps.astype(np.uint8)
    return drawn


def _pixels(image: bytes) -> Pixels:
    """The pixels of a FITS image. Raises NotFound, which says what the stamp holds instead."""
    try:
        # Not fits.open: it warns of ZTF's SIMPLE card, whose T stands one column off.
        data = late.fits.PrimaryHDU.fromstring(image).data
        with np.errstate(invalid="ignore"):  # a NaN of any kind is one
            pixels = np.asarray(data, dtype=np.float64)
    except (*_UNREADABLE, late.fits.VerifyError):
        data = None
    if data is None:
        raise NotFound(_NO_IMAGE.format(_instead(image)))
    if pixels.ndim != 2 or not pixels.size:
        raise NotFound(_NO_IMAGE.format(f"an array of {pixels.ndim} axes"))
    if max(pixels.shape) > MAX_SIDE:
        size = " x ".join(map(str, reversed(pixels.shape)))
        raise NotFound(_NO_IMAGE.format(f"one of {size} pixels, beyond {MAX_SIDE}"))
    return pixels


def _instead(image: bytes) -> str:
    """A description of bytes without a primary image, for users."""
    if not image.startswith(b"SIMPLE"):
        return "no FITS file"
    if extension := _EXTENSION.search(image):
        return f"a FITS header and behind it an extension, {extension[1].decode()}"
    return "a FITS header without the pixels that belong to it"


def scale_pixels(drawn: Levels, factor: float) -> "Image":
    """Levels as an image `factor` times as large, to the nearest pixel."""
    height, width = (max(1, round(side * factor)) for side in drawn.shape)
    picture: Image = late.image.fromarray(np.ascontiguousarray(drawn))
    return picture.resize((width, height), late.image.Resampling.NEAREST)


def write_png(picture: "Image", look: Look) -> bytes:
    """An image of levels as PNG, in the colours asked for."""
    picture.putpalette(palette(look.cmap))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def draw_stamp(stamp: bytes, look: Look) -> bytes:
    """PNG of a stamp. FITS's first row is on top: so north is up and east left (astrometry.py).

    Raises NotFound where there is no image in it.
    """
    drawn = find_levels(stamp, look)
    return write_png(scale_pixels(drawn, look.size / max(drawn.shape)), look)
