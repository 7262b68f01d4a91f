"""Tables written piece by piece, in constant memory: CSV, JSON Lines, and the base of all writers.

Values come column by column as the database gives them: REAL as the double that its float32 widens
to, TIME as RFC 3339 text, a missing one as None. Numbers are printed as JSON prints them, digit for
digit.

An answer may break off between any two pieces. Rows are therefore separated by line ends, not
ended by them: only `end` writes the last one, so a file without it is not whole.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain, repeat
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import orjson

from archive.columns import REAL, TEXT, TIME, Column

Values = Sequence[Sequence[Any]]
"""The rows of a piece as columns of equal length, in the order of the table's columns."""


class Table(NamedTuple):
    """What a table is called, what it holds, its columns."""

    name: str
    meaning: str
    columns: tuple[Column, ...]


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
    """Makes the bytes of one table."""

    def __init__(self, table: Table, origin: Origin) -> None: ...

    def begin(self) -> bytes: ...

    def rows(self, values: Values) -> bytes: ...

    def end(self, ending: Ending) -> bytes: ...


def shortest_floats(values: Sequence[float | None]) -> list[float | None]:
    """Doubles that print with the shortest digits that give the same float32; NaN becomes None.

    orjson prints a float32 array that way at 20 ns a number; repr(numpy.float32) takes 1 µs.
    """
    single = np.array(values, dtype=np.float32)
    printed = orjson.dumps(single, option=orjson.OPT_SERIALIZE_NUMPY)
    numbers: list[float | None] = orjson.loads(printed)
    return numbers


def tokens(column: Column, values: Sequence[Any]) -> str:
    """The values of a column that is no text as JSON prints them, with commas between them."""
    if column.kind is not REAL:
        return orjson.dumps(list(values))[1:-1].decode()
    single = np.array(values, dtype=np.float32)
    printed = orjson.dumps(single, option=orjson.OPT_SERIALIZE_NUMPY)
    # orjson writes 9.4e-6 as a double, as in the JSON, and 0.0000094 in an array of singles.
    size = np.abs(single)
    if ((size < _ALIKE[0]) & (size > 0) | (size > _ALIKE[1])).any():
        printed = orjson.dumps(orjson.loads(printed))
    return printed[1:-1].decode()


_ALIKE: Final = (1e-5, 1e12)
"""Between them, and at zero, singles and doubles of the same digits are spelled alike."""


def cells(columns: Sequence[Column], values: Values, text: Callable[[Any], str]) -> list[list[str]]:
    """The values column by column as a table shows them, nothing for a missing one.

    `text` is how a text is written.
    """
    return [
        list(map(text, column_values))
        if column.kind in (TEXT, TIME)
        else tokens(column, column_values).replace("null", "").split(",")
        for column, column_values in zip(columns, values, strict=True)
    ]


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

    def __init__(self, table: Table, origin: Origin) -> None:
        self._columns = table.columns
        self._keys = [f'{"," if n else "{"}"{c.name}":' for n, c in enumerate(table.columns)]
        self._lines = 0

    def begin(self) -> bytes:
        return b""

    def rows(self, values: Values) -> bytes:
        if not values[0]:
            return b""
        made = map(_json_tokens, self._columns, values)
        pairs = zip(map(repeat, self._keys), made, strict=True)
        lines = map("".join, zip(*chain.from_iterable(pairs), repeat("}")))
        return self._joined(list(lines))

    def end(self, ending: Ending) -> bytes:
        cut = {"truncated": True, "next": ending.next, "as_of": ending.as_of}
        more = ending.next is not None and not ending.told
        last = self._joined([orjson.dumps(cut).decode()] if more else [])
        return last + b"\n" if self._lines else last

    def _joined(self, lines: list[str]) -> bytes:
        before, self._lines = self._lines, self._lines + len(lines)
        return "\n".join(["", *lines] if before and lines else lines).encode()


def _json_tokens(column: Column, values: Sequence[Any]) -> Sequence[str]:
    """The values of a column as JSON, each by itself."""
    if column.kind in (TEXT, TIME):
        return [orjson.dumps(value).decode() for value in values]
    printed = tokens(column, values).split(",")
    if not column.as_text:
        return printed
    return [one if one == "null" else f'"{one}"' for one in printed]


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

    def __init__(self, table: Table, origin: Origin) -> None:
        self._columns = table.columns

    def begin(self) -> bytes:
        return ",".join(c.name for c in self._columns).encode()

    def rows(self, values: Values) -> bytes:
        if not values[0]:
            return b""
        made = cells(self._columns, values, _quoted)
        if len(made) == 1:
            # Readers skip blank lines: a row would be lost.
            made = [[cell or '""' for cell in made[0]]]
        return _CRLF.join(["", *map(",".join, zip(*made, strict=True))]).encode()

    def end(self, ending: Ending) -> bytes:
        if ending.next is None or ending.told:
            return _CRLF.encode()
        cut = f"# truncated: more matched; next={ending.next} as_of={ending.as_of}"
        return f"{_CRLF}{cut}{_CRLF}".encode()


class Format(NamedTuple):
    """One of the formats of an answer."""

    media_type: str
    """What is sent."""
    accepted: tuple[str, ...]
    """Media types that ask for it in Accept."""
    suffix: str
    writer: Callable[[Table, Origin], Writer] | None
    """None for JSON, whose body has more than the rows."""
    nested: bool = False
    """Whether a cell can be an object."""
    squeezed: bool = False
    """Whether its bytes are compressed as they are."""
