"""Where an alert lies in its stamp, and a TAN WCS made from it; ZTF's stamps carry none.

What is known, and from where:

- A stamp is the square of pixels round(xpos) ± 31, round(ypos) ± 31 of its quadrant (xpos and ypos
  count from 1), cut off at the quadrant's edges. So the alert's place in the stamp is known to a
  fraction of a pixel. Seen on real packets: all 8 that are cut have the size this gives; bright
  sources lie 0.1 pixels from the place (median of 335).
- x grows to the west and y to the SOUTH: drawn with its first row on top, a stamp has north up and
  east left. Seen on 264 pairs of alerts in one exposure, on 139 template sources at ranr, decnr,
  and by others (skyportal/kowalski turns stamps upside down so that "North is up").
- 1.0126 arcsec a pixel, from those pairs (0.05 % apart); published is 1.01 (Bellm et al. 2019, PASP
  131, 018002).
- The camera is lined up with north at the middle of its field, so to the west of it, at a distance
  w, north is turned by about w · tan(dec). The alert's CCD quadrant, which its pid holds, and xpos
  give w. On the 244 pairs that are far enough apart this leaves 0.14° (at most 0.33°) of the 0.64°
  (at most 1.7°) that they are turned by; they lie at declinations of -28° to 31°, so what it gives
  further north is geometry, not measurement. Closer to the pole than w it gives nothing.
"""

import math
from typing import Final, NamedTuple

from astropy.io import fits

from app.errors import NotFound

WCS: Final = "1"
"""Part of an ETag: to be raised whenever the same stamp gets other cards."""
HALF: Final = 31
SIDE: Final = 2 * HALF + 1
QUADRANT: Final = (3072, 3080)
SCALE_DEG: Final = 1.0126 / 3600
_CCD_DEG: Final = 1.91
"""From the middle of one CCD to that of the next, fitted to the pairs."""
_QUADRANT_DEG: Final = QUADRANT[0] * SCALE_DEG
_CARD: Final = 80
_BLOCK: Final = 2880


class PixelPlace(NamedTuple):
    """An alert's position on the sky [deg], and in which quadrant's image [pixels from 1]."""

    ra: float
    dec: float
    xpos: float | None
    ypos: float | None
    pid: int


class Centre(NamedTuple):
    """Where an alert lies in its stamp along one axis."""

    pixel: float
    """Counted from 1, as FITS counts."""
    lost: int
    """Pixels that an edge of the quadrant cut off before the stamp's first."""
    known: bool
    """False: the packet does not tell, and the middle is assumed."""


def find_centre(size: int, position: float | None, edge: int) -> Centre:
    """The alert's place along an axis of `size` pixels, from its position in the quadrant."""
    if position is not None and 0 < position < edge + 1:
        middle = round(position)
        first, last = max(1, middle - HALF), min(edge, middle + HALF)
        if last - first + 1 == size:
            return Centre(position - first + 1, first - (middle - HALF), True)
    return Centre((size + 1) / 2, 0, False)


def turned(place: PixelPlace) -> float | None:
    """By how much north is turned from the first row, towards east [deg]; None: not known."""
    quadrant = place.pid % 10_000 // 100
    if place.xpos is None or not 0 < place.xpos < QUADRANT[0] + 1 or not 0 <= quadrant < 64:
        return None
    column = quadrant // 4 % 4 - 1.5
    side = 0.5 if quadrant % 4 in (1, 2) else -0.5
    west = column * _CCD_DEG + side * _QUADRANT_DEG + (place.xpos - QUADRANT[0] / 2) * SCALE_DEG
    dec = math.radians(place.dec)
    # Napier's rules: the sine of the angle at the pole.
    lean = math.sin(math.radians(west)) / math.cos(dec)
    if abs(lean) >= 1:
        return None
    return math.degrees(math.atan(math.tan(math.asin(lean)) * math.sin(dec)))


def with_wcs(image: bytes, place: PixelPlace) -> bytes:
    """A FITS image with WCS cards in its header, the data as they were.

    Raises NotFound where there is no image.
    """
    cards, data = _taken_apart(image)
    added = _wcs(*_size("".join(cards)), place)
    names = {card.keyword for card in added} - {"COMMENT"}
    kept = [card for card in cards[1:] if card[:8].rstrip() not in names]
    # ZTF writes its T in the wrong column, which strict readers refuse.
    first = str(fits.Card("SIMPLE", True, "conforms to FITS standard"))
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
    header = fits.Header.fromstring(cards)
    try:
        axes, *sizes = (header.get(name) for name in ("NAXIS", "NAXIS1", "NAXIS2"))
    except fits.VerifyError:
        axes, sizes = None, []
    if axes != 2 or not all(isinstance(size, int) and size > 0 for size in sizes):
        raise NotFound("the stamp holds no image of two axes")
    return sizes[0], sizes[1]


def _wcs(width: int, height: int, place: PixelPlace) -> list[fits.Card]:
    x = find_centre(width, place.xpos, QUADRANT[0])
    y = find_centre(height, place.ypos, QUADRANT[1])
    angle = turned(place)
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
    return [fits.Card(*value) for value in values]


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
