"""A search by name becomes a cone at the place of that name."""

from app.errors import BadParameter, BadParameters
from app.names.resolver import Names, Place, resolve
from app.search.regions import Cone, Named, check_radius
from app.search.search import Search, put_at


def cone_at(place: Place, named: Named) -> Cone:
    """The cone around a place: with the radius given beside the name, else the place's own."""
    return Cone(place.ra, place.dec, place.radius if named.radius is None else named.radius)


async def locate(search: Search, names: Names) -> tuple[Search, Place | None]:
    """The search, its name as a cone, and the place that was found; None without a name.

    Raises BadParameters if the name cannot be read, NotFound if it is unknown, ResolversUnavailable
    if no resolver answers.
    """
    if search.named is None:
        return search, None
    place = await resolve(names, search.named.name)
    cone = cone_at(place, search.named)
    try:
        check_radius(cone.radius)
    except ValueError as error:
        raise BadParameters([BadParameter("name", f"{error}; give one, as name,radius")]) from None
    return put_at(search, cone), place._replace(radius=cone.radius)


def place_header(search: Search, place: Place | None) -> dict[str, str]:
    """The position of a search's name, as a cone that can replace it."""
    if place is None or search.cone is None:
        return {}
    return {"X-Cone": ",".join(map(repr, search.cone))}
