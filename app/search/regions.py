"""Parts of the sky to which a search can be limited: cones, named or not, polygons and regions.

A polygon's sides are great circles; in a gnomonic projection about its middle they are straight
lines. It is checked there before the database gets it, because q3c accepts any list of numbers but
answers correctly only for simple polygons up to some 23 degrees across.
"""

import math
import re
from collections.abc import Callable, Sequence
from itertools import combinations, pairwise
from typing import Final, NamedTuple

from app.search.sphere import Vector, unit_vector
from app.search.values import NUMBER, read_number, read_text

MAX_RADIUS: Final = 10.0
MIN_RADIUS: Final = 1e-9
"""4 µas: a smaller one underflows when its sine is squared, and no position is that precise."""
MAX_VERTICES: Final = 64
MAX_ACROSS: Final = 20.0
_ROUNDING: Final = 1e-9
MIN_SIDE: Final = 1e-6
"""3.6 mas: sides are told apart well above the rounding of a position in double precision."""
_SLIVER: Final = 1e-9
"""Area over the square of the extent: what is thinner holds nothing but rounding."""
_UNITS: Final = {"d": 1.0, "°": 1.0, "'": 1 / 60, '"': 1 / 3600}
RADIUS_FORM: Final = f"{NUMBER} *[d'\"]?"
"""How a radius is written, as a regular expression for openapi.json."""
_RA: Final = re.compile(r"[\s(\[]*(?:RA\b|α|[+-]?[\d.])", re.IGNORECASE)
"""How coordinates begin, whatever their form."""
REGION: Final = "[A-Za-z0-9_-]{32}"
"""The id of a region, as a regular expression."""
_Point = tuple[float, float]


class Cone(NamedTuple):
    """Positions closer than `radius` to (`ra`, `dec`), all in degrees."""

    ra: float
    dec: float
    radius: float


class Named(NamedTuple):
    """A cone around a named object; its position is not resolved yet. Degrees."""

    name: str
    radius: float | None
    """None: take the radius that the resolver gives."""


class Polygon(NamedTuple):
    """Positions within a ring of great circles."""

    vertices: tuple[float, ...]
    """ra, dec, ra, dec, ... in degrees, as q3c takes them."""


class Region(NamedTuple):
    """Positions in cells of HEALPix: a MOC that was sent before."""

    cells: str
    """Ranges of pixels of order 29, as the text of PostgreSQL's int8multirange."""
    covering: str
    """Ranges of q3c's pixels that hold all of them; empty if they hold too much of the sky."""
    area: float
    """Square degrees."""


def parse_region(text: str) -> str:
    """The id of a region. Raises ValueError."""
    if not re.fullmatch(REGION, bare := text.strip(), re.ASCII):
        raise ValueError("must be the `id` of an answer to POST /api/v1/regions")
    return bare


def parse_cone(text: str) -> Cone:
    """`ra,dec,radius` in degrees; the radius may end in `d`, `'` or `"`. Raises ValueError."""
    parts = text.split(",")
    if len(parts) != len(Cone._fields):
        raise ValueError("must be ra,dec,radius")
    try:
        ra, dec, radius = read_number(parts[0]), read_number(parts[1]), parse_radius(parts[2])
    except ValueError as error:
        raise ValueError(f"must be ra,dec,radius: {error}") from None
    return cone_of(ra, dec, radius)


def cone_of(ra: float, dec: float, radius: float) -> Cone:
    """The cone, if it is within bounds [deg]. Raises ValueError."""
    return Cone(*_position(ra, dec), check_radius(radius))


def check_radius(radius: float) -> float:
    """A radius [deg] within its bounds. Raises ValueError."""
    if not MIN_RADIUS <= radius <= MAX_RADIUS:
        raise ValueError(f"the radius must be between {MIN_RADIUS:g} and {MAX_RADIUS:g} degrees")
    return radius


def parse_radius(text: str) -> float:
    """Degrees, or a number that ends in `d`, `'` or `"`. Raises ValueError."""
    unit = _UNITS.get(text.strip()[-1:])
    return read_number(text.strip()[:-1]) * unit if unit else read_number(text)


def _position(ra: float, dec: float) -> _Point:
    if not 0 <= ra <= 360:
        raise ValueError("ra must be between 0 and 360 degrees")
    if not -90 <= dec <= 90:
        raise ValueError("dec must be between -90 and 90 degrees")
    return ra % 360, dec


def parse_named(text: str) -> Named:
    """`name` or `name,radius`. Coordinates are a name too: `ra,dec` has no radius behind it.

    Raises ValueError.
    """
    name, _, radius = text.rpartition(",")
    if not name.strip() or not radius.strip() or _is_position(name, radius):
        return Named(read_text(text), None)
    try:
        return Named(read_text(name), check_radius(parse_radius(radius)))
    except ValueError as error:
        raise ValueError(f"{error}; it must be name,radius, or a name without commas") from None


def _is_position(ra: str, dec: str) -> bool:
    """Whether the comma of `(10.68, 41.27)` parts these, and not a name and a radius."""
    if _can_be_read(read_number, ra):
        return True
    angles = _RA.match(ra) is not None and any(c.isdigit() for c in dec)
    return angles and not _can_be_read(parse_radius, dec)


def _can_be_read(read: Callable[[str], float], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


# -------------------------------------------------------------------------------------------------
# Polygons
# -------------------------------------------------------------------------------------------------


def parse_polygon(text: str) -> Polygon:
    """`ra1,dec1,ra2,dec2,...` in degrees, closed or not, in either direction.

    Raises ValueError for what is no simple polygon of at most MAX_ACROSS degrees.
    """
    parts = text.split(",")
    if len(parts) % 2 or not 3 <= len(parts) // 2 <= MAX_VERTICES + 1:
        raise ValueError(f"must be ra1,dec1,ra2,dec2,... with 3 to {MAX_VERTICES} vertices")
    numbers = [read_number(part) for part in parts]
    ring = [_position(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)]
    if ring[0] == ring[-1]:
        ring.pop()
    if not 3 <= len(ring) <= MAX_VERTICES:
        raise ValueError(f"has {len(ring)} vertices; it must have 3 to {MAX_VERTICES}")
    _check([unit_vector(*position) for position in ring])
    return Polygon(tuple(x for position in ring for x in position))


def _check(ring: list[Vector]) -> None:
    """Raise ValueError unless q3c's answers for this ring are right."""
    across = max(_angle(*pair) for pair in combinations(ring, 2))
    if across > MAX_ACROSS + _ROUNDING:
        raise ValueError(f"is {across:.4g} degrees across; at most {MAX_ACROSS:g} are allowed")
    if any(_angle(*side) < MIN_SIDE for side in pairwise([*ring, ring[0]])):
        raise ValueError(f"two neighbouring vertices are closer than {MIN_SIDE:g} degrees")
    points = _projected(ring)
    if _crosses(points):
        raise ValueError("its sides cross or touch")
    if abs(_area(points)) < _SLIVER * math.radians(across) ** 2:
        raise ValueError("its vertices lie on one line")


def _angle(a: Vector, b: Vector) -> float:
    return math.degrees(2 * math.asin(min(1.0, math.dist(a, b) / 2)))


def _projected(ring: list[Vector]) -> list[_Point]:
    """Gnomonic, about the first vertex: so small polygons keep their digits."""
    origin = ring[0]
    ra = math.atan2(origin[1], origin[0])
    sine, cosine = math.sin(ra), math.cos(ra)
    east = (-sine, cosine, 0.0)
    north = (-origin[2] * cosine, -origin[2] * sine, math.hypot(origin[0], origin[1]))
    points = []
    for vector in ring:
        away = [v - o for v, o in zip(vector, origin, strict=True)]
        depth = _dot(vector, origin)
        points.append((_dot(away, east) / depth, _dot(away, north) / depth))
    return points


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def _turn(a: _Point, b: _Point, c: _Point) -> float:
    """Positive where the way from a over b to c turns left."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _area(points: list[_Point]) -> float:
    return sum(_turn(points[0], *side) for side in pairwise(points)) / 2


def _crosses(points: list[_Point]) -> bool:
    """Whether two sides meet anywhere but in the vertex between neighbours."""
    sides = list(pairwise([*points, points[0]]))
    for (i, (a, b)), (j, (c, d)) in combinations(enumerate(sides), 2):
        if j == i + 1:
            met = _turns_back(a, b, d)
        elif i == 0 and j == len(sides) - 1:
            met = _turns_back(c, a, b)
        else:
            met = _meet(a, b, c, d)
        if met:
            return True
    return False


def _turns_back(a: _Point, b: _Point, c: _Point) -> bool:
    """Whether the side from b to c lies upon that from a to b."""
    towards = (a[0] - b[0]) * (c[0] - b[0]) + (a[1] - b[1]) * (c[1] - b[1])
    return _turn(a, b, c) == 0 and towards > 0


def _meet(a: _Point, b: _Point, c: _Point, d: _Point) -> bool:
    """Whether the sides a-b and c-d have a point in common."""
    turns = _turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b)
    if not any(turns):
        # On one line: they meet where they do on both axes.
        return all(
            max(min(a[k], b[k]), min(c[k], d[k])) <= min(max(a[k], b[k]), max(c[k], d[k]))
            for k in (0, 1)
        )
    return turns[0] * turns[1] <= 0 and turns[2] * turns[3] <= 0
