"""Misspelt names, and the known name that is most likely meant."""

import difflib
from collections.abc import Iterable
from typing import Final, NamedTuple

MAX_NAME: Final = 64
"""Characters of an unknown name that are compared, and shown."""
MAX_SUGGESTIONS: Final = 8
"""Misspelt names of one request that get a suggestion: among 800 known ones it takes 1 ms."""
_LEGACY: Final = {
    "objectId": "object_id",
    "objectcone": "name",
    "radius": "cone",
    "page": "cursor",
    "sort_value": "sort",
    "sort_order": "sort",
}
"""What MARS called it."""


def find_nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a misspelt one most likely means."""
    field_name, mark, operator = name[:MAX_NAME].partition("__")
    names = list(known)
    meant = _LEGACY.get(field_name, field_name)
    if meant + mark + operator in names:
        return meant + mark + operator
    return next(iter(difflib.get_close_matches(meant + mark + operator, names, 1, 0.7)), None)


class Misspelt(NamedTuple):
    """An unknown name and the known ones; the nearest is searched only if it is needed."""

    name: str
    known: Iterable[str]


class Unknown(ValueError):
    """A value that is not one of the known ones."""

    def __init__(self, reason: str, name: str, known: Iterable[str]) -> None:
        super().__init__(reason)
        self.misspelt = Misspelt(name, known)
