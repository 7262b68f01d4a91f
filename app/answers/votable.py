"""VOTable 1.4, written in pieces: astropy's writer needs the whole table in memory.

TABLEDATA rather than BINARY2: what came of a broken answer can be read by eye, and the number of a
cell has the digits of the JSON. An empty cell is a missing value, of any type (since 1.3).
"""

import re
from functools import lru_cache
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from app.answers.tabular import Ending, Table, Values, cells
from archive.columns import TIME, Column, Kind

_TYPES: Final[dict[Kind, str]] = {
    Kind.INTEGER: 'datatype="int"',
    Kind.BIGINT: 'datatype="long"',
    Kind.REAL: 'datatype="float"',
    Kind.DOUBLE: 'datatype="double"',
    Kind.BOOLEAN: 'datatype="boolean"',
    Kind.TEXT: 'datatype="unicodeChar" arraysize="*"',
    Kind.TIME: 'datatype="char" arraysize="*" xtype="timestamp"',
}
_FRAMES: Final = {
    "pos.eq.": "equatorial",
    "pos.galactic.": "galactic",
    "time.": "utc",
}
"""Which system a column's values are in, by how its UCD begins."""
_TIMESYS: Final = 'TIMESYS ID="{}" timescale="UTC" refposition="TOPOCENTER"'
_SYSTEMS: Final = {
    "equatorial": 'COOSYS ID="equatorial" system="ICRS"',
    "galactic": 'COOSYS ID="galactic" system="galactic"',
    "utc": _TIMESYS.format("utc"),
    "utc_jd": _TIMESYS.format("utc_jd") + ' timeorigin="JD-origin"',
    "utc_mjd": _TIMESYS.format("utc_mjd") + ' timeorigin="MJD-origin"',
}
_HEAD: Final = """<?xml version="1.0" encoding="UTF-8"?>
<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">
<RESOURCE type="results">
<INFO name="QUERY_STATUS" value="OK"/>
{seen}{systems}<TABLE name="{name}">
<DESCRIPTION>{meaning}</DESCRIPTION>
"""
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot hold in any spelling."""
_MARKS: Final = {"\r": "&#13;"}
_ROW, _NEXT_CELL, _ROW_END = "<TR><TD>", "</TD><TD>", "</TD></TR>\n"
_NEXT_ROW: Final = _ROW_END + _ROW
_POWERS: Final = {"mag2": "mag**2"}
"""VOUnits spells a power so."""


@lru_cache(maxsize=4096)
def _cell(text: str | None) -> str:
    if text is None or text.isalnum():
        return text or ""
    return escape(_NO_XML.sub("\ufffd", text), _MARKS)


def _field(column: Column) -> str:
    unit = f" unit={quoteattr(_POWERS.get(column.unit, column.unit))}" if column.unit else ""
    reference = f' ref="{frame}"' if (frame := _frame(column)) else ""
    return (
        f"<FIELD name={quoteattr(column.name)} {_TYPES[column.kind]}{unit}"
        f" ucd={quoteattr(column.ucd)}{reference}>"
        f"<DESCRIPTION>{escape(column.meaning)}</DESCRIPTION></FIELD>\n"
    )


def _frame(column: Column) -> str | None:
    """The system that a column's values are in, of _SYSTEMS."""
    frame = next((f for begin, f in _FRAMES.items() if column.ucd.startswith(begin)), None)
    if frame is None or column.name == "exptime":
        return None
    if frame == "utc" and column.kind is not TIME:
        return "utc_mjd" if column.name.startswith("mjd") else "utc_jd"
    return frame


class VOTable:
    """One RESOURCE with one TABLE. A broken one lacks its closing tags: no reader takes it."""

    def __init__(self, table: Table, as_of: int | None) -> None:
        self._table = table
        self._as_of = as_of

    def begin(self) -> bytes:
        name, meaning, columns = self._table
        seen = "" if self._as_of is None else f'<INFO name="as_of" value="{self._as_of}"/>\n'
        used = set(map(_frame, columns))
        systems = "".join(f"<{line}/>\n" for system, line in _SYSTEMS.items() if system in used)
        head = _HEAD.format(seen=seen, systems=systems, name=name, meaning=_cell(meaning))
        return (head + "".join(map(_field, columns)) + "<DATA>\n<TABLEDATA>\n").encode()

    def rows(self, values: Values) -> bytes:
        if not values[0]:
            return b""
        made = cells(self._table.columns, values, _cell)
        rows = _NEXT_ROW.join(map(_NEXT_CELL.join, zip(*made, strict=True)))
        return f"{_ROW}{rows}{_ROW_END}".encode()

    def end(self, ending: Ending) -> bytes:
        # OVERFLOW is DALI's word for a table that the limit cut.
        cut = (
            ""
            if ending.next is None
            else f'<INFO name="QUERY_STATUS" value="OVERFLOW"/>\n'
            f'<INFO name="next" value={quoteattr(ending.next)}/>\n'
        )
        return f"</TABLEDATA>\n</DATA>\n</TABLE>\n{cut}</RESOURCE>\n</VOTABLE>\n".encode()
