"""Avro's binary form of flat records, written fast.

fastavro's writer looks at a union's branches for each value, 25 microseconds a history entry; an
alert has fifty of them. Here neighbouring floating-point fields are packed together, 3 to 5
microseconds an entry. The tests read every packet back with fastavro.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

Record = dict[str, Any]
Piece = Callable[[Record], bytes]


class Entry(Record):
    """An entry of a history that carries its bytes: it comes in many packets, encoded once.

    To be copied (`entry | changes` is a plain dict without bytes), never changed in place.
    """

    __slots__ = ("wire",)

    def __init__(self, record: Record, wire: bytes) -> None:
        super().__init__(record)
        self.wire = wire


PACKED: Final = {"float": "f", "double": "d"}
NULL_BRANCH: Final = b"\x00"
VALUE_BRANCH: Final = b"\x02"
SEVEN_BITS: Final = 0x7F
# Most integers and strings come again: filters, quadrants, the names of a field's images.
REMEMBERED: Final = 16_384


@lru_cache(REMEMBERED)
def long(value: int) -> bytes:
    """A variable-length integer: zigzag, seven bits a byte, the lowest first."""
    left, out = (value << 1) ^ (value >> 63), bytearray()
    while left > SEVEN_BITS:
        out.append(left & SEVEN_BITS | 0x80)
        left >>= 7
    out.append(left)
    return bytes(out)


@lru_cache(REMEMBERED)
def text(value: str) -> bytes:
    """A string: its length and its bytes."""
    content = value.encode()
    return long(len(content)) + content


def encoder(fields: Sequence[Record], absent: AbstractSet[str] = frozenset()) -> Piece:
    """The function that encodes a record of these fields, of which the absent ones are all null."""

    def group(field: Record) -> str:
        kind = "packed" if kind_of(field) in PACKED else "single"
        return "absent" if field["name"] in absent else kind

    pieces: list[Piece] = []
    for kind, run in groupby(fields, key=group):
        if kind == "absent":
            pieces.append(constant_piece(NULL_BRANCH * len(list(run))))
        elif kind == "packed":
            pieces.append(packed_piece(list(run)))
        else:
            pieces += [single_piece(field) for field in run]
    return lambda record: b"".join([piece(record) for piece in pieces])


def constant_piece(content: bytes) -> Piece:
    """Encodes what is always the same."""
    return lambda _: content


def kind_of(field: Record) -> str:
    """The field's type without null."""
    kind = field["type"]
    return str(kind[1] if isinstance(kind, list) else kind)


def single_piece(field: Record) -> Piece:
    """Encodes one integer or string."""
    name = field["name"]
    write: Callable[[Any], bytes] = text if kind_of(field) == "string" else long
    if not isinstance(field["type"], list):
        return lambda record: write(record[name])

    def nullable(record: Record) -> bytes:
        value = record[name]
        return NULL_BRANCH if value is None else VALUE_BRANCH + write(value)

    return nullable


def packed_piece(fields: Sequence[Record]) -> Piece:
    """Encodes neighbouring floats and doubles: at once if all are there, or all are null.

    A nullable one is a pad byte and the value in the struct's format; the pads are then filled.
    """
    names = [field["name"] for field in fields]
    layout, branches = "<", []
    for field in fields:
        if isinstance(field["type"], list):
            branches.append(struct.calcsize(layout))
            layout += "x"
        layout += PACKED[kind_of(field)]
    pack = struct.Struct(layout).pack
    mask = bytearray(struct.calcsize(layout))
    for place in branches:
        mask[place] = VALUE_BRANCH[0]
    filled, size = int.from_bytes(mask, "big"), len(mask)
    alone = [(field["name"], one_packed(field)) for field in fields]
    values = itemgetter(*names) if len(names) > 1 else lambda record: (record[names[0]],)
    all_null = (None,) * len(names)

    def write(record: Record) -> bytes:
        found = values(record)
        if found == all_null:
            return bytes(len(names))
        if None in found:
            return b"".join([one(record[name]) for name, one in alone])
        return (int.from_bytes(pack(*found), "big") | filled).to_bytes(size, "big")

    return write


def one_packed(field: Record) -> Callable[[Any], bytes]:
    """Encodes one float or double."""
    pack = struct.Struct("<" + PACKED[kind_of(field)]).pack
    if not isinstance(field["type"], list):
        return pack
    return lambda value: NULL_BRANCH if value is None else VALUE_BRANCH + pack(value)
