"""A JSON body of positions, read as it arrives."""

import json
import re
from typing import Any, Final

from app.errors import BadBody
from app.match.bodytext import MAX_ROW, Row, Text


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not a JSON number")


_OPENING: Final = re.compile(r'\s*(\[|\{\s*"positions"\s*:\s*\[)')
_CLOSING: Final = {"[": re.compile(r"\s*"), "{": re.compile(r"\s*\}\s*")}
_BLANK: Final = re.compile(r"[\s]*")


class JsonReader:
    """`{"positions": [{…}, …]}`, or the list alone; a position is an object."""

    def __init__(self) -> None:
        self._decoder = json.JSONDecoder(parse_constant=_no_number)
        self._text, self._buffer = Text(), ""
        self._gone, self._count = 0, 0
        self._state, self._opening = "opening", ""

    def feed(self, data: bytes) -> list[Row]:
        """The rows that are whole."""
        self._buffer += self._text.read(data)
        return self._rows(last=False)

    def close(self) -> list[Row]:
        """The last ones."""
        self._buffer += self._text.read(b"", last=True)
        rows = self._rows(last=True)
        if self._state != "closing":
            raise self._bad("the body ends before its list does", len(self._buffer))
        if not _CLOSING[self._opening].fullmatch(self._buffer):
            raise self._bad("there is more text after the list of positions", 0)
        return rows

    def _bad(self, reason: str, place: int) -> BadBody:
        return BadBody(
            f"{reason}: at character {self._gone + place}, after {self._count} positions"
        )

    def _rows(self, last: bool) -> list[Row]:
        rows: list[Row] = []
        place = 0
        if self._state == "opening":
            place = self._open(last)
        while self._state in ("first", "next", "comma"):
            place = _end_of_blanks(self._buffer, place)
            if place == len(self._buffer):
                break
            mark = self._buffer[place]
            if mark == "]" and self._state != "next":
                self._state, place = "closing", place + 1
            elif self._state == "comma":
                if mark != ",":
                    raise self._bad("a comma or the end of the list is missing", place)
                self._state, place = "next", place + 1
            else:
                row, after = self._position(place, last)
                if row is None:
                    break
                rows.append(row)
                place, self._count, self._state = after, self._count + 1, "comma"
        self._buffer, self._gone = self._buffer[place:], self._gone + place
        if self._state == "closing" and len(self._buffer) > MAX_ROW:
            raise self._bad("there is more text after the list of positions", 0)
        return rows

    def _open(self, last: bool) -> int:
        match = _OPENING.match(self._buffer)
        if match is None:
            if last or len(self._buffer) > MAX_ROW:
                raise self._bad('the body must be {"positions": […]} or a list', 0)
            return 0
        self._state, self._opening = "first", match.group(1)[0]
        return match.end()

    def _position(self, place: int, last: bool) -> tuple[Row | None, int]:
        """The object that begins here and where it ends; None if the rest has not come yet."""
        if self._buffer[place] != "{":
            raise self._bad("a position is not an object", place)
        try:
            row, after = self._decoder.raw_decode(self._buffer[place : place + MAX_ROW])
        except RecursionError:
            raise self._bad("nested too deeply", place) from None
        except ValueError as error:
            if len(self._buffer) - place >= MAX_ROW or last:
                wrong = getattr(error, "msg", str(error))[:200]
                raise self._bad(f"not JSON ({wrong})", place + getattr(error, "pos", 0)) from None
            return None, place
        return row, place + after


def _end_of_blanks(text: str, place: int) -> int:
    match = _BLANK.match(text, place)
    return match.end() if match else place
