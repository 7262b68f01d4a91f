"""Addresses of the main page: the parameters that it knows, and links to it with some changed."""

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlencode

from app.mars.form import FORM
from app.search.values import MAX_TEXT

Parameters = Mapping[str, str]
"""The known parameters of a request that are not blank, in the form's order."""

ORDER: Final = ("sort_value", "sort_order")
GROUPED: Final = ("group", "cursor")
"""The page with one row an object, and where it begins."""
BEGINNING: Final[Mapping[str, None]] = {"page": None, "cursor": None}
"""What another search has not."""
SYMBOLS: Final = {"gt": ">", "gte": "≥", "lt": "<", "lte": "≤", "": "="}


def known_parameters(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The known parameters that are not blank, the first of each name, in the form's order."""
    given: dict[str, str] = {}
    for name, value in pairs:
        given.setdefault(name, value)
    return {n: given[n] for n in (*FORM, *ORDER, "page", *GROUPED) if given.get(n, "").strip()}


def shorten(parameters: Parameters) -> dict[str, str]:
    """The parameters with values cut that are too long: each is repeated in thirty addresses."""
    return {name: value[: MAX_TEXT + 1] for name, value in parameters.items()}


def address(parameters: Parameters, **changed: str | None) -> str:
    """The address of the main page with these parameters; None removes one."""
    kept = {n: v for n, v in {**parameters, **changed}.items() if v is not None}
    return f"/?{urlencode(kept, safe=',:')}" if kept else "/"
