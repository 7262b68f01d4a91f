"""VOTable 1.4, written in pieces: astropy's writer needs the whole table in memory.

TABLEDATA rather than BINARY2: a broken answer can be read by eye, and the number in a cell has the
digits of the JSON. An empty cell is a missing value, of any type (since 1.3).

The origin of a table is told by the INFOs of the IVOA's note "Data Origin in the VO", without
`request_date`: it would change the ETag of an unchanged answer, and `as_of` says more.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from app.answers.cells import Layout, Spelling, write_rows
from app.answers.tabular import Ending, Origin, Table, Values
from archive.columns import TEXT, TIME, Column, Kind
from archive.objects import Bytes

CITATION: Final = "2019PASP..131a8001P"
"""Bibcode of the paper on ZTF's alerts, which are all that tables are made of so far."""
_TYPES: Final[dict[Kind, str]] = {
    Kind.INTEGER: 'datatype="int"',
    Kind.BIGINT: 'datatype="long"',
    Kind.REAL: 'datatype="float"',
    Kind.DOUBLE: 'datatype="double"',
    Kind.BOOLEAN: 'datatype="boolean"',
    Kind.TEXT: 'datatype="unicodeChar" arraysize="*"',
    Kind.TIME: 'datatype="char" arraysize="*" xtype="timestamp"',
}
_ASCII_TYPE: Final = 'datatype="char" arraysize="*"'
_SHAPE_SIZES: Final = {"point": "2", "circle": "3", "polygon": "*"}
"""Numbers of the shapes that DALI names."""
_FRAMES: Final = {
    "pos.eq.": "equatorial",
    "pos.galactic.": "galactic",
    "time.duration": None,
    "time.": "utc",
}
"""Which system a column's values are in, by how its UCD begins: a duration is in none."""
_TIMESYS: Final = 'TIMESYS ID="{}" timescale="UTC" refposition="TOPOCENTER"'
_SYSTEMS: Final = {
    "equatorial": 'COOSYS ID="equatorial" system="ICRS"',
    "galactic": 'COOSYS ID="galactic" system="galactic"',
    "utc": _TIMESYS.format("utc"),
    "utc_jd": _TIMESYS.format("utc_jd") + ' timeorigin="JD-origin"',
    "utc_mjd": _TIMESYS.format("utc_mjd") + ' timeorigin="MJD-origin"',
}
_START: Final = """<?xml version="1.0" encoding="UTF-8"?>
<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">
"""
_HEAD: Final = f"""{_START}<RESOURCE type="results">
<INFO name="QUERY_STATUS" value="OK"/>
{{infos}}{{systems}}<TABLE ID="results" name={{name}}>
<DESCRIPTION>{{meaning}}</DESCRIPTION>
"""
_LINKS: Final = """<RESOURCE type="meta" utype="adhoc:service" name="links">
<DESCRIPTION>Packet, stamps, pictures and light curve of a row (DataLink)</DESCRIPTION>
<PARAM name="standardID" datatype="char" arraysize="*" \
value="ivo://ivoa.net/std/DataLink#links-1.1"/>
<PARAM name="accessURL" datatype="char" arraysize="*" value={address}/>
<PARAM name="contentType" datatype="char" arraysize="*" \
value="application/x-votable+xml;content=datalink"/>
<GROUP name="inputParams">
<PARAM name="ID" datatype="char" arraysize="*" ucd="meta.id;meta.main" ref="{id}" value=""/>
</GROUP>
</RESOURCE>
"""
"""A service descriptor (DataLink 1.1, section 4): clients take each row's id there."""
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot hold in any spelling."""
_XML_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)
_MARKS: Final = {"\r": "&#13;"}
_TAKEN: Final = ("results", *_SYSTEMS)
"""IDs of other elements."""
_ROW, _NEXT_CELL, _ROW_END = "<TR><TD>", "</TD><TD>", "</TD></TR>\n"
_POWERS: Final = {"mag2": "mag**2"}
"""VOUnits spells a power so."""


@lru_cache(maxsize=4096)
def _cell(text: str | None) -> str:
    if text is None or text.isalnum():
        return text or ""
    return escape(_without_controls(text), _MARKS)


def _without_controls(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)


def _in_ascii(text: str | None) -> str | None:
    """A text that a char column can hold: what is not ASCII is spelt as in `\\xe9`."""
    if text is None or (text.isascii() and text.isprintable()):
        return text
    return _without_controls(text).encode("ascii", "backslashreplace").decode()


def _ascii_cell(text: str | None) -> str:
    return _cell(_in_ascii(text))


def _ids(columns: Sequence[Column]) -> list[str]:
    """The ID of each column: its name, unless that is none in XML or is there already."""
    made: list[str] = []
    for n, column in enumerate(columns, 1):
        fits = _XML_NAME.fullmatch(column.name) and column.name not in (*made, *_TAKEN)
        made.append(column.name if fits else f"col_{n}")
    return made


def _field(column: Column, own: str) -> str:
    """A FIELD. By its ID services and groups refer to it."""
    name = quoteattr(_without_controls(column.name))
    unit = f" unit={quoteattr(_POWERS.get(column.unit, column.unit))}" if column.unit else ""
    ucd = f" ucd={quoteattr(column.ucd)}" if column.ucd else ""
    reference = f' ref="{frame}"' if (frame := _frame(column)) else ""
    told = escape(_without_controls(column.meaning))
    meaning = f"<DESCRIPTION>{told}</DESCRIPTION>" if told else ""
    return (
        f"<FIELD ID={quoteattr(own)} name={name} {_type(column)}{unit}{ucd}{reference}>"
        f"{meaning}</FIELD>\n"
    )


def _type(column: Column) -> str:
    if column.xtype:
        size = _SHAPE_SIZES[column.xtype]
        return f'datatype="double" arraysize="{size}" xtype="{column.xtype}"'
    return _ASCII_TYPE if _is_ascii(column) else _TYPES[column.kind]


def _is_ascii(column: Column) -> bool:
    return column.kind is TEXT and column.is_ascii


def _frame(column: Column) -> str | None:
    """The system that a column's values are in, of _SYSTEMS."""
    if column.xtype:
        return "equatorial"
    frame = next((f for begin, f in _FRAMES.items() if column.ucd.startswith(begin)), None)
    if frame != "utc" or column.kind is TIME:
        return frame
    if column.kind is TEXT:
        # A date: TIMESYS speaks of timestamps and of numbers.
        return None
    if column.unit not in ("", "d"):
        return None
    # Not by its name: in a query anything may be called anything.
    return "utc_mjd" if "modified Julian date" in column.meaning else "utc_jd"


def _info(name: str, value: str) -> str:
    return f'<INFO name="{name}" value={quoteattr(_without_controls(value))}/>\n'


def _told(origin: Origin) -> str:
    """The INFOs on the origin of a table."""
    told = {
        "publisher": f"MARS, {origin.service}",
        "request": origin.request,
        "citation": CITATION,
    }
    seen = {} if origin.as_of is None else {"as_of": str(origin.as_of)}
    return "".join(_info(name, value) for name, value in (told | seen).items())


class VOTable:
    """One RESOURCE with one TABLE. A broken one lacks its closing tags: no reader takes it."""

    def __init__(self, table: Table, origin: Origin, *, begun: bool = False) -> None:
        self._table = table
        self._origin = origin
        spell = [Spelling(_ascii_cell if _is_ascii(c) else _cell) for c in table.columns]
        ends = [_NEXT_CELL] * (len(spell) - 1) + [_ROW_END]
        self._layout = Layout(_ROW, ends, spell, "", False)

    def begin(self) -> bytes:
        name, meaning, columns, _ = self._table
        used = set(map(_frame, columns))
        systems = "".join(f"<{line}/>\n" for system, line in _SYSTEMS.items() if system in used)
        infos = _told(self._origin)
        head = _HEAD.format(
            infos=infos, systems=systems, name=quoteattr(name), meaning=_cell(meaning)
        )
        return (
            head + "".join(map(_field, columns, _ids(columns))) + "<DATA>\n<TABLEDATA>\n"
        ).encode()

    def rows(self, values: Values) -> Bytes:
        return write_rows(self._layout, self._table.columns, values)

    def end(self, ending: Ending) -> bytes:
        # OVERFLOW is DALI's word for a table that the limit cut.
        cut = "" if ending.next is None else _info("QUERY_STATUS", "OVERFLOW")
        cut += _info("next", ending.next) if ending.next else ""
        tail = f"</TABLEDATA>\n</DATA>\n</TABLE>\n{cut}</RESOURCE>\n{self._service()}</VOTABLE>\n"
        return tail.encode()

    def _service(self) -> str:
        """Where what belongs to a row is found; empty for a table without ids."""
        columns, linked = self._table.columns, self._table.linked
        own = (
            one for column, one in zip(columns, _ids(columns), strict=True) if column.name == linked
        )
        if (first := next(own, None)) is None:
            return ""
        address = quoteattr(f"{self._origin.service}/vo/datalink/links")
        return _LINKS.format(address=address, id=first)


def write_error(message: str, *, name: str = "QUERY_STATUS", value: str = "ERROR") -> bytes:
    """A VOTable that says what was wrong, as DALI has it."""
    told = escape(_without_controls(message))
    info = f'<INFO name="{name}" value={quoteattr(_without_controls(value))}>{told}</INFO>'
    return f'{_START}<RESOURCE type="results">\n{info}\n</RESOURCE>\n</VOTABLE>\n'.encode()
