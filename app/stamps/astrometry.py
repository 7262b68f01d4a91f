"""A TAN WCS for a stamp, made from the alert's position; ZTF's stamps carry none.

What is known of the camera, and from where, stands in surveys/ztf/camera.py.
"""

import math
from typing import TYPE_CHECKING, Final

from app import late
from app.errors import NotFound
from app.surveys.ztf.camera import QUADRANT, SCALE_DEG, PixelPlace, angle_of_north, find_centre

if TYPE_CHECKING:
    from astropy.io import fits

WCS: Final = "1"
"""Part of an ETag: to be raised whenever the same stamp gets other cards."""
_CARD: Final = 80
_BLOCK: Final = 2880


def with_wcs(image: bytes, place: PixelPlace) -> bytes:
    """A FITS image with WCS cards in its header, the data as they were.

    Raises NotFound where there is no image.
    """
    cards, data = _taken_apart(image)
    added = _wcs(*_size("".join(cards)), place)
    names = {card.keyword for card in added} - {"COMMENT"}
    kept = [card for card in cards[1:] if card[:8].rstrip() not in names]
    # ZTF writes its T in the wrong column, which strict readers refuse.
    first = str(late.fits.Card("SIMPLE", True, "conforms to FITS standard"))
    text = "".join([first, *kept, *(str(card) for card in added), "END".ljust(_CARD)])
    return text.ljust(-(-len(text) // _BLOCK) * _BLOCK).encode("ascii") + data


def _taken_apart(image: bytes) -> tuple[list[str], bytes]:
    """The cards of the header before END, and what follows the header."""
    cards: list[str] = []
    for begin in range(0, len(image) - _CARD + 1, _CARD):
        card = image[begin : begin + _CARD]
        if card.rstrip() == b"END":
            after = -(-(begin + _CARD) // _BLOCK) * _BLOCK
            return cards, image[after:]
        if not card.isascii() or (begin == 0 and not card.startswith(b"SIMPLE  =")):
            break
        cards.append(card.decode("ascii"))
    raise NotFound("the stamp holds no FITS image")


def _size(cards: str) -> tuple[int, int]:
    """Width and height of the image."""
    header = late.fits.Header.fromstring(cards)
    try:
        axes, *sizes = (header.get(name) for name in ("NAXIS", "NAXIS1", "NAXIS2"))
    except late.fits.VerifyError:
        axes, sizes = None, []
    if axes != 2 or not all(isinstance(size, int) and size > 0 for size in sizes):
        raise NotFound("the stamp holds no image of two axes")
    return sizes[0], sizes[1]


def _wcs(width: int, height: int, place: PixelPlace) -> "list[fits.Card]":
    x = find_centre(width, place.xpos, QUADRANT[0])
    y = find_centre(height, place.ypos, QUADRANT[1])
    angle = angle_of_north(place)
    sine = SCALE_DEG * math.sin(math.radians(angle or 0.0))
    cosine = SCALE_DEG * math.cos(math.radians(angle or 0.0))
    values = [
        ("WCSAXES", 2, ""),
        ("CTYPE1", "RA---TAN", ""),
        ("CTYPE2", "DEC--TAN", ""),
        ("CUNIT1", "deg", ""),
        ("CUNIT2", "deg", ""),
        ("CRPIX1", round(x.pixel, 4), "x of the alert [pixel]"),
        ("CRPIX2", round(y.pixel, 4), "y of the alert [pixel]"),
        ("CRVAL1", place.ra, "right ascension of the alert [deg]"),
        ("CRVAL2", place.dec, "declination of the alert [deg]"),
        ("CD1_1", -cosine, "x grows to the west [deg/pixel]"),
        ("CD1_2", sine, ""),
        ("CD2_1", 0.0 - sine, ""),
        ("CD2_2", -cosine, "y grows to the south [deg/pixel]"),
        ("RADESYS", "ICRS", "calibrated on Gaia DR1"),
        ("EQUINOX", 2000.0, ""),
        ("COMMENT", "WCS added by MARS, computed from the alert; approximate. ZTF gives none.", ""),
        *(("COMMENT", line, "") for line in _said(x.known and y.known, angle)),
    ]
    return [late.fits.Card(*value) for value in values]


def _said(placed: bool, angle: float | None) -> list[str]:
    """How well CRPIX and CD are known, in lines that fit a card."""
    lines = [
        "CRPIX: the alert, from its xpos and ypos; good to 0.1 pixels."
        if placed
        else "CRPIX: ASSUMED in the middle: xpos and ypos do not fit this stamp."
    ]
    if angle is None:
        return [
            *lines,
            "CD: 1.0126 arcsec a pixel; north ASSUMED along the columns: its turn is",
            "not known here, an error that grows with the distance from the alert.",
        ]
    return [
        *lines,
        f"CD: 1.0126 arcsec a pixel, north turned by {angle:.2f} deg from the columns:",
        "by the CCD's place in the camera; checked to 0.4 deg for abs(dec) < 31.",
    ]
