"""What a watch is asked for: the filters of a list, a radius for positions, where it begins."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from app.errors import BadParameter, BadParameters
from app.live.asking import Asked, parse_stream
from app.search.filters import Clause
from app.search.regions import parse_radius
from app.search.search import Search, parse_search
from app.search.values import read_integer, read_truth
from app.watches.models import Part

MAX_POSITIONS: Final = 10_000
MAX_POSITIONS_WITH_TOKEN: Final = 1_000_000
MAX_RADIUS: Final = 1.0
"""Of a position [deg]: around each new alert all positions within this distance are looked at."""
_NOT_OF_WATCHES: Final = {"fields": "give it where the alerts of the watch are read"}
_TOO_WIDE: Final = f"must be more than 0 and at most {MAX_RADIUS:g} degree"
_GOES_ON: Final = "a watch that is changed goes on where it was"
DROP, EXTEND = "drop", "extend"
_NO_FILTERS: Final = ("name", "radius", "since", "as_of", DROP, EXTEND)
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


class Change(NamedTuple):
    """What a change of a watch is asked for: what is not given stays."""

    wanted: Wanted
    drops: Part | None
    extends: bool
    """Whether positions are added to those that there are; else they replace them."""


def parse_change(parameters: Sequence[tuple[str, str]]) -> Change:
    """The change that a query string asks for. Raises BadParameters with every error in it."""
    given = {name: value.strip() for name, value in parameters if value.strip()}
    errors = [BadParameter(n, reason) for n, reason in NOT_OF_CHANGES.items() if n in given]
    drops, extends = None, False
    try:
        drops = Part(given[DROP]) if DROP in given else None
    except ValueError:
        errors.append(BadParameter(DROP, f"must be {' or '.join(Part)}"))
    try:
        extends = read_truth(given.get(EXTEND, "false"))
    except ValueError as error:
        errors.append(BadParameter(EXTEND, str(error)))
    names = [name for name, value in parameters if value.strip()]
    own = [name for name in (DROP, EXTEND) if names.count(name) > 1]
    errors += [BadParameter(name, "given more than once") for name in own]
    if errors:
        raise BadParameters(errors)
    rest = [(name, value) for name, value in parameters if name not in (DROP, EXTEND)]
    return Change(parse_watch(rest), drops, extends)


def check_radius(radius: float) -> float:
    """The radius of a watched position [deg]. Raises ValueError for one that is too large."""
    if not 0 < radius <= MAX_RADIUS:
        raise ValueError(_TOO_WIDE)
    return radius


def filters_of(given: Sequence[tuple[str, str]], search: Search) -> list[list[str]]:
    """The filters as a query string has them, a name resolved: what is kept of a watch."""
    kept = [
        [name, value.strip()] for name, value in given if value.strip() and name not in _NO_FILTERS
    ]
    if search.cone is not None and "cone" not in dict(kept):
        kept.append(["cone", ",".join(map(repr, search.cone))])
    return kept


def check_filters(filters: Sequence[Sequence[str]], positions: int) -> None:
    """Raise BadParameters for a watch of the whole archive."""
    if not filters and not positions:
        reason = "give at least one filter, or a body of positions: this watch would be of all"
        raise BadParameters([BadParameter("query", reason)])


def check_change(
    change: Change, filters: Sequence[Sequence[str]], positions: int, radius: float | None
) -> None:
    """Raise BadParameters for a change of nothing, or one that contradicts itself."""
    refusals = {
        "radius": (
            radius is not None and not positions,
            "is for positions: send them in the body, they replace those of the watch",
        ),
        EXTEND: (change.extends and not positions, "adds positions: send them in the body"),
        DROP: (
            bool(change.drops is Part.FILTERS and filters)
            or bool(change.drops is Part.POSITIONS and positions),
            "cannot be combined with others of the same: they replace those of the watch",
        ),
        "query": (
            not filters and not positions and change.drops is None,
            "give filters, a body of positions, or both: what is not given stays as it is",
        ),
    }
    errors = [BadParameter(name, reason) for name, (is_so, reason) in refusals.items() if is_so]
    if errors:
        raise BadParameters(errors)


def check_changed(filters: Sequence[Sequence[str]], positions: int, most: int) -> None:
    """Raise BadParameters for what a watch would become."""
    if not filters and not positions:
        reason = "would leave a watch of the whole archive: give others instead"
        raise BadParameters([BadParameter(DROP, reason)])
    if positions > most:
        reason = f"the watch would have {positions:,} positions; it may have {most:,}"
        raise BadParameters([BadParameter(EXTEND, reason)])


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
