"""Coordinates as people type them: decimal, sexagesimal, or the J-name of a catalogue.

Text that looks like coordinates but lies outside the sky is an error, not a name.
"""

import math
import re
from typing import Final, NamedTuple

# Digits match in one way only; otherwise a bad ending costs the cube of their number.
_DECIMAL: Final = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)"
_PART: Final = r"\d{1,2}(?:\.\d*)?"
_DEGREES: Final = r"\s?(?:degrees|deg|d|°)"
_APART: Final = r"(?:\s?[,;]\s?|\s)"
_APART_OR_SIGN: Final = rf"(?:{_APART}|\s?(?=[+-]))"
_UNITS: Final = rf"(?:\s?{_PART}\s?[m'](?:\s?{_PART}\s?[s\"])?)?"


def _pair(angle: str, apart: str = _APART_OR_SIGN) -> str:
    """RA and Dec, both written like this."""
    return rf"(?P<ra>{angle}){apart}(?P<dec>[+-]?{angle})"


_FORMS: Final = tuple(
    re.compile(pattern, re.ASCII | re.IGNORECASE)
    for pattern in (
        # 10.68 41.27 and 10.68d, +41.27deg
        rf"(?P<ra>{_DECIMAL})(?P<unit>)(?:{_APART}|{_DEGREES}{_APART_OR_SIGN})"
        rf"(?P<dec>{_DECIMAL})(?:{_DEGREES})?",
        # 00:42:44.3 +41:16:09, and without seconds
        _pair(rf"\d{{1,2}}(?::\d{{1,2}})?:{_PART}"),
        # 00 42 44.3 +41 16 09
        _pair(rf"\d{{1,2}}\s\d{{1,2}}\s{_PART}"),
        # 00 42.7 +41 16.2
        _pair(rf"\d{{1,2}}\s{_PART}"),
        # 00h42m44.3s +41d16m09s, and RA in degrees if it begins with d
        rf"(?P<ra>\d{{1,3}}(?:\.\d*)?\s?(?P<unit>h|deg|d|°){_UNITS}){_APART_OR_SIGN}?"
        rf"(?P<dec>[+-]?\d{{1,2}}(?:\.\d*)?\s?(?:deg|d|°){_UNITS})",
    )
)
_J_NAME: Final = re.compile(
    r"(?:[A-Z0-9]{1,12}\s?)?J\s?(\d\d)(\d\d)(\d\d(?:\.\d+)?)([+-])(\d\d)(\d\d)(\d\d(?:\.\d+)?)",
    re.ASCII | re.IGNORECASE,
)
_J_NAME_WITHOUT_POINTS: Final = re.compile(
    # 2MASS J00424430+4116090: there the digits behind those of whole seconds are decimals.
    r"(?:2MASS[IW]?\s?J?|J)\s?(\d\d)(\d\d)(\d\d)(\d{1,2})([+-])(\d\d)(\d\d)(\d\d)(\d?)",
    re.ASCII | re.IGNORECASE,
)
_FRAME: Final = re.compile(r"\s?\(?\b(?:J2000(?:\.0)?|ICRS|FK5)\b\)?", re.IGNORECASE)
_LABELLED: Final = r"(?:_?(?:J2000|ICRS))?(?![a-z])\.?\s?[:=]?\s?"
_RA_LABEL: Final = re.compile(rf"(?:RA|R\.A\.|α){_LABELLED}", re.IGNORECASE)
_DEC_LABEL: Final = re.compile(rf"(?<=[\s,;&])(?:DECL?|DE|δ){_LABELLED}", re.IGNORECASE)
_PLAINER: Final = str.maketrans("−–—′’ʹ″”ʺºʰᵈᵐˢ", "---'''\"\"\"°hdms")
_POINT_BEHIND_UNIT: Final = re.compile(r"([hdms°'\"])(\.\d+)", re.ASCII | re.IGNORECASE)
_BRACKETS: Final = ("()", "[]")
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
    plain = _bare(" ".join(text.translate(_PLAINER).split()))
    if named := _J_NAME.fullmatch(plain):
        ra, dec = ":".join(named.group(1, 2, 3)), named[4] + ":".join(named.group(5, 6, 7))
        return _position(ra, "h", dec)
    if named := _J_NAME_WITHOUT_POINTS.fullmatch(plain):
        hour, minute, second, decimals, sign, *of_dec = named.groups()
        ra, dec = f"{hour}:{minute}:{second}.{decimals}", ":".join(of_dec[:3])
        return _position(ra, "h", f"{sign}{dec}.{of_dec[3]}")
    for form in _FORMS:
        if match := form.fullmatch(plain):
            unit = match.groupdict().get("unit", "h") or "d"
            return _position(match["ra"], unit.lower(), match["dec"])
    return None


def _bare(plain: str) -> str:
    """The two angles alone: without their frame, brackets around them, RA= and DEC= before them."""
    plain = _FRAME.sub("", plain).strip(" ,;")
    if plain[:1] + plain[-1:] in _BRACKETS:
        plain = plain[1:-1].strip()
    if label := _RA_LABEL.match(plain):
        rest = plain[label.end() :]
        if split := _DEC_LABEL.search(rest):
            plain = f"{rest[: split.start()].rstrip(' ,;&')} {rest[split.end() :]}"
    # 44ˢ.3 is 44.3s.
    return _POINT_BEHIND_UNIT.sub(r"\2\1", plain)


def _position(ra_text: str, unit: str, dec_text: str) -> Position:
    (ra, ra_step), (dec, dec_step) = _angle(ra_text), _angle(dec_text)
    if unit == "h":
        # 24:00:00 is what a time rounded up to the end of its day reads.
        if ra > 24:
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
