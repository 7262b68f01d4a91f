"""What a column of alerts is: name, type, unit, UCD, meaning, sentinel; and those of every survey.

UCDs are UCD1+ words of the IVOA vocabulary.
"""

from enum import StrEnum
from typing import Final, NamedTuple


class Kind(StrEnum):
    """A column's type, by the word that PostgreSQL's catalogue has for it."""

    INTEGER = "integer"
    BIGINT = "bigint"
    REAL = "real"
    DOUBLE = "double precision"
    TEXT = "text"
    BOOLEAN = "boolean"
    TIME = "timestamp with time zone"


LONGEST: Final = 200
"""Characters of a text, where a column says nothing else; the longest that ZTF sent has 57."""


class Column(NamedTuple):
    """One column of `alert` that a user can see and search."""

    name: str
    kind: Kind
    unit: str
    ucd: str
    meaning: str
    sentinel: float | str | None = None
    """What ZTF sends for "there is none"; stored as NULL with a bit in `alert.sentinels`."""
    required: bool = False
    """A packet without it is no alert."""
    since: str = "1.7"
    """First version of ZTF's schema, from 1.7 on, that has it; "" for what we compute."""
    longest: int = LONGEST
    """Characters of a text at most. An index of PostgreSQL holds 2,704 bytes, up to four each."""
    as_text: bool = False
    """An integer that passes 2^53, which JavaScript and many JSON readers cannot hold."""
    is_ascii: bool = False
    """A text of ASCII alone, by what it is; a packet may still hold another."""
    xtype: str = ""
    """DALI's name of the shape whose numbers a text has, as in `point`; "": it has none."""


INTEGER, BIGINT, REAL, DOUBLE, TEXT, BOOLEAN, TIME = Kind

# fmt: off
COMPUTED: Final[tuple[Column, ...]] = (
    Column("batch", BIGINT, "", "meta.id;meta.dataset", "number of the batch that stored the alert", required=True, since=""),
    Column("lco_id", BIGINT, "", "meta.id", "small number that the archive gives each alert", required=True, since=""),
    Column("mjd", DOUBLE, "d", "time.start;obs.exposure", "start of exposure, modified Julian date, UTC", required=True, since=""),
    Column("time", TIME, "", "time.start;obs.exposure", "start of exposure, RFC 3339, UTC", required=True, since=""),
)
"""What the archive adds to an alert, and jd as others write it."""
# fmt: on
