"""Shared by the readers of positions: a row, and text that arrives in chunks."""

import codecs
from collections.abc import Mapping
from typing import Any, Final

from app.errors import BadBody

Row = Mapping[str, Any]
COLUMNS: Final = ("id", "ra", "dec", "radius")
MAX_ROW: Final = 4096
"""Characters of one position, more than enough for four values and their separators."""


class Text:
    """Bytes -> text, also where a chunk ends within a character."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()

    def read(self, data: bytes, last: bool = False) -> str:
        """The text of these bytes. Raises BadBody if they are not UTF-8."""
        try:
            return self._decoder.decode(data, last)
        except UnicodeDecodeError as error:
            raise BadBody(f"the body is not UTF-8: {error.reason}") from None
