"""Names as people misspell them, and the known one that they most likely mean."""

import difflib
from collections.abc import Iterable
from typing import Final

MAX_NAME: Final = 64
"""Characters of an unknown name that are looked at."""
_LEGACY: Final = {
    "objectId": "object_id",
    "objectcone": "name",
    "radius": "cone",
    "page": "cursor",
    "sort_value": "sort",
    "sort_order": "sort",
}
"""What MARS called it."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a misspelt one most likely means."""
    field_name, mark, operator = name[:MAX_NAME].partition("__")
    names = list(known)
    meant = _LEGACY.get(field_name, field_name)
    if meant + mark + operator in names:
        return meant + mark + operator
    return next(iter(difflib.get_close_matches(meant + mark + operator, names, 1, 0.7)), None)


class Unknown(ValueError):
    """A name that is not known, and the known one that is nearest."""

    def __init__(self, reason: str, name: str, known: Iterable[str]) -> None:
        super().__init__(reason)
        self.nearest = nearest(name, known)
