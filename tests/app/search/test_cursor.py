"""A cursor comes back as it was given, or is refused: whatever was done to it."""

import base64
import string

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.search.cursor import Cursor, read_cursor

INT64 = st.integers(0, 2**63 - 1)
VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(string.ascii_letters + string.digits + " +-", max_size=100).map(str.strip),
)
CURSORS = st.builds(
    Cursor,
    st.text("0123456789abcdef", min_size=16, max_size=16),
    INT64,
    VALUES,
    INT64,
    st.booleans(),
)
ALPHABET = string.ascii_letters + string.digits + "-_"


@given(CURSORS)
def test_it_comes_back_as_it_was(cursor: Cursor) -> None:
    assert read_cursor(cursor.token()) == cursor
    assert read_cursor(f" {cursor.token()} ") == cursor


@given(CURSORS)
def test_every_character_counts(cursor: Cursor) -> None:
    token = cursor.token()
    for n, character in enumerate(token):
        # Its neighbour differs in the lowest bit, which the last character may not use.
        other = ALPHABET[ALPHABET.index(character) ^ 1]
        for changed in (token[:n] + other + token[n + 1 :], token[:n] + token[n + 1 :], token[:n]):
            with pytest.raises(ValueError, match="not a cursor of this API"):
                read_cursor(changed)


@given(CURSORS, st.text(ALPHABET + "=. +/\n\0é", max_size=80))
def test_nothing_else_is_one(cursor: Cursor, text: str) -> None:
    token = cursor.token()
    assume(text.strip() and text.strip() != token)
    for other in (text, token + text.strip(), text.strip() + token):
        with pytest.raises(ValueError, match="not a cursor of this API"):
            read_cursor(other)


def test_what_is_said_without_a_checksum_is_none() -> None:
    said = orjson.dumps(["0" * 16, 1, 2.0, 3, False])
    for data in (said, said + b"\0" * 6, said[:-1] + b" ]"):
        with pytest.raises(ValueError, match="not a cursor of this API"):
            read_cursor(base64.urlsafe_b64encode(data).decode().rstrip("="))
