"""The opaque cursor: where a page ended or began, so that the next to it is the same for ever."""

import base64
import binascii
import json
from typing import Final, NamedTuple

from app.values import Value

_MAX_LENGTH: Final = 24_000
"""A name may have 2,700 bytes, each of which JSON may write as six."""
_INT64: Final = 2**63


class Cursor(NamedTuple):
    """The row at the edge of a page, and the search and batch that it belongs to."""

    digest: str
    as_of: int
    value: Value | None
    candid: int
    back: bool = False
    """Whether the page ends before this row, instead of beginning behind it."""

    def token(self) -> str:
        """The cursor as a client gets it."""
        # Not orjson: a value may be no number, or infinite.
        return base64.urlsafe_b64encode(json.dumps(list(self)).encode()).decode().rstrip("=")


def read_cursor(token: str) -> Cursor:
    """The cursor that a client gave back. Raises ValueError."""
    try:
        if len(token) > _MAX_LENGTH:
            raise ValueError("too long")
        padded = token.strip() + "=" * (-len(token.strip()) % 4)
        cursor = Cursor(*json.loads(base64.b64decode(padded, b"-_", validate=True)))
        if not _sound(cursor):
            raise ValueError("unsound")
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise ValueError("not a cursor of this API") from None
    return cursor


def _sound(cursor: Cursor) -> bool:
    integers = (cursor.as_of, cursor.candid)
    if not all(type(i) is int and -_INT64 <= i < _INT64 for i in integers) or cursor.as_of < 0:
        return False
    # What PostgreSQL's text cannot hold: a NUL, and surrogates, which cannot be encoded.
    if isinstance(cursor.value, str) and b"\0" in cursor.value.encode():
        return False
    if isinstance(cursor.value, int) and not -_INT64 <= cursor.value < _INT64:
        return False
    return isinstance(cursor.value, float | int | str | None) and (
        isinstance(cursor.digest, str) and isinstance(cursor.back, bool)
    )
