"""Gzip that is expanded as it comes, by no more than is asked for at a time."""

import zlib
from typing import Final

from app.errors import BadBody

_GZIP: Final = 31
"""Of zlib: a gzip header, and the largest window."""


class Gunzip:
    """One body in gzip, which may be of several members one after another."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self._waiting = b""
        self._cut = False
        """Whether the last piece ended only because it was as long as it might be."""

    def feed(self, data: bytes) -> None:
        """Take what has come."""
        self._waiting += data

    def read(self, most: int) -> bytes:
        """The next bytes, `most` at most; none before more is fed. Raises BadBody."""
        while self._waiting or self._cut:
            if self._member.eof:
                self._member = zlib.decompressobj(_GZIP)
            try:
                piece = self._member.decompress(self._waiting, most)
            except zlib.error as error:
                raise BadBody(
                    f"the body is not gzip, as its Content-Encoding says: {error}"
                ) from None
            self._waiting = self._member.unconsumed_tail or self._member.unused_data
            self._cut = len(piece) == most and not self._member.eof
            if piece:
                return piece
        return b""

    def check_end(self) -> None:
        """Raise BadBody where the gzip is not over."""
        if not self._member.eof:
            raise BadBody("the body ends in the middle of its gzip")
