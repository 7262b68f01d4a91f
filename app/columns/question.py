"""What is asked of the columnar copy: the process of the app (scans.py) asks, one of its own
(duck.py) answers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from app.columns.spool import Spool

if TYPE_CHECKING:
    import pyarrow as pa

Row = tuple[Any, ...]


class Question(NamedTuple):
    """SQL for DuckDB, with the values of its parameters."""

    sql: str
    values: Sequence[Any] = ()
    tables: "Mapping[str, pa.Table]" = MappingProxyType({})
    """Rows that it reads beside those of the copy, by the name of their table."""
    ranked: str = ""
    """The one of these tables whose rows get their place in it, as RANK."""


class Start(NamedTuple):
    """The first message: what DuckDB may use, and how it reaches the store."""

    memory_mb: int
    threads: int
    places: int
    """Questions that run at once."""
    spill: Path
    """Directory for what a large sort does not hold in memory."""
    secret: str
    """SQL."""


class Asked(NamedTuple):
    """A question under its number, and what becomes of the answer."""

    number: int
    question: Question
    as_table: bool = False
    into: Spool | None = None
    """Then the answer is the schema of what is in it."""


class Stopped(NamedTuple):
    """Nobody waits for this question any more."""

    number: int


class Answered(NamedTuple):
    """What became of a question: its answer, or why there is none."""

    number: int
    answer: Any = None
    error: str | None = None


def quoted(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"
