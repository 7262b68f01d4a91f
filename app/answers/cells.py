"""Rows as text, written column by column: what stands in each cell, and what follows it.

A column is printed as a whole (orjson: 20 ns a number), cut into its cells where the commas stand,
and all columns are joined row by row (pyarrow: 20 ns a cell). Python touches no number by itself,
and each text once for all its repetitions: a row of 113 columns takes 8 µs.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import orjson

from app import late
from archive.columns import REAL, TEXT, TIME, Column, Kind
from archive.objects import Bytes

if TYPE_CHECKING:
    import pyarrow as pa

_COMMA: Final = ord(",")


class Spelling(NamedTuple):
    """How the texts of a column are written."""

    spell: Callable[[Any], str]
    """Any text, or None for a missing one."""
    quote: str = ""
    """What stands on both sides of a text with nothing special in it."""


class Layout(NamedTuple):
    """How the rows of a table are written."""

    start: str
    """What stands before the first cell of each row."""
    ends: Sequence[str]
    """What follows each cell, column by column."""
    texts: Sequence[Spelling]
    """How texts are written, column by column."""
    missing: str
    """A missing number."""
    quoted: bool
    """Whether 64-bit ids stand in quotes."""


def write_rows(layout: Layout, columns: Sequence[Column], values: Sequence[Any]) -> Bytes:
    """The rows whose values these are, column by column: lists, or arrays of Arrow."""
    cells = [
        _texts(values[n], layout.ends[n], layout.texts[n])
        if column.kind in (TEXT, TIME)
        else _numbers(column, values[n], layout, layout.ends[n])
        for n, column in enumerate(columns)
    ]
    joined = late.compute.binary_join_element_wise(late.arrow.scalar(layout.start), *cells, "")
    _, offsets, data = joined.buffers()
    if data is None:
        return b""
    bounds = np.frombuffer(offsets, np.int32)[joined.offset :]
    # Not copied to bytes: that takes a fifth of the time of a row of JSON.
    return memoryview(data)[bounds[0] : bounds[len(joined)]]


def _texts(values: Any, end: str, spelling: Spelling) -> "pa.Array":
    if isinstance(values, Sequence):
        return late.arrow.array([spelling.spell(value) + end for value in values], "string")
    if isinstance(values.type, late.arrow.JsonType):
        return late.compute.binary_join_element_wise(values.storage, end, "")
    missing = spelling.spell(None) + end
    if _is_plain(values):
        around = [spelling.quote] if spelling.quote else []
        parts = (*around, values, spelling.quote + end)
        written = late.compute.binary_join_element_wise(*parts, "")
        return written.fill_null(missing) if written.null_count else written
    coded = values.dictionary_encode()
    spelt = [spelling.spell(text) + end for text in coded.dictionary.to_pylist()]
    return late.arrow.array([*spelt, missing]).take(coded.indices.fill_null(len(spelt)))


_PLAIN: Final = np.zeros(256, dtype=bool)
"""Letters that no format writes otherwise: printable ASCII without marks and blanks."""
_PLAIN[[n for n in range(ord("!"), ord("~") + 1) if chr(n) not in "\"',&<>\\"]] = True


def _is_plain(values: "pa.Array") -> bool:
    """Whether all letters of all texts are plain, and no text is empty: one look at the bytes."""
    # 0 for an empty text; None where there is none at all.
    if not late.compute.min(late.compute.binary_length(values)).as_py():
        return False
    _, offsets, data = values.buffers()
    bounds = np.frombuffer(offsets, np.int32)[values.offset :]
    letters = np.frombuffer(data, np.uint8)[bounds[0] : bounds[len(values)]]
    return bool(_PLAIN[letters].all())


def _numbers(column: Column, values: Any, layout: Layout, end: str) -> "pa.Array":
    """The cells of a column of numbers, cut from the text in which all of them are printed."""
    count = len(values)
    if not count:
        return late.arrow.array([], "string")
    printed = print_numbers(column, values)
    if layout.quoted and column.as_text:
        printed = b'"' + printed.replace(b",", b'","') + b'"'
        printed = printed.replace(b'"null"', b"null")
    if layout.missing != "null":
        printed = printed.replace(b"null", layout.missing.encode())
    commas = np.flatnonzero(np.frombuffer(printed, np.uint8) == _COMMA)
    last = end.encode()
    text = printed + b","
    if last != b",":
        text = text.replace(b",", last)
    offsets = np.zeros(count + 1, np.int32)
    offsets[1:count] = commas + 1
    offsets[count] = len(printed) + 1
    # Each comma before has become `end`.
    offsets += np.arange(count + 1, dtype=np.int32) * (len(last) - 1)
    return late.arrow.Array.from_buffers(
        late.arrow.string(),
        count,
        [None, late.arrow.py_buffer(offsets), late.arrow.py_buffer(text)],
    )


def print_numbers(column: Column, values: Any) -> bytes:
    """The values of a column that is no text as JSON prints them, with commas between them."""
    if column.kind is REAL:
        return _print_singles(_array_of(values, np.float32))
    if column.kind is Kind.DOUBLE:
        doubles = _array_of(values, np.float64)
        return orjson.dumps(doubles, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]
    if not isinstance(values, Sequence):
        if not values.null_count and column.kind is not Kind.BOOLEAN:
            whole = np.ascontiguousarray(values.to_numpy())
            return orjson.dumps(whole, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]
        values = values.to_pylist()
    return orjson.dumps(list(values))[1:-1]


def _array_of(values: Any, kind: Any) -> Any:
    """Floats; a missing one is NaN, which is printed as null."""
    if not isinstance(values, Sequence):
        return np.ascontiguousarray(values.to_numpy(zero_copy_only=False), dtype=kind)
    return np.array(values, dtype=kind)


def _print_singles(singles: Any) -> bytes:
    printed = orjson.dumps(singles, option=orjson.OPT_SERIALIZE_NUMPY)
    # orjson writes 9.4e-6 as a double, as in the JSON, and 0.0000094 in an array of singles.
    size = np.abs(singles)
    if ((size < _ALIKE[0]) & (size > 0) | (size > _ALIKE[1])).any():
        printed = orjson.dumps(orjson.loads(printed))
    return printed[1:-1]


_ALIKE: Final = (1e-5, 1e12)
"""Between them, and at zero, singles and doubles of the same digits are spelled alike."""
