"""Tables written piece by piece, in constant memory: CSV, JSON Lines, and the base of all writers.

Values come column by column as the database gives them: REAL as the double that its float32 widens
to, TIME as RFC 3339 text, a missing one as None. Numbers are printed as JSON prints them, digit for
digit.

An answer may break off between any two pieces. Rows are therefore separated by line ends, not
ended by them: only `end` writes the last one, so a file without it is not whole.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import orjson

from app.answers.cells import Layout, Spelling, write_rows
from archive.columns import REAL, Column
from archive.objects import Bytes

PIECE: Final = 2000
"""Rows written at once: each piece costs 2 ms beside 8 µs a row, and needs 15 MB."""
Values = Sequence[Any]
"""The rows of a piece as columns of equal length, in the order of the table's columns.

Each is a list, or an array of Arrow whose missing values are null.
"""


class Table(NamedTuple):
    """What a table is called, what it holds, its columns."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    linked: str = ""
    """The column, if there is one, whose values are ids that DataLink knows."""


class Origin(NamedTuple):
    """Where a table comes from."""

    service: str
    """Address of the service that made it."""
    request: str
    """Address of the request that it answers."""
    as_of: int | None
    """Batch up to which the archive was seen; None if the table is not from the archive."""


class Ending(NamedTuple):
    """The end of an answer: the cursor of the next page, None if there is none; and the batch."""

    next: str | None
    as_of: int | None
    """As Origin has it."""
    told: bool = True
    """Whether the headers contain it; those of a long answer are sent before its end is known."""


class Writer(Protocol):
    """Makes the bytes of one table; `begun`: another has made its beginning, and rows."""

    def __init__(self, table: Table, origin: Origin, *, begun: bool = False) -> None: ...

    def begin(self) -> bytes: ...

    def rows(self, values: Values) -> Bytes: ...

    def end(self, ending: Ending) -> bytes: ...


def shortest_floats(values: Sequence[float | None]) -> list[float | None]:
    """Doubles that print with the shortest digits that give the same float32; NaN becomes None.

    orjson prints a float32 array that way at 20 ns a number; repr(numpy.float32) takes 1 µs.
    """
    single = np.array(values, dtype=np.float32)
    printed = orjson.dumps(single, option=orjson.OPT_SERIALIZE_NUMPY)
    numbers: list[float | None] = orjson.loads(printed)
    return numbers


def json_items(columns: Sequence[Column], values: Values) -> list[dict[str, Any]]:
    """The rows as JSON objects."""
    made = [_json_values(c, v) for c, v in zip(columns, values, strict=True)]
    names = [c.name for c in columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*made, strict=True)]


def _json_values(column: Column, values: Sequence[Any]) -> Sequence[Any]:
    if column.kind is REAL:
        return shortest_floats(values)
    if column.as_text:
        return [None if value is None else str(value) for value in values]
    return values


class JsonLines:
    """One object per line. A last line says that more matched if the headers could not."""

    def __init__(self, table: Table, origin: Origin, *, begun: bool = False) -> None:
        self._columns = table.columns
        keys = [f'"{c.name}":' for c in table.columns]
        ends = [*(f",{key}" for key in keys[1:]), "}"]
        self._layout = Layout(
            f"\n{{{keys[0]}", ends, [Spelling(_json_text, '"')] * len(keys), "null", True
        )
        self._begun = begun

    def begin(self) -> bytes:
        return b""

    def rows(self, values: Values) -> Bytes:
        return self._after(write_rows(self._layout, self._columns, values))

    def end(self, ending: Ending) -> bytes:
        cut = {"truncated": True, "next": ending.next, "as_of": ending.as_of}
        more = ending.next is not None and not ending.told
        last = self._after(b"\n" + orjson.dumps(cut) if more else b"")
        return bytes(last) + b"\n" if self._begun else b""

    def _after(self, lines: Bytes) -> Bytes:
        """Lines, each of which begins with a line end; the first of all does not."""
        begun, self._begun = self._begun, self._begun or bool(lines)
        return lines if begun else lines[1:]


def _json_text(value: Any) -> str:
    return orjson.dumps(value).decode()


_CRLF: Final = "\r\n"
_SPECIAL: Final = re.compile(r'[,"\r\n]|^\s|\s$|^$')


@lru_cache(maxsize=4096)
def _quoted(text: str | None) -> str:
    """A CSV cell; empty in quotes is the empty string, and without them missing."""
    if text is None or text.isalnum():
        return text or ""
    return '"' + text.replace('"', '""') + '"' if _SPECIAL.search(text) else text


class Csv:
    """RFC 4180 with a header. A last line that begins with # says what the headers could not."""

    def __init__(self, table: Table, origin: Origin, *, begun: bool = False) -> None:
        self._columns = table.columns
        count = len(table.columns)
        # Readers skip blank lines: the row of a single column that is missing would be lost.
        missing = "" if count > 1 else '""'
        ends = [","] * (count - 1) + [""]
        spelling = Spelling(_quoted if count > 1 else _never_blank)
        self._layout = Layout(_CRLF, ends, [spelling] * count, missing, False)

    def begin(self) -> bytes:
        return ",".join(c.name for c in self._columns).encode()

    def rows(self, values: Values) -> Bytes:
        return write_rows(self._layout, self._columns, values)

    def end(self, ending: Ending) -> bytes:
        if ending.next is None or ending.told:
            return _CRLF.encode()
        cut = f"# truncated: more matched; next={ending.next} as_of={ending.as_of}"
        return f"{_CRLF}{cut}{_CRLF}".encode()


def _never_blank(text: str | None) -> str:
    return _quoted(text) or '""'


class Tsv:
    """IANA's text/tab-separated-values: nothing is quoted, and a text has no tab or line end."""

    def __init__(self, table: Table, origin: Origin, *, begun: bool = False) -> None:
        self._columns = table.columns
        count = len(table.columns)
        ends = ["\t"] * (count - 1) + [""]
        self._layout = Layout("\n", ends, [Spelling(_on_one_line)] * count, "", False)

    def begin(self) -> bytes:
        return "\t".join(c.name for c in self._columns).encode()

    def rows(self, values: Values) -> Bytes:
        return write_rows(self._layout, self._columns, values)

    def end(self, ending: Ending) -> bytes:
        return b"\n" if ending.next is None or ending.told else b"\n# truncated: more matched\n"


def _on_one_line(text: str | None) -> str:
    return " ".join(re.split(r"[\t\r\n]", text or ""))


class Format(NamedTuple):
    """One of the formats of an answer."""

    media_type: str
    """What is sent."""
    accepted: tuple[str, ...]
    """Media types that ask for it in Accept."""
    suffix: str
    writer: type[Writer] | None
    """None for JSON, whose body has more than the rows."""
    nested: bool = False
    """Whether a cell can be an object."""
    squeezed: bool = False
    """Whether its bytes are compressed as they are."""
