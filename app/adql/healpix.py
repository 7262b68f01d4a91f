"""IVO_HEALPIX_INDEX: the pixel of a position, in the nested numbering, as the database knows it.

Signatures: IVOA's Catalogue of ADQL User Defined Functions 1.0.
"""

from typing import Any, Final

from app.adql.geometry import Given, Place, Point
from app.adql.language import place_of
from app.adql.values import WHOLE, Family, Value, double, needs_of
from app.errors import BadQuery
from archive.columns import Kind

_DEEPEST: Final = 29
_LONGEST: Final = 2000
"""Characters of a position in SQL: it stands in the index three times."""


def healpix_index(given: list[Given], node: Any) -> Value:
    """The pixel of an order in which a position lies; null outside the sky. Raises BadQuery."""
    order, place = _arguments(given, node)
    lon, lat = map(double, place)
    if len(lon) + len(lat) > _LONGEST:
        raise BadQuery(f"the position in IVO_HEALPIX_INDEX is too long{place_of(node)}")
    turned = f"({lon} - 360 * floor({lon} / 360))"
    checked = f"CASE WHEN {lat} BETWEEN -90 AND 90 THEN {lat} END"
    pixel = f"(public.healpix_29({turned}, {checked}) >> {2 * (_DEEPEST - order)})"
    return Value(pixel, Kind.BIGINT, needs=needs_of(*place), name="ivo_healpix_index")


def _arguments(given: list[Given], node: Any) -> tuple[int, Place]:
    order, others = given[0] if given else None, given[1:]
    if not isinstance(order, Value) or order.kind not in WHOLE or order.number is None:
        raise BadQuery(f"IVO_HEALPIX_INDEX begins with an order, as a number{place_of(node)}")
    if not 0 <= order.number <= _DEEPEST:
        raise BadQuery(f"an order of HEALPix lies between 0 and {_DEEPEST}{place_of(node)}")
    if len(others) == 1 and isinstance(others[0], Point):
        place = others[0].icrs
    else:
        values = [one for one in others if isinstance(one, Value)]
        if len(others) != 2 or len(values) != 2:
            raise BadQuery(
                f"IVO_HEALPIX_INDEX takes an order, and two coordinates or a POINT{place_of(node)}"
            )
        place = Place(*values)
    for value in place:
        value.asked_as(Family.NUMBER, node, "each coordinate of IVO_HEALPIX_INDEX")
    return int(order.number), place
