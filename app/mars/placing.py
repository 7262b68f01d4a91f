"""Between MARS's form and its rows: where on the sky, and what to say of a query too costly."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from app.errors import BadForm, BadParameters, Busy, QueryTooCostly
from app.mars.form import Form
from app.names.places import cone_at
from app.names.resolver import Names, Place, resolve
from app.regions.kept import Regions, find_region
from app.search.filters import Clause, Filter
from app.search.search import Search
from app.search.vocabulary import FIELDS

_NARROWING: Final = ("cone", "objectcone", "region", "objectId", "candid")


async def place_form(form: Form, names: Names, regions: Regions | None) -> Search:
    """The form's search on the sky; raises as `find_place` and `search_in` do."""
    return await search_in(search_around(form, await find_place(form, names)), regions)


async def search_in(search: Search, regions: Regions | None) -> Search:
    """A search with what its region holds, if it has one.

    Raises BadForm for one that is unknown or too large, and NoRegions.
    """
    try:
        return await find_region(search, regions)
    except BadParameters as bad:
        raise BadForm(bad.errors) from None


async def find_place(form: Form, names: Names) -> Place | None:
    """The position of the object in the form's objectcone; None without one.

    Raises BadForm if the name cannot be read, NotFound if it is unknown, ResolversUnavailable if no
    resolver answers.
    """
    if form.named is None:
        return None
    try:
        return await resolve(names, form.named.name, "objectcone")
    except BadParameters as bad:
        raise BadForm(bad.errors) from None


def search_around(form: Form, place: Place | None) -> Search:
    """The form's search, its objectcone at a place; with another cone an alert must be in both."""
    if form.named is None or place is None:
        return form.search
    cone = cone_at(place, form.named)
    if form.search.cone is None:
        return replace(form.search, cone=cone)
    edge = math.sin(math.radians(cone.radius) / 2) ** 2
    beside = Clause(Filter(FIELDS["ra"], "within"), [cone.ra, cone.dec, edge])
    return replace(form.search, clauses=(*form.search.clauses, beside))


@contextmanager
def advise_on_timeout(form: Form) -> Iterator[None]:
    """Name the parameters that would make a query cheaper, if it takes too long."""
    try:
        yield
    except Busy:
        raise
    except QueryTooCostly:
        advice = []
        if not set(_NARROWING) & form.given.keys():
            advice.append(f"add one of {', '.join(_NARROWING)}")
        advice.append("shorten the time range with jd__gt and jd__lt, or time__since")
        if "sort_value" in form.given:
            advice.append("remove sort_value")
        if form.page > 1:
            advice.append("go to this page through the pages before it")
        raise QueryTooCostly(f"the query took too long: {'; or '.join(advice)}") from None
