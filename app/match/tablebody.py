"""Tables of positions, CSV or VOTable, read as they arrive."""

import csv
from typing import Any, Final
from xml.parsers import expat

from app.errors import BadBody
from app.match.bodytext import COLUMNS, MAX_ROW, Row, Text

MAX_COLUMNS: Final = 1000
MAX_DEPTH: Final = 100
"""Elements within one another; expat keeps the tag of each until it ends."""
MAX_TOKEN: Final = 1_000_000
"""Bytes of a tag or a comment, which expat holds until they end."""


class CsvReader:
    """A line of names, then a line for each position; lines that begin with # are comments."""

    def __init__(self) -> None:
        self._text, self._buffer = Text(), ""
        self._line, self._names = 0, list[str]()

    def feed(self, data: bytes) -> list[Row]:
        """The rows of all lines that are whole."""
        lines = (self._buffer + self._text.read(data)).split("\n")
        self._buffer = lines.pop()
        if len(self._buffer) > MAX_ROW:
            raise BadBody(f"line {self._line + len(lines) + 1} is longer than {MAX_ROW} characters")
        return self._rows(lines)

    def close(self) -> list[Row]:
        """The row of a last line without an end."""
        rows = self._rows([self._buffer + self._text.read(b"", last=True)])
        if not self._names:
            raise BadBody(_NO_NAMES)
        return rows

    def _rows(self, lines: list[str]) -> list[Row]:
        rows: list[Row] = []
        for line in lines:
            self._line += 1
            if not line.strip() or line.startswith("#"):
                continue
            cells = self._cells(line)
            if not self._names:
                self._names = [name.strip().lower() for name in cells]
                _check_names(self._names, f"line {self._line}")
            elif len(cells) != len(self._names):
                raise BadBody(
                    f"line {self._line} has {len(cells)} values, "
                    f"the line of names {len(self._names)}"
                )
            else:
                rows.append(_known(self._names, cells))
        return rows

    def _cells(self, line: str) -> list[str]:
        if len(line) > MAX_ROW:
            raise BadBody(f"line {self._line} is longer than {MAX_ROW} characters")
        try:
            return next(csv.reader([line.removesuffix("\r")], strict=True))
        except csv.Error as error:
            raise BadBody(f"line {self._line} is not CSV: {error}") from None


_NO_NAMES: Final = f"the table has no names of columns; needed are ra and dec of {COLUMNS}"


def _check_names(names: list[str], where: str) -> None:
    """A table must say which columns are ra and dec, and say each name once."""
    known = [name for name in names if name in COLUMNS]
    lacking = [name for name in ("ra", "dec") if name not in known]
    if lacking:
        raise BadBody(f"{where}: there is no column {' and no column '.join(lacking)}")
    if doubled := next((name for name in known if known.count(name) > 1), None):
        raise BadBody(f"{where}: there are several columns {doubled}")


def _known(names: list[str], cells: list[str]) -> Row:
    return {name: cell.strip() for name, cell in zip(names, cells, strict=True) if name in COLUMNS}


_UCDS: Final = {
    "meta.id;meta.main": "id",
    "id_main": "id",
    "pos.eq.ra;meta.main": "ra",
    "pos_eq_ra_main": "ra",
    "pos.eq.dec;meta.main": "dec",
    "pos_eq_dec_main": "dec",
}
_UNITS: Final = {"": "", "deg": "", "arcmin": "'", "arcsec": '"'}
_BINARY: Final = ("BINARY", "BINARY2", "FITS", "PARQUET", "STREAM")


class VotableReader:
    """The first table of a VOTable in TABLEDATA; columns by name, else by UCD."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.buffer_text = True
        self._fields: list[tuple[str, str, str]] = []
        self._names: list[str] = []
        self._radius_unit = ""
        self._rows: list[Row] = []
        self._cells: list[str] = []
        self._cell: str | None = None
        self._over = False
        self._fed = self._depth = 0

    def feed(self, data: bytes) -> list[Row]:
        """The rows of all TR elements that are whole."""
        return self._parse(data, last=False)

    def close(self) -> list[Row]:
        """The last ones."""
        rows = self._parse(b"", last=True)
        if not self._names:
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
        if self._over:
            return
        if name == "FIELD":
            told = (attributes.get(key, "").strip() for key in ("name", "ucd", "unit"))
            self._fields.append(tuple(told))  # type: ignore[arg-type]
        elif name in _BINARY:
            raise BadBody(f"{self._where()}: {name} is not taken; write the VOTable as TABLEDATA")
        elif name == "TABLEDATA":
            self._name_columns()
        elif name == "TR":
            self._cells = []
        elif name == "TD":
            self._cell = ""
        if len(self._cells) > MAX_COLUMNS or len(self._fields) > MAX_COLUMNS:
            raise BadBody(f"{self._where()}: more than {MAX_COLUMNS} columns")

    def _characters(self, text: str) -> None:
        if self._cell is not None:
            self._cell += text
            if len(self._cell) > MAX_ROW:
                raise BadBody(f"{self._where()}: a cell is longer than {MAX_ROW} characters")

    def _end(self, tag: str) -> None:
        name = tag.rpartition(":")[2]
        self._depth -= 1
        if name == "TD" and self._cell is not None:
            self._cells.append(self._cell)
            self._cell = None
        elif name == "TR" and self._names and not self._over:
            self._row()
        elif name == "TABLE" and self._names:
            self._over = True

    def _row(self) -> None:
        if len(self._cells) != len(self._names):
            raise BadBody(
                f"{self._where()}: {len(self._cells)} TD for {len(self._names)} FIELD elements"
            )
        row = dict(_known(self._names, self._cells))
        if row.get("radius"):
            row["radius"] += self._radius_unit
        self._rows.append(row)

    def _name_columns(self) -> None:
        names = [name.lower() for name, _, _ in self._fields]
        for n, (_, ucd, _) in enumerate(self._fields):
            meant = _UCDS.get(ucd.lower(), "")
            if meant and meant not in names:
                names[n] = meant
        _check_names(names, self._where())
        for name, (_, _, unit) in zip(names, self._fields, strict=True):
            if name in ("ra", "dec") and unit not in ("", "deg"):
                raise BadBody(f"{self._where()}: {name} is in {unit[:64]!r}, not in deg")
            if name == "radius":
                if unit not in _UNITS:
                    raise BadBody(f"{self._where()}: radius is in {unit[:64]!r}, not in deg")
                self._radius_unit = _UNITS[unit]
        self._names = names
