"""How much of the archive a search reads, judged from the search alone, without a query.

An index selects a small region of the sky, an object, candids, and the first of all alerts in order
of time. Every other search walks through the archive, which may be short or long, or is costly from
the start.
"""

import math
from enum import Enum, auto
from itertools import combinations
from typing import Final

from app.search.filters import Clause
from app.search.regions import MAX_RADIUS
from app.search.search import MAX_LIMIT, Search
from app.search.sphere import separation_arcsec

SMALL_DEG: Final = 0.5
"""Radius of a region that holds few alerts: 400 of 20 million on average."""
SMALL_DEG2: Final = math.pi * SMALL_DEG**2
FEW_OBJECTS: Final = 20
"""Objects or bodies, each with all its alerts."""
FEW_ROWS: Final = 20_000
"""Rows skipped before a page, by the index alone: 5 ms."""


class Cost(Enum):
    """What a search costs."""

    LITTLE = auto()
    """An index leads to its few alerts."""
    OPEN = auto()
    """A walk down an index until the page is full: short if many rows pass the filters."""
    MUCH = auto()


def cost_of(search: Search, skip: int = 0) -> Cost:
    """What a page of a search costs if `skip` rows before it are skipped."""
    if _is_held(search):
        return Cost.LITTLE
    unordered = search.sort.column not in search.vocabulary.sorted_anywhere
    if is_gathered(search) or unordered or search.limit > MAX_LIMIT or skip > FEW_ROWS:
        return Cost.MUCH
    bounds = all(clause.filter.field.columns == (search.sort.column,) for clause in search.clauses)
    whole = bounds and not search.is_local and search.as_of is None
    return Cost.LITTLE if whole else Cost.OPEN


def is_gathered(search: Search) -> bool:
    """Whether an index leads to all matching alerts, many or few: of the sky, or of names."""
    return is_led(search) or any(clause.filter.narrow for clause in search.clauses)


def is_led(search: Search) -> bool:
    """Whether a part of the sky leads to all matching alerts: a cone, a polygon or a region."""
    if search.cone is not None and search.cone.radius <= MAX_RADIUS:
        return True
    return search.polygon is not None or bool(search.region and search.region.covering)


def cost_of_all(search: Search) -> Cost:
    """What it costs to read all matching alerts."""
    return Cost.LITTLE if _is_held(search) else Cost.MUCH


def is_small(search: Search) -> bool:
    """Whether a search is limited to a small region of the sky."""
    if search.cone is not None:
        return search.cone.radius <= SMALL_DEG
    if search.polygon is None:
        region = search.region
        return region is not None and region.covering != "" and region.area <= SMALL_DEG2
    flat = search.polygon.vertices
    ring = zip(flat[::2], flat[1::2], strict=True)
    across = max(separation_arcsec(*pair) for pair in combinations(ring, 2))
    return across <= 2 * SMALL_DEG * 3600


def _is_held(search: Search) -> bool:
    """Whether an index selects all matching alerts, and they are few."""
    return is_small(search) or any(
        clause.filter.narrow
        and (
            clause.filter.field.name == search.vocabulary.survey.key
            or len(_told_apart(clause)) <= FEW_OBJECTS
        )
        for clause in search.clauses
    )


def _told_apart(clause: Clause) -> set[str]:
    """What a clause looks for: a name is there as it was given, without blanks, and respelled."""
    spell = clause.filter.field.spell
    texts = (str(value).strip() for value in clause.values)
    return {(spell(text) if spell else None) or text for text in texts}
