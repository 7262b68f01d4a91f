"""What a watch is asked for: the filters of a list, a radius for positions, where it begins."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from app.errors import BadParameter, BadParameters
from app.live.asking import Asked, parse_stream
from app.search.filters import Clause
from app.search.regions import parse_radius
from app.search.search import Search, parse_search
from app.search.values import read_integer

MAX_POSITIONS: Final = 10_000
MAX_POSITIONS_WITH_TOKEN: Final = 1_000_000
MAX_RADIUS: Final = 1.0
"""Of a position [deg]: around each new alert all positions within this distance are looked at."""
_NOT_OF_WATCHES: Final = {"fields": "give it where the alerts of the watch are read"}
_TOO_WIDE: Final = f"must be more than 0 and at most {MAX_RADIUS:g} degree"
_GOES_ON: Final = "a watch that is changed goes on where it was"
NOT_OF_CHANGES: Final = {"since": _GOES_ON, "as_of": _GOES_ON}
_OLDER: Final = "older alerts of a watch are those `before` a number"
NOT_OF_HITS: Final = {"cursor": _OLDER, "after": _OLDER}


class Wanted(NamedTuple):
    """A watch that can be made."""

    asked: Asked
    radius: float | None
    """For positions without one [deg]."""


def parse_watch(parameters: Sequence[tuple[str, str]]) -> Wanted:
    """The watch that a query string asks for. Raises BadParameters with every error in it."""
    given = [(name, value) for name, value in parameters if value.strip()]
    errors = [
        BadParameter(name, _NOT_OF_WATCHES[name]) for name, _ in given if name in _NOT_OF_WATCHES
    ]
    radii = [value for name, value in given if name == "radius"]
    if len(radii) > 1:
        errors.append(BadParameter("radius", "given more than once"))
    radius = None
    try:
        radius = check_radius(parse_radius(radii[0])) if radii else None
    except ValueError as error:
        errors.append(BadParameter("radius", str(error)))
    if errors:
        raise BadParameters(errors)
    return Wanted(parse_stream([(n, v) for n, v in given if n != "radius"]), radius)


def parse_change(parameters: Sequence[tuple[str, str]]) -> Wanted:
    """The same for a watch that is there already. Raises BadParameters."""
    given = {name for name, value in parameters if value.strip()}
    if errors := [BadParameter(n, reason) for n, reason in NOT_OF_CHANGES.items() if n in given]:
        raise BadParameters(errors)
    return parse_watch(parameters)


def check_radius(radius: float) -> float:
    """The radius of a watched position [deg]. Raises ValueError for one that is too large."""
    if not 0 < radius <= MAX_RADIUS:
        raise ValueError(_TOO_WIDE)
    return radius


def filters_of(given: Sequence[tuple[str, str]], search: Search) -> list[list[str]]:
    """The filters as a query string has them, a name resolved: what is kept of a watch."""
    kept = [
        [name, value.strip()]
        for name, value in given
        if value.strip() and name not in ("name", "radius", "since", "as_of")
    ]
    if search.cone is not None and "cone" not in dict(kept):
        kept.append(["cone", ",".join(map(repr, search.cone))])
    return kept


def check_filters(filters: Sequence[Sequence[str]], positions: int) -> None:
    """Raise BadParameters for a watch of the whole archive."""
    if not filters and not positions:
        reason = "give at least one filter, or a body of positions: this watch would be of all"
        raise BadParameters([BadParameter("query", reason)])


def check_change(filters: Sequence[Sequence[str]], positions: int, radius: float | None) -> None:
    """Raise BadParameters for a change of nothing."""
    if radius is not None and not positions:
        reason = "is for positions: send them in the body, they replace those of the watch"
        raise BadParameters([BadParameter("radius", reason)])
    if not filters and not positions:
        reason = "give filters, a body of positions, or both: what is not given stays as it is"
        raise BadParameters([BadParameter("query", reason)])


def parse_hits(
    parameters: Sequence[tuple[str, str]], accept: str
) -> tuple[int | None, Callable[[Clause], Search]]:
    """What is asked for of a watch's alerts: those before a number, and the search among them.

    Raises BadParameters.
    """
    given = [(name, value) for name, value in parameters if value.strip()]
    errors = [BadParameter(name, NOT_OF_HITS[name]) for name, _ in given if name in NOT_OF_HITS]
    numbers = [value for name, value in given if name == "before"]
    before = None
    try:
        before = read_integer(numbers[0]) if numbers else None
    except ValueError as error:
        errors.append(BadParameter("before", str(error)))
    if len(numbers) > 1:
        errors.append(BadParameter("before", "given more than once"))
    if errors:
        raise BadParameters(errors)
    rest = [(name, value) for name, value in given if name != "before"]
    parse_search(rest, accept)
    return before, lambda among: parse_search(rest, accept, among)
