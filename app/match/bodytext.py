"""Shared by the readers of positions: a row, and text that arrives in chunks."""

import codecs
from collections.abc import Mapping
from typing import Any, Final

from app.errors import BadBody

Row = Mapping[str, Any]
MAX_ROW: Final = 4096
"""Characters of one position, more than enough for four values and their separators."""


class Text:
    """Bytes -> text, also where a chunk ends within a character."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._begun = False

    def read(self, data: bytes, last: bool = False) -> str:
        """The text of these bytes. Raises BadBody if they are not UTF-8."""
        try:
            text = self._decoder.decode(data, last)
        except UnicodeDecodeError as error:
            raise BadBody(f"the body is not UTF-8: {error.reason}") from None
        if not self._begun:
            # One byte order mark is usual, a program that adds one to another's makes two.
            text = text.lstrip("\ufeff")
            self._begun = bool(text)
        return text
