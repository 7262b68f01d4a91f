"""A number for a set of rows that does not depend on their order: equal for equal rows.

Every value of a row is mixed into 64 bits, and the rows are added up. Two sets that differ have the
same number with a chance of 2^-64: a guard against mistakes, and none against intent.
"""

import hashlib
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Bits = NDArray[np.uint64]
_NULL: Final = np.uint64(0x9E3779B97F4A7C15)
_FACTORS: Final = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_HALF: Final = (np.uint64(30), np.uint64(27), np.uint64(31))


def sum_of(table: Any) -> int:
    """The number of some rows; those of parts are added up modulo 2^64."""
    return int(hashes_of(table).sum(dtype=np.uint64))


def hashes_of(table: Any) -> Bits:
    """The number of each row."""
    rows = np.zeros(table.num_rows, np.uint64)
    for name in table.schema.names:
        salt = np.uint64(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little"))
        rows += _mixed(_bits(table[name]) ^ salt)
    return _mixed(rows)


def _mixed(bits: Bits) -> Bits:
    """Every bit of a number into every other (the finaliser of splitmix64, by Steele et al. 2014)."""
    bits = (bits ^ (bits >> _HALF[0])) * _FACTORS[0]
    bits = (bits ^ (bits >> _HALF[1])) * _FACTORS[1]
    return bits ^ (bits >> _HALF[2])


def _bits(column: Any) -> Bits:
    """64 bits for each value: those of the value itself, or a hash of a text's."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_string(array.type):
        words = array.dictionary_encode()
        of_word = np.array([_of_text(text) for text in words.dictionary.to_pylist()], np.uint64)
        which = np.asarray(words.indices.fill_null(0))
        bits = of_word[which] if len(of_word) else np.zeros(len(which), np.uint64)
    elif pa.types.is_boolean(array.type):
        bits = np.asarray(array.fill_null(False)).astype(np.uint64)
    else:
        wide = {4: np.uint32, 8: np.uint64}[array.type.bit_width // 8]
        values = np.asarray(array.fill_null(0) if array.null_count else array)
        bits = values.view(wide).astype(np.uint64)
    if array.null_count:
        bits = np.where(np.asarray(pc.is_null(array)), _NULL, bits)
    return bits


def _of_text(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
