"""The opaque cursor: where a page ended or began, so that the page next to it never changes.

Its last bytes are a checksum: a changed, cut or mistyped cursor is refused and never leads to wrong
pages. It holds no secret and grants no right.
"""

import base64
import binascii
import hashlib
import json
from typing import Final, NamedTuple

from app.search.values import Value

_MAX_LENGTH: Final = 24_000
"""A name may have 2,700 bytes, each of which JSON may write as six."""
_INT64: Final = 2**63
_CHECK: Final = 6
"""Bytes of the checksum."""


class Cursor(NamedTuple):
    """The row at the edge of a page, and the search and batch that it belongs to."""

    digest: str
    as_of: int
    value: Value | None
    id: int
    """The alert's: its candid, for ZTF."""
    back: bool = False
    """Whether the page ends before this row, instead of beginning after it."""

    def token(self) -> str:
        """The cursor as a client gets it."""
        # Not orjson: a value may be no number, or infinite.
        said = json.dumps(list(self)).encode()
        return base64.urlsafe_b64encode(said + _checksum(said)).decode().rstrip("=")


def _checksum(said: bytes) -> bytes:
    return hashlib.sha256(said).digest()[:_CHECK]


def read_cursor(token: str) -> Cursor:
    """The cursor that a client gave back. Raises ValueError."""
    try:
        if len(token) > _MAX_LENGTH:
            raise ValueError("too long")
        bare = token.strip()
        data = base64.b64decode(bare + "=" * (-len(bare) % 4), b"-_", validate=True)
        cursor = Cursor(*json.loads(data[:-_CHECK]))
        # Base64 and JSON have several spellings of one value: only ours is accepted.
        if not _sound(cursor) or cursor.token() != bare:
            raise ValueError("unsound")
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise ValueError("not a cursor of this API") from None
    return cursor


def _sound(cursor: Cursor) -> bool:
    integers = (cursor.as_of, cursor.id)
    if not all(type(i) is int and -_INT64 <= i < _INT64 for i in integers) or cursor.as_of < 0:
        return False
    # PostgreSQL's text holds no NUL; surrogates cannot be encoded at all.
    if isinstance(cursor.value, str) and b"\0" in cursor.value.encode():
        return False
    if isinstance(cursor.value, int) and not -_INT64 <= cursor.value < _INT64:
        return False
    return isinstance(cursor.value, float | int | str | None) and (
        isinstance(cursor.digest, str) and isinstance(cursor.back, bool)
    )
