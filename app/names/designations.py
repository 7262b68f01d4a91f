"""Read what a user typed: a position, an alert, an object, a solar-system body, or a name."""

import re
from enum import StrEnum
from typing import Final, NamedTuple

from app.addresses import CANDID_DIGITS
from app.names.coordinates import read_position
from app.names.links import find_in_link
from app.search.regions import MAX_RADIUS, MIN_RADIUS, parse_cone
from app.search.solarsystem import body_of
from app.search.values import read_integer, read_number, read_text

COORDINATES_ARCSEC: Final = 2.0
"""Radius around typed coordinates, or one unit of their last digit if that is more."""
FORMS: Final = (
    "coordinates (10.68 41.27, 00:42:44.3 +41:16:09, 00h42m44.3s +41d16m09s, J004244.3+411609), "
    "an object id (ZTF18abcdxyz), a candid, a Messier, NGC or IC number, a name that SIMBAD, NED "
    "or VizieR knows"
)

_UNITS: Final = {
    "": 1.0,
    **dict.fromkeys(("d", "°", "deg"), 1.0),
    **dict.fromkeys(("'", "′", "m", "arcmin"), 1 / 60),
    **dict.fromkeys(('"', "″", "s", "arcsec", "''"), 1 / 3600),
}
_RADIUS: Final = re.compile(
    r"[\s,;]*\br\s*=\s*(?P<value>[^\s=]*?)\s*(?P<unit>[^\W\d]+|[°'\"′″]+)?\Z", re.IGNORECASE
)
_QUOTES: Final = ('""', "''", "``", "“”", "‘’")
_OBJECT: Final = re.compile(r"ztf(\d{2}[a-z]{4,12})", re.ASCII | re.IGNORECASE)


class Kind(StrEnum):
    """What was typed."""

    POSITION = "position"
    OBJECT = "object"
    CANDID = "candid"
    LCO_ID = "lco_id"
    BODY = "body"
    NAME = "name"


class Reading(NamedTuple):
    """The typed text, in its proper form.

    `text` is the object id, number or name; of a solar-system body, ZTF's spelling in `ssnamenr`.
    `ra` and `dec` [deg] are set for a position. `radius` [deg] is that of `r=`, or the precision of
    a position's digits; else None.
    """

    kind: Kind
    text: str
    ra: float | None = None
    dec: float | None = None
    radius: float | None = None


def interpret(text: str) -> Reading:
    """Read what a user typed, without any look-up. Raises ValueError with the reason."""
    given = _unwrap(read_text(" ".join(text.split())))
    if not given:
        raise ValueError("must not be empty")
    given = find_in_link(given) or given
    if given.count(",") == 2 and "=" not in given and re.match(r"[\s\d.+-]+,", given):
        cone = parse_cone(given)
        return Reading(Kind.POSITION, given, *cone)
    bare, radius = _split_radius(given)
    if position := read_position(bare):
        shown = max(COORDINATES_ARCSEC / 3600, position.step)
        return Reading(Kind.POSITION, bare, position.ra, position.dec, radius or shown)
    kind, proper = _designation(bare)
    return Reading(kind, proper, radius=radius)


def _unwrap(text: str) -> str:
    """The text without quotes around it and a comma at its end, which come with what is pasted."""
    text = text.rstrip(" ,;")
    inside = text[1:-1]
    # "M31" r=2" is no quotation as a whole.
    if text[:1] + text[-1:] in _QUOTES and text[0] not in inside and text[-1] not in inside:
        return inside.strip(" ,;")
    return text


def _split_radius(text: str) -> tuple[str, float | None]:
    """The text without its `r=…`, and that radius in degrees."""
    if (match := _RADIUS.search(text)) is None:
        return text, None
    unit = _UNITS.get((match["unit"] or "").lower())
    try:
        radius = read_number(match["value"]) * (unit or 1.0)
    except ValueError as error:
        raise ValueError(f"{error} in r=") from None
    if unit is None:
        raise ValueError("the unit of r= must be d, ' or \"")
    if not MIN_RADIUS <= radius <= MAX_RADIUS:
        raise ValueError(f"the radius must be between {MIN_RADIUS:g} and {MAX_RADIUS:g} degrees")
    if not (bare := _unwrap(text[: match.start()].strip())):
        raise ValueError("a name or a position must come before r=")
    return bare, radius


def _designation(text: str) -> tuple[Kind, str]:
    """The kind of a designation and its proper form."""
    if match := _OBJECT.fullmatch(text):
        return Kind.OBJECT, "ZTF" + match[1].lower()
    if text.isascii() and text.isdigit():
        try:
            value = read_integer(text)
        except ValueError:
            raise ValueError("too large for a candid or an lco_id") from None
        return (Kind.CANDID if len(text) >= CANDID_DIGITS else Kind.LCO_ID), str(value)
    body = body_of(text)
    return (Kind.NAME, text) if body is None else (Kind.BODY, body)
