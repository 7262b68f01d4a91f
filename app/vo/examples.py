"""Queries to begin with, from sql/examples: TAP serves them, docs/vo.md has them, tests run all."""

from pathlib import Path
from typing import Final, NamedTuple

from archive.database import SQL


class Example(NamedTuple):
    """A query, and what it is good for."""

    id: str
    title: str
    adql: str


def _read(path: Path) -> Example:
    """An example: its file's name holds its id, the first line its title."""
    title, _, adql = path.read_text().partition("\n")
    return Example(path.stem.partition("-")[2], title.removeprefix("-- "), adql.strip())


EXAMPLES: Final = tuple(map(_read, sorted((SQL / "examples").glob("*.adql"))))
