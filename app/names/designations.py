"""What a person typed: a position, an alert, an object, a body of the solar system, or a name."""

import re
from enum import StrEnum
from typing import Final, NamedTuple

from app.addresses import CANDID_DIGITS
from app.names.coordinates import read_position
from app.search.regions import MAX_RADIUS, MIN_RADIUS, parse_cone
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
_OBJECT: Final = re.compile(r"ztf(\d{2}[a-z]{4,12})", re.ASCII | re.IGNORECASE)

# Number and name: a minor planet, unless it is a star of Flamsteed's, which are numbered by
# constellation: 61 Cygni, 51 Peg, 47 Tuc.
_CONSTELLATIONS: Final = frozenset(
    """and andromedae ant antliae aps apodis aqr aquarii aql aquilae ara arae ari arietis aur
    aurigae boo bootis cae caeli cam camelopardalis cnc cancri cvn cma cmi cap capricorni car
    carinae cas cassiopeiae cen centauri cep cephei cet ceti cha chamaeleontis cir circini col
    columbae com comae cra crb crv corvi crt crateris cru crucis cyg cygni del delphini dor doradus
    dra draconis equ equulei eri eridani for fornacis gem geminorum gru gruis her herculis hor
    horologii hya hydrae hyi hydri ind indi lac lacertae leo leonis lmi lep leporis lib librae lup
    lupi lyn lyncis lyr lyrae men mensae mic microscopii mon monocerotis mus muscae nor normae oct
    octantis oph ophiuchi ori orionis pav pavonis peg pegasi per persei phe phoenicis pic pictoris
    psc piscium psa pup puppis pyx pyxidis ret reticuli sge sagittae sgr sagittarii sco scorpii scl
    sculptoris sct scuti ser serpentis sex sextantis tau tauri tel telescopii tri trianguli tra tuc
    tucanae uma umi vel velorum vir virginis vol volantis vul vulpeculae""".split()
)
_NUMBERED: Final = re.compile(
    # 2018 cow is a supernova.
    r"(?!(?:19|20)\d\d\s[a-z]{1,4}\Z)(\d{1,7})\s+([A-Za-z][A-Za-z'-]+)",
    re.ASCII,
)
_IN_BRACKETS: Final = re.compile(r"\((\d{1,7})\)\s*(.{0,40})", re.ASCII)
_UNNUMBERED: Final = re.compile(
    # 2019 AB1. Two small letters without a number are a supernova: 2011fe.
    r"((?:1[89]|20)\d\d\s?(?:[A-HJ-Y][A-HJ-Z]\d{0,3}|(?i:[A-HJ-Y][A-HJ-Z])\d{1,3})"
    r"|\d{4}\s?(?i:P-L|T-[123]))",
    re.ASCII,
)
_COMET: Final = re.compile(
    # C/2020 F3 (NEOWISE), 67P/Churyumov-Gerasimenko
    r"((?i:[CPDXAI]/-?\d{1,4}\s?[A-Z]{1,2}\d{1,3}(?:-[A-Z]{1,2})?)(?=\s*\(|\Z)|\d{1,4}[PDI](?=/|\Z))"
    r"(?:\s*\(.{1,40}\)|/.{1,40})?",
    re.ASCII,
)


class Kind(StrEnum):
    """What was typed."""

    POSITION = "position"
    OBJECT = "object"
    CANDID = "candid"
    LCO_ID = "lco_id"
    BODY = "body"
    NAME = "name"


class Reading(NamedTuple):
    """What was typed, in its proper form.

    `text` is the object id, number or name; of a solar-system body, ZTF's spelling in `ssnamenr`.
    `ra` and `dec` [deg] come with a position. `radius` [deg]: what was asked for with `r=`, or what
    a position's digits are worth; else None.
    """

    kind: Kind
    text: str
    ra: float | None = None
    dec: float | None = None
    radius: float | None = None


def interpret(text: str) -> Reading:
    """Read what a person typed. Asks nobody. Raises ValueError with what is wrong."""
    given = read_text(" ".join(text.split()))
    if not given:
        raise ValueError("it is empty")
    if given.count(",") == 2 and "=" not in given and re.match(r"[\s\d.+-]+,", given):
        cone = parse_cone(given)
        return Reading(Kind.POSITION, given, *cone)
    bare, radius = _split_radius(given)
    if position := read_position(bare):
        shown = max(COORDINATES_ARCSEC / 3600, position.step)
        return Reading(Kind.POSITION, bare, position.ra, position.dec, radius or shown)
    kind, proper = _designation(bare)
    return Reading(kind, proper, radius=radius)


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
        raise ValueError("the unit of r= is none of d, ' and \"")
    if not MIN_RADIUS <= radius <= MAX_RADIUS:
        raise ValueError(f"the radius is not within {MIN_RADIUS:g} to {MAX_RADIUS:g} degrees")
    if not (bare := text[: match.start()].strip()):
        raise ValueError("nothing stands before r=")
    return bare, radius


def _designation(text: str) -> tuple[Kind, str]:
    """The kind of a designation and its proper form."""
    if match := _OBJECT.fullmatch(text):
        return Kind.OBJECT, "ZTF" + match[1].lower()
    if text.isascii() and text.isdigit():
        try:
            value = read_integer(text)
        except ValueError:
            raise ValueError("too large for a candid or an lco_id: beyond 64 bits") from None
        return (Kind.CANDID if len(text) >= CANDID_DIGITS else Kind.LCO_ID), str(value)
    body = body_of(text)
    return (Kind.NAME, text) if body is None else (Kind.BODY, body)


def body_of(text: str) -> str | None:
    """ZTF's spelling of a solar-system body: the number if it has one, else without blanks."""
    if match := _UNNUMBERED.fullmatch(text) or _COMET.fullmatch(text):
        return match[1].replace(" ", "").upper()
    if match := _IN_BRACKETS.fullmatch(text) or _NUMBERED.fullmatch(text):
        return None if match[2].lower() in _CONSTELLATIONS else str(int(match[1]))
    return None
