"""All stamps of an object as one picture: a row for each alert, a column for each kind."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from app import late
from app.errors import NotFound
from app.stamps.colormaps import INK, MISSING, PAPER
from app.stamps.options import StripLook
from app.stamps.pictures import Levels, find_levels, scale_pixels, write_png
from app.surveys.ztf.camera import QUADRANT, SIDE, find_centre
from archive import times
from archive.surveys.ztf.tables import STAMPS

if TYPE_CHECKING:
    from PIL.Image import Image

STRIP: Final = "1"
"""Part of a strip's ETag, beside the renderer's: to be raised when its layout changes."""
_FONT_SIZE: Final = 12
_LABELS: Final = 84
_HEAD: Final = 20
_GAP: Final = 4
_MOST_MAG: Final = 1000.0


def draw_strip(
    alerts: Sequence[tuple[Mapping[str, Any], Mapping[str, bytes]]], look: StripLook
) -> bytes:
    """PNG of alerts from top to bottom, each with the stamps it has.

    Beside each: date, time and band, magnitude and sign of the difference. Stamps are placed so
    that their alert lies in the middle of its cell.
    """
    pitch = look.size + _GAP
    size = (_LABELS + len(STAMPS) * pitch, _HEAD + len(alerts) * pitch)
    strip = late.image.new("L", size, PAPER)
    pen, font = late.image_draw.Draw(strip), late.image_font.load_default(_FONT_SIZE)
    pen.fontmode = "1"  # levels are indices: a blend of two of them is some other colour
    for column, kind in enumerate(STAMPS):
        pen.text((_LABELS + column * pitch, 2), kind, fill=INK, font=font)
    for line, (row, stamps) in enumerate(alerts):
        top = _HEAD + line * pitch
        pen.multiline_text((4, top), _label(row), fill=INK, font=font)
        for column, kind in enumerate(STAMPS):
            left = _LABELS + column * pitch
            cell = _cell(stamps.get(kind), row, look)
            if cell is None:
                pen.rectangle((left, top, left + look.size - 1, top + look.size - 1), outline=INK)
                pen.text((left + 4, top + 2), "none", fill=INK, font=font)
            else:
                strip.paste(cell, (left, top))
    return write_png(strip, look)


def _label(row: Mapping[str, Any]) -> str:
    jd: float = row["jd"]
    moment = f"{times.datetime_of(jd):%Y-%m-%d\n%H:%M:%S}" if times.is_date(jd) else "no date\n"
    sign = {True: "pos", False: "neg", None: ""}[row["isdiffpos"]]
    return f"{moment}\n{row['filter'] or '?'} {_magnitude(row['magpsf'])} {sign}"


def _magnitude(magpsf: float | None) -> str:
    """Text for the margin, which only has room for real magnitudes."""
    return "" if magpsf is None or not abs(magpsf) < _MOST_MAG else f"{magpsf:.2f}"


def _cell(stamp: bytes | None, row: Mapping[str, Any], look: StripLook) -> "Image | None":
    """A stamp as a square with the alert in its middle; None if it holds no picture."""
    if stamp is None:
        return None
    try:
        drawn = find_levels(stamp, look)
    except NotFound:
        return None
    square = _squared(drawn, row)
    return scale_pixels(square, look.size / len(square))


def _squared(drawn: Levels, row: Mapping[str, Any]) -> Levels:
    height, width = drawn.shape
    left = find_centre(width, row["xpos"], QUADRANT[0]).lost
    low = find_centre(height, row["ypos"], QUADRANT[1]).lost
    side = max(SIDE, left + width, low + height)
    square = np.full((side, side), MISSING, dtype=np.uint8)
    square[low : low + height, left : left + width] = drawn
    return square
