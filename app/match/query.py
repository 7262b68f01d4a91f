"""The parameters of a batch match: filters, columns, format, a common radius."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from app.errors import BadParameter, BadParameters
from app.search.regions import cone_of, parse_radius
from app.search.search import MAX_LIMIT, Search, parse_search

_REFUSED: Final = {
    "cone": "each position of the body has its own ra, dec and radius",
    "polygon": "each position of the body has its own ra, dec and radius",
    "region": "each position of the body has its own ra, dec and radius",
    "name": "each position of the body has its own ra, dec and radius",
    "sort": "matches are listed by their separation, nearest first",
    "cursor": "a match has no pages; `limit` is for each position",
    "after": "a match has no pages; `limit` is for each position",
    "count": "a match lists what it finds and does not count",
    "explain": "each position is found by the index of positions",
}


class MatchQuery(NamedTuple):
    """The validated query string; the search's limit is for each position."""

    search: Search
    radius: float | None
    """For positions without one [deg]."""


def parse_match(
    parameters: Sequence[tuple[str, str]], accept: str = "", refused: Sequence[str] = ()
) -> MatchQuery:
    """The query of a match. Raises BadParameters.

    `refused` are parameters that this address does not have.
    """
    given = [(name, value) for name, value in parameters if value.strip()]
    errors = [BadParameter(name, _REFUSED[name]) for name, _ in given if name in _REFUSED]
    errors += [
        BadParameter(name, "not a parameter of this address")
        for name, _ in given
        if name in refused
    ]
    radii = [value for name, value in given if name == "radius"]
    radius = None
    try:
        radius = cone_of(0.0, 0.0, parse_radius(radii[0])).radius if radii else None
    except ValueError as error:
        errors.append(BadParameter("radius", str(error)))
    if len(radii) > 1:
        errors.append(BadParameter("radius", "given more than once"))
    if errors:
        raise BadParameters(errors)
    search = parse_search(((name, value) for name, value in given if name != "radius"), accept)
    if search.limit > MAX_LIMIT:
        raise BadParameters([BadParameter("limit", f"must be between 1 and {MAX_LIMIT}")])
    return MatchQuery(search, radius)
