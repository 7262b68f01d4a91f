"""A CSV table of positions, read as it arrives."""

import csv
from typing import Final

from app.errors import BadBody
from app.match.bodytext import MAX_ROW, Row, Text
from app.match.columns import Columns, find_columns, read_header
from app.search.values import read_number

_SEPARATORS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
MAX_LINES: Final = 100
"""Lines of one row: each time it goes on, it is read again from its beginning."""
_OPEN: Final = "unexpected end of data"
"""What csv says of a quoted cell that has no end yet."""


class CsvReader:
    """A line of names, then a row for each position; the names' separator is that of the rows.

    A line that begins with # is a comment, unless it reads as a position whose id does.
    """

    def __init__(self) -> None:
        self._text, self._buffer = Text(), ""
        self._line = 0
        self._row: list[str] = []
        """The lines of a row that is not whole."""
        self._separator, self._width = ",", 0
        self._columns: Columns | None = None

    def feed(self, data: bytes) -> list[Row]:
        """The rows of all lines that are whole."""
        lines = (self._buffer + self._text.read(data)).split("\n")
        self._buffer = lines.pop()
        rows = self._rows([f"{line}\n" for line in lines])
        if len(self._buffer) > MAX_ROW:
            raise BadBody(_too_long(self._line + 1))
        return rows

    def close(self) -> list[Row]:
        """The row of a last line without an end."""
        rows = self._rows([self._buffer + self._text.read(b"", last=True)])
        if self._row:
            raise BadBody(f"line {self._first} is not CSV: a quoted cell has no end")
        if self._columns is None:
            raise BadBody("the table has no names of columns; needed are ra and dec, in degrees")
        return rows

    @property
    def _first(self) -> int:
        """The line in which the row that is not whole began."""
        return self._line + 1 - len(self._row)

    def _rows(self, lines: list[str]) -> list[Row]:
        return [row for line in lines if (row := self._take(line)) is not None]

    def _take(self, line: str) -> Row | None:
        """The row that ends with this line; None if none does."""
        self._line += 1
        if not self._row and self._is_skipped(line):
            return None
        self._row.append(line)
        self._check_row()
        if len(self._row) > 1 and '"' not in line:
            return None
        try:
            cells = _split(self._row, self._separator) if self._columns else self._split_names()
        except csv.Error as error:
            raise BadBody(f"line {self._first} is not CSV: {error}") from None
        if cells is None:
            return None
        first, self._row = self._first, []
        if self._columns is None:
            headers = [read_header(cell) for cell in cells]
            apart = f", parted by {_SEPARATORS[self._separator]},"
            self._columns = find_columns(headers, f"line {first}", apart)
            self._width = len(cells)
            return None
        if len(cells) != self._width:
            raise BadBody(f"line {first} has {len(cells)} values, the line of names {self._width}")
        return self._columns.read(cells)

    def _check_row(self) -> None:
        """Raise BadBody for a row that goes on too long."""
        if len(self._row) == 1 and len(self._row[0]) > MAX_ROW:
            raise BadBody(_too_long(self._line))
        if len(self._row) > MAX_LINES or sum(map(len, self._row)) > MAX_ROW:
            raise BadBody(
                f"line {self._first}: a quoted cell begins here and goes on for more than "
                f"{MAX_LINES} lines or {MAX_ROW} characters; is its second quote missing?"
            )

    def _is_skipped(self, line: str) -> bool:
        """Whether a line is blank or a comment."""
        if not line.startswith("#"):
            return not line.strip()
        if self._columns is None:
            return True
        try:
            cells = _split([line], self._separator)
            if cells is None or len(cells) != self._width:
                return True
            row = self._columns.read(cells)
            read_number(row["ra"])
            read_number(row["dec"])
        except (csv.Error, ValueError):
            return True
        return False

    def _split_names(self) -> list[str] | None:
        """The names, by the separator that makes the most of them; None while one is open."""
        tried: dict[str, list[str]] = {}
        wrong = csv.Error()
        for separator in _SEPARATORS:
            try:
                cells = _split(self._row, separator)
            except csv.Error as error:
                wrong = error
                continue
            if cells is None:
                return None
            tried[separator] = cells
        if not tried:
            raise wrong
        self._separator = max(tried, key=lambda separator: len(tried[separator]))
        return tried[self._separator]


def _too_long(line: int) -> str:
    return f"line {line} is longer than {MAX_ROW} characters"


def _split(lines: list[str], separator: str) -> list[str] | None:
    """The cells of a row; None while a quoted one is open. Raises csv.Error."""
    try:
        return next(csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True))
    except csv.Error as error:
        if str(error) == _OPEN:
            return None
        raise
