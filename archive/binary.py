"""The pieces of Avro's binary encoding, each with its bounds.

Apache Avro specification 1.11, "Binary Encoding". All raise DamagedPacket for bytes that no writer
would write, and IndexError past the end of the buffer.
"""

from typing import NamedTuple

from archive.errors import DamagedPacket


class Span(NamedTuple):
    """Where bytes lie in the buffer that was decoded."""

    offset: int
    length: int


def tail(b: bytes, p: int, value: int) -> tuple[int, int]:
    """The rest of a variable-length integer whose first byte, `value`, has its high bit set.

    Returns the unsigned integer and where it ends. A packet holds a hundred of them, most of two
    bytes or of six to nine: the first step is written out, which halves the time of a short one.
    """
    byte = b[p]
    if byte < 128:
        return value & 127 | byte << 7, p + 1
    value = value & 127 | (byte & 127) << 7
    shift = 14
    while True:
        p += 1
        byte = b[p]
        if byte < 128:
            break
        value |= (byte & 127) << shift
        shift += 7
        if shift > 63:
            raise DamagedPacket("an integer of more than ten bytes")
    value |= byte << shift
    if value >> 64:
        raise DamagedPacket("an integer of more than 64 bits")
    return value, p + 1


def tail32(b: bytes, p: int, first: int) -> tuple[int, int]:
    """The same for Avro's int: a value beyond 32 bits would break the insert of a whole batch."""
    value, p = tail(b, p, first)
    if value >> 32:
        raise DamagedPacket("an int of more than 32 bits")
    return value, p


def long(b: bytes, p: int) -> tuple[int, int]:
    """A variable-length zigzag integer at `p`, and where it ends; IndexError past the end."""
    value = b[p]
    p += 1
    if value > 127:
        value, p = tail(b, p, value)
    return (value >> 1) ^ -(value & 1), p


def bad(what: str, value: object) -> None:
    """Raise DamagedPacket, from within an expression's branch."""
    raise DamagedPacket(f"{what}: {value!r}")


def text(b: bytes, p: int, n: int, end: int) -> str:
    """`n` bytes of UTF-8 at `p`, none of them past `end`."""
    if n < 0 or p + n > end:
        raise DamagedPacket(f"a text of {n} bytes where {end - p} are left")
    return b[p : p + n].decode()


def items(n: int, p: int, end: int) -> int:
    """Bound a count: an item takes a byte at least, or a few bytes could spin for ever."""
    if abs(n) > end - p:
        raise DamagedPacket(f"{n} items where {end - p} bytes are left")
    return n
