"""A VOTable of positions, read as it arrives."""

import re
from typing import Any, Final, NamedTuple
from xml.parsers import expat

from app.errors import BadBody
from app.match.bodytext import MAX_ROW, Row
from app.match.columns import Columns, Header, find_columns

MAX_COLUMNS: Final = 1000
MAX_DEPTH: Final = 100
"""Elements within one another; expat keeps the tag of each until it ends."""
MAX_TOKEN: Final = 1_000_000
"""Bytes of a tag or a comment, which expat holds until they end."""
MAX_SYSTEMS: Final = 100
_J2000: Final = re.compile(r"(?:J?2000(?:\.0*)?)?", re.IGNORECASE)
_BINARY: Final = ("BINARY", "BINARY2", "FITS", "PARQUET", "STREAM")


class System(NamedTuple):
    """What a COOSYS element says: the frame of coordinates, and its equinox."""

    frame: str
    equinox: str

    @property
    def is_icrs(self) -> bool:
        """Whether it is ICRS, or J2000, which is the same to 0.03 arcsec; if unsaid, it is."""
        frame = self.frame.lower()
        return frame == "icrs" or (
            frame in ("", "unknown", "fk5", "eq_fk5") and _J2000.fullmatch(self.equinox) is not None
        )


class VotableReader:
    """The first table with rows in a VOTable's TABLEDATA; columns by name or by UCD."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.buffer_text = True
        self._systems: dict[str, System] = {}
        self._headers: list[Header] = []
        self._refs: list[str] = []
        self._columns: Columns | None = None
        self._wrong: BadBody | None = None
        """Why the columns of the table at hand cannot be read; if it has no rows, it need not."""
        self._rows: list[Row] = []
        self._cells: list[str] = []
        self._cell: str | None = None
        self._met = self._begun = self._over = False
        """Whether there was a TABLEDATA, a row in it, and the end of its table."""
        self._fed = self._depth = 0
        self._unread = MAX_DEPTH + 1
        """Depth of the resource that is left out."""

    def feed(self, data: bytes) -> list[Row]:
        """The rows of all TR elements that are whole."""
        return self._parse(data, last=False)

    def close(self) -> list[Row]:
        """The last ones."""
        rows = self._parse(b"", last=True)
        if self._wrong:
            raise self._wrong
        if not self._met:
            raise BadBody("the VOTable has no table with TABLEDATA")
        return rows

    def _parse(self, data: bytes, last: bool) -> list[Row]:
        try:
            self._parser.Parse(data, last)
        except expat.ExpatError as error:
            reason = expat.errors.messages[error.code]
            raise BadBody(f"line {error.lineno}: not XML ({reason})") from None
        except (LookupError, ValueError) as error:
            # The XML declaration names an encoding that Python lacks, or one that expat cannot use.
            raise BadBody(f"{self._where()}: {str(error)[:64]}; write it in UTF-8") from None
        self._fed += len(data)
        if self._fed - self._parser.CurrentByteIndex > MAX_TOKEN:
            raise BadBody(f"{self._where()}: a tag is longer than {MAX_TOKEN:,} bytes")
        rows, self._rows = self._rows, []
        return rows

    def _where(self) -> str:
        return f"line {self._parser.CurrentLineNumber}"

    def _doctype(self, *_: Any) -> None:
        raise BadBody(f"{self._where()}: a VOTable has no DOCTYPE")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise BadBody(f"{self._where()}: more than {MAX_DEPTH} elements within one another")
        if name == "RESOURCE" and attributes.get("type") == "meta":
            # It describes services; what tables it has are none of positions.
            self._unread = min(self._unread, self._depth)
        if self._over or self._unread <= self._depth:
            return
        if name == "COOSYS":
            self._describe_system(attributes)
        elif name == "TABLE":
            self._headers, self._refs, self._columns = [], [], None
        elif name == "FIELD":
            self._headers.append(Header(*(attributes.get(k, "").strip() for k in Header._fields)))
            self._refs.append(attributes.get("ref", ""))
        elif name in _BINARY:
            raise BadBody(f"{self._where()}: {name} is not taken; write the VOTable as TABLEDATA")
        elif name == "TABLEDATA":
            self._name_columns()
        elif name == "TR":
            self._cells = []
        elif name == "TD":
            self._cell = ""
        if len(self._cells) > MAX_COLUMNS or len(self._headers) > MAX_COLUMNS:
            raise BadBody(f"{self._where()}: more than {MAX_COLUMNS} columns")

    def _characters(self, text: str) -> None:
        if self._cell is not None:
            self._cell += text
            if len(self._cell) > MAX_ROW:
                raise BadBody(f"{self._where()}: a cell is longer than {MAX_ROW} characters")

    def _end(self, tag: str) -> None:
        name = tag.rpartition(":")[2]
        if self._unread == self._depth:
            self._unread = MAX_DEPTH + 1
        elif name == "TD" and self._cell is not None:
            self._cells.append(self._cell)
            self._cell = None
        elif name == "TR" and self._unread > self._depth and not self._over:
            self._read_row()
        elif name == "TABLE" and self._begun:
            self._over = True
        self._depth -= 1

    def _read_row(self) -> None:
        if self._wrong:
            raise self._wrong
        if self._columns is None:
            raise BadBody(f"{self._where()}: a TR outside of TABLEDATA")
        self._begun = True
        if len(self._cells) != len(self._headers):
            raise BadBody(
                f"{self._where()}: {len(self._cells)} TD for {len(self._headers)} FIELD elements"
            )
        self._rows.append(self._columns.read(self._cells))

    def _describe_system(self, attributes: dict[str, str]) -> None:
        if len(self._systems) == MAX_SYSTEMS:
            raise BadBody(f"{self._where()}: more than {MAX_SYSTEMS} COOSYS elements")
        system, equinox = (attributes.get(key, "").strip() for key in ("system", "equinox"))
        name = attributes.get("ID") or f"unnamed {len(self._systems)}"
        self._systems[name] = System(system, equinox)

    def _name_columns(self) -> None:
        self._met, self._wrong = True, None
        try:
            self._columns = find_columns(self._headers, self._where())
            for axis in ("ra", "dec"):
                self._check_system(axis, self._columns.places[axis])
        except BadBody as wrong:
            self._wrong = wrong

    def _check_system(self, axis: str, place: int) -> None:
        """Raise BadBody for a column that is not in ICRS, by its name, its COOSYS, or all of them.

        A column need not say which COOSYS is its own.
        """
        name = self._headers[place].name
        named = System("", "B1950") if "1950" in name else self._systems.get(self._refs[place])
        told = [named] if named else list(self._systems.values())
        if told and not any(system.is_icrs for system in told):
            frame = " ".join(filter(None, told[0]))
            raise BadBody(
                f"{self._where()}: {axis} (column {name[:64]!r}) is in the frame {frame[:64]!r}, "
                "not in ICRS; convert it to ICRS or J2000, in degrees"
            )
