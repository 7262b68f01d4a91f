"""Coordinates as people type them: decimal, sexagesimal, or the J-name of a catalogue.

Text that looks like coordinates but lies outside the sky is an error, not a name.
"""

import math
import re
from typing import Final, NamedTuple

# Digits match in one way only; otherwise a bad ending costs the cube of their number.
_DECIMAL: Final = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)"
_SECONDS: Final = r"\d{1,2}(?:\.\d*)?"
_FORMS: Final = tuple(
    re.compile(pattern, re.ASCII | re.IGNORECASE)
    for pattern in (
        # 10.68 41.27 and 10.68d, +41.27d
        rf"(?P<ra>{_DECIMAL})(?P<unit>)[d°]?(?:\s*,\s*|\s+)(?P<dec>{_DECIMAL})[d°]?",
        # 00:42:44.3 +41:16:09, and without seconds
        rf"(?P<ra>\d{{1,2}}(?::\d{{1,2}})?:{_SECONDS})(?P<unit>)"
        rf"(?:\s*,\s*|\s+|(?=[+-]))(?P<dec>[+-]?\d{{1,2}}(?::\d{{1,2}})?:{_SECONDS})",
        # 00 42 44.3 +41 16 09
        rf"(?P<ra>\d{{1,2}}\s+\d{{1,2}}\s+{_SECONDS})(?P<unit>)"
        rf"(?:\s*,\s*|\s+)(?P<dec>[+-]?\d{{1,2}}\s+\d{{1,2}}\s+{_SECONDS})",
        # 00h42m44.3s +41d16m09s, and RA in degrees if it begins with d
        rf"(?P<ra>\d{{1,3}}\s*(?P<unit>[hd°])\s*\d{{1,2}}\s*[m'](?:\s*{_SECONDS}\s*[s\"])?)"
        rf"(?:\s*,\s*|\s*)(?P<dec>[+-]?\d{{1,2}}\s*[d°]\s*\d{{1,2}}\s*[m'](?:\s*{_SECONDS}\s*[s\"])?)",
    )
)
_J_NAME: Final = re.compile(
    r"(?:[A-Za-z0-9]{1,12}\s*)?J\s?(\d\d)(\d\d)(\d\d(?:\.\d+)?)([+-])(\d\d)(\d\d)(\d\d(?:\.\d+)?)",
    re.ASCII,
)
_PLAINER: Final = str.maketrans("−–—′’″”", "---''\"\"")
_SIXTY: Final = 60.0


class Position(NamedTuple):
    """A position on the sky, ICRS; `step` is the size of one unit of its last digit. Degrees."""

    ra: float
    dec: float
    step: float


def read_position(text: str) -> Position | None:
    """The coordinates that a text gives; None if it gives none.

    RA is in hours if it is sexagesimal, unless its unit says degrees. Raises ValueError with the
    reason if the text can only be coordinates and they are not on the sky.
    """
    plain = text.strip().translate(_PLAINER)
    if named := _J_NAME.fullmatch(plain):
        ra, dec = ":".join(named.group(1, 2, 3)), named[4] + ":".join(named.group(5, 6, 7))
        return _position(ra, "h", dec)
    for form in _FORMS:
        if match := form.fullmatch(plain):
            decimal = form is _FORMS[0]
            unit = match["unit"].lower() or ("d" if decimal else "h")
            return _position(match["ra"], unit, match["dec"])
    return None


def _position(ra_text: str, unit: str, dec_text: str) -> Position:
    (ra, ra_step), (dec, dec_step) = _angle(ra_text), _angle(dec_text)
    if unit == "h":
        if ra >= 24:
            raise ValueError("ra must be between 0 and 24 hours")
        ra, ra_step = ra * 15, ra_step * 15
    if not 0 <= ra <= 360:
        raise ValueError("ra must be between 0 and 360 degrees")
    if not -90 <= dec <= 90:
        raise ValueError("dec must be between -90 and 90 degrees")
    return Position(ra % 360, dec, max(ra_step, dec_step))


def _angle(text: str) -> tuple[float, float]:
    """The value of one, two or three sexagesimal parts, and of a unit of the last digit."""
    parts = re.findall(r"\d+\.?\d*|\.\d+", text)
    value, scale = 0.0, 1.0
    for n, part in enumerate(parts):
        if n and float(part) >= _SIXTY:
            raise ValueError("minutes and seconds must be less than 60")
        scale = _SIXTY**-n
        value += float(part) * scale
    decimals = len(parts[-1].partition(".")[2])
    return math.copysign(value, -1.0 if text.startswith("-") else 1.0), scale * 10.0**-decimals
