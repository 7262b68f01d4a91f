"""Text -> value: how a value of each kind is read; what cannot be read is a ValueError."""

import math
import re
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from archive import times

Value = float | int | str | bool
Parse = Callable[[str], Value]

MAX_TEXT: Final = 200
"""Characters of one value, whatever its kind; a list may have many values."""
_INT64: Final = 2**63
# No two parts can match the same digits, so a bad ending is found in one pass.
NUMBER: Final = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
MOMENT: Final = (
    "[1-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    "([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)
"""A moment as openapi.json describes it; `read_moment` reads more, and knows the calendar."""
_NUMBER: Final = re.compile(NUMBER)
_INTEGER: Final = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


def read_number(text: str) -> float:
    """A finite decimal number; blanks around it and a plus sign are allowed. Raises ValueError."""
    if not _NUMBER.fullmatch(bare := _stripped(text)):
        raise ValueError("not a number")
    value = float(bare)
    if not math.isfinite(value):
        raise ValueError("outside the range of double precision")
    return value


def read_single(text: str) -> float:
    """The float32 nearest to a number, as a double: the REAL that was printed as this number."""
    try:
        (value,) = struct.unpack("<f", struct.pack("<f", read_number(text)))
    except OverflowError:
        raise ValueError("outside the range of single precision") from None
    return float(value)


def read_integer(text: str) -> int:
    """A 64-bit integer."""
    if not _INTEGER.fullmatch(bare := _stripped(text)):
        raise ValueError("not an integer")
    value = int(bare)
    if not -_INT64 <= value < _INT64:
        raise ValueError("outside the range of 64-bit integers")
    return value


def read_text(text: str) -> str:
    """A name or an id: a string that can be printed."""
    if len(text) > MAX_TEXT:
        raise ValueError(_TOO_LONG)
    if not text.isprintable():
        raise ValueError("holds characters that cannot be printed")
    return text.strip()


def read_stored(text: str) -> str:
    """Any string that PostgreSQL can hold, without the blanks around it."""
    if len(text) > MAX_TEXT:
        raise ValueError(_TOO_LONG)
    if _UNSTORABLE.search(text):
        raise ValueError("holds a NUL or a lone surrogate, which cannot be stored")
    return text.strip()


_TOO_LONG: Final = f"longer than {MAX_TEXT} characters"


def _stripped(text: str) -> str:
    """A value without the blanks around it. Raises ValueError beyond MAX_TEXT."""
    if len(bare := text.strip()) > MAX_TEXT:
        raise ValueError(f"a value {_TOO_LONG}")
    return bare


def read_truth(text: str) -> bool:
    """true or false."""
    try:
        return {"true": True, "false": False}[text.strip().lower()]
    except KeyError:
        raise ValueError("must be true or false") from None


def read_band_of(bands: Sequence[str]) -> Parse:
    """A filter of the survey's camera."""

    def read(text: str) -> str:
        if text.strip() not in bands:
            raise ValueError(f"{text.strip()[:9]!r} is not one of {', '.join(bands)}")
        return text.strip()

    return read


def read_moment(text: str) -> float:
    """Julian date of an RFC 3339 time or a date; without an offset it is UTC."""
    # In a query string the plus of an offset arrives as a blank.
    mended = re.sub(r"(:\d\d(?:\.\d+)?) (\d\d:\d\d)$", r"\1+\2", _stripped(text), flags=re.ASCII)
    try:
        read = datetime.fromisoformat(mended)
        return times.jd_of(read.astimezone(UTC) if read.tzinfo else read)
    except (ValueError, OverflowError):
        raise ValueError("not a date or an RFC 3339 time") from None


def read_mjd(text: str) -> float:
    """Julian date of a modified Julian date."""
    return read_number(text) + times.MJD_EPOCH_JD


def read_angle_within(low: float, high: float) -> Parse:
    """Degrees from `low` to `high`."""

    def read(text: str) -> float:
        if not low <= (value := read_number(text)) <= high:
            raise ValueError(f"must be between {low:g} and {high:g} degrees")
        return value

    return read
