"""Between MARS's form and its rows: its name resolved, a query that is too dear explained."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, Protocol

from app.errors import BadForm, BadParameter, TooDear
from app.form import Form
from app.search import Cone, Search

_NARROWING: Final = ("cone", "objectcone", "objectId", "candid")


class Place(Protocol):
    """A position, in degrees (ICRS)."""

    @property
    def ra(self) -> float: ...
    @property
    def dec(self) -> float: ...


class Names(Protocol):
    """What finds an object's position."""

    async def resolve(self, name: str) -> Place:
        """The position of a named object. Raises a RequestError where there is none."""


async def placed(form: Form, names: Names | None) -> Search:
    """The form's search, its objectcone as a cone. Raises BadForm where names are not resolved."""
    if form.named is None:
        return form.search
    if names is None:
        reason = "this server resolves no names; give cone=ra,dec,radius in degrees"
        raise BadForm([BadParameter("objectcone", reason)])
    place = await names.resolve(form.named.name)
    return replace(form.search, cone=Cone(place.ra, place.dec, form.named.radius))


@contextmanager
def advising(form: Form) -> Iterator[None]:
    """Say of a query that took too long which parameters would make it cheaper."""
    try:
        yield
    except TooDear:
        advice = []
        if not set(_NARROWING) & form.given.keys():
            advice.append(f"add one of {', '.join(_NARROWING)}")
        advice.append("shorten the time by jd__gt and jd__lt, or by time__since")
        if "sort_value" in form.given:
            advice.append("leave sort_value away")
        if form.page > 1:
            advice.append("walk to a page from the one before instead of jumping there")
        raise TooDear(f"the query took too long: {'; or '.join(advice)}") from None
