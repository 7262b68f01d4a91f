"""Which columns of a table are ids, positions and radii, whatever the table calls them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from app.errors import BadBody
from app.match.bodytext import Row

MAX_SHOWN: Final = 20
"""Names of columns that an error lists."""
_AXES: Final = ("ra", "dec")
_RA, _DEC = "(?:ra|rightascension)", "(?:dec|de|declination)"
_BY_UCD: Final = ""
_FAMILIES: Final = (
    # Degrees that say so come before a plain `ra`, which may be sexagesimal beside them. VizieR
    # computes what begins with _, always in degrees.
    *("{}deg", "{}", "_{}j2000", "_{}icrs", _BY_UCD, "_{}"),
    *("{}icrs", "{}icrsdeg", "{}j2000", "{}j2000deg"),
)
"""How RA and Dec are called, the best first; {} is the axis."""
_IDS: Final = (
    *("id", _BY_UCD, "candid", "name", "objectid", "sourceid", "objid", "designation", "mainid"),
    *("sourcename", "objectname", "targetname", "target", "source", "object"),
)
_NAMED: Final[dict[str, tuple[str, ...]]] = {
    "id": _IDS,
    "ra": tuple(form.format(_RA) for form in _FAMILIES),
    "dec": tuple(form.format(_DEC) for form in _FAMILIES),
    "radius": ("radius(?:deg|arcmin|arcsec)?",),
}
_UCDS: Final = {
    "id": ("meta.id;meta.main", "id_main"),
    "ra": ("pos.eq.ra;meta.main", "pos_eq_ra_main"),
    "dec": ("pos.eq.dec;meta.main", "pos_eq_dec_main"),
}
_SQUEEZED: Final = re.compile(r"(?<!^)_|[\s.,()\[\]-]")
"""What does not count in a name: all but an underscore at its beginning."""
_WITH_UNIT: Final = re.compile(r"([^\[(]*)[\[(]([^\])]*)[\])]")
_UNITS: Final = {
    **dict.fromkeys(("", "deg", "degree", "degrees", "°"), ""),
    **dict.fromkeys(("arcmin", "'"), "'"),
    **dict.fromkeys(("arcsec", '"'), '"'),
}
"""How a unit is written behind a radius."""


class Header(NamedTuple):
    """What a table says of a column."""

    name: str
    unit: str = ""
    ucd: str = ""


def read_header(cell: str) -> Header:
    """The header of a column that is called `ra` or `ra [deg]`."""
    name, unit = cell.strip(), ""
    if match := _WITH_UNIT.fullmatch(name):
        name, unit = match[1].strip(), match[2].strip()
    return Header(f"{name} {unit}") if unit.lower() in ("j2000", "icrs") else Header(name, unit)


class Columns(NamedTuple):
    """Which cell is what, and what a radius lacks behind it."""

    places: Mapping[str, int]
    radius_unit: str

    def read(self, cells: Sequence[str]) -> Row:
        """The row that these cells hold."""
        row = {meaning: cells[place].strip() for meaning, place in self.places.items()}
        if row.get("radius"):
            row["radius"] += self.radius_unit
        return row


def find_columns(headers: Sequence[Header], where: str, apart: str = "") -> Columns:
    """The columns that are read. `where` and `apart` are words for an error: place, separator.

    Raises BadBody where ra or dec is missing, doubled or not in degrees.
    """
    ranked = {meaning: _rank(meaning, headers) for meaning in _NAMED}
    both = ranked["ra"].keys() & ranked["dec"].keys()
    chosen: dict[str, list[int]] = {}
    for meaning, by_rank in ranked.items():
        if meaning in _AXES and both:
            chosen[meaning] = by_rank[min(both)]
        elif by_rank:
            chosen[meaning] = by_rank[min(by_rank)]
    if lacking := [axis for axis in _AXES if axis not in chosen]:
        seen = _list_names(header.name for header in headers)
        raise BadBody(
            f"{where}: there is no column {' and no column '.join(lacking)}, ICRS in degrees; the "
            f"columns{apart} are {seen}"
        )
    if doubled := next((meaning for meaning in chosen if len(chosen[meaning]) > 1), None):
        raise BadBody(f"{where}: there are several columns {doubled}")
    places = {meaning: found[0] for meaning, found in chosen.items()}
    return Columns(places, _check_units(headers, places, where))


def _rank(meaning: str, headers: Sequence[Header]) -> dict[int, list[int]]:
    """The places of columns that may have this meaning, by how well they fit."""
    ranked: dict[int, list[int]] = {}
    forms = _NAMED[meaning]
    for place, header in enumerate(headers):
        name = _SQUEEZED.sub("", header.name.strip().lower())
        told_by_ucd = header.ucd.lower() in _UCDS.get(meaning, ())
        # Any in degrees is better than any that is sexagesimal.
        worse = len(forms) if meaning in _AXES and not _is_in_degrees(header) else 0
        for rank, form in enumerate(forms):
            if told_by_ucd if form == _BY_UCD else re.fullmatch(form, name):
                ranked.setdefault(rank + worse, []).append(place)
    return ranked


def _is_in_degrees(header: Header) -> bool:
    return _UNITS.get(header.unit.lower()) == ""


def _check_units(headers: Sequence[Header], places: Mapping[str, int], where: str) -> str:
    """What is written behind a radius. Raises BadBody for units that are not read."""
    for axis in _AXES:
        if not _is_in_degrees(headers[places[axis]]):
            unit = headers[places[axis]].unit
            raise BadBody(f"{where}: {axis} is in {unit[:64]!r}, not in deg")
    if "radius" not in places:
        return ""
    name, unit, _ = headers[places["radius"]]
    unit = unit or _SQUEEZED.sub("", name.strip().lower()).removeprefix("radius")
    if unit.lower() not in _UNITS:
        raise BadBody(f"{where}: radius is in {unit[:64]!r}, not in deg, arcmin or arcsec")
    return _UNITS[unit.lower()]


def _list_names(names: Iterable[str]) -> str:
    shown = [repr(name[:64]) for name in names]
    more = f" and {len(shown) - MAX_SHOWN} more" if len(shown) > MAX_SHOWN else ""
    return (", ".join(shown[:MAX_SHOWN]) or "none") + more
