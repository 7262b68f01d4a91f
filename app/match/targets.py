"""The positions of a batch match: read, checked, and refused together."""

import math
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from app.errors import BadParameter, BadParameters
from app.match.bodytext import Row
from app.search.regions import Cone, cone_of, parse_radius
from app.search.values import read_number, read_stored

MAX_POSITIONS: Final = 10_000
MAX_TOLD: Final = 100
"""Bad positions that an answer names; it gives the number of the others."""


class Target(NamedTuple):
    """A position to be matched: its place in the list, the client's name for it, its cone."""

    place: int
    id: str
    cone: Cone


class Targets:
    """Turns rows into targets until one is bad; after that it only collects the errors."""

    def __init__(self, radius: float | None, most: int, instead: str) -> None:
        """`radius` [deg] is for rows without one; beyond `most` rows `instead` is the advice."""
        self._radius, self._most, self._instead = radius, most, instead
        self._errors: list[BadParameter] = []
        self._bad = 0
        self.count = 0

    def take(self, rows: Iterable[Row]) -> list[Target]:
        """The targets of the next rows. Raises BadParameters as soon as there are too many."""
        targets = []
        for row in rows:
            if self.count == self._most:
                reason = f"more than {self._most:,} positions in one request{self._instead}"
                raise BadParameters([BadParameter("positions", reason)])
            try:
                targets.append(self._target(row))
            except ValueError as error:
                self._bad += 1
                if self._bad <= MAX_TOLD:
                    said = row.get("id")
                    named = "" if said in (None, "") else f"id {str(said)[:64]!r}: "
                    where = f"positions[{self.count}]"
                    self._errors.append(BadParameter(where, f"{named}{error}"))
            self.count += 1
        return targets

    def check(self) -> None:
        """Raise BadParameters with all bad positions, or if there was no position at all."""
        if self._bad > MAX_TOLD:
            self._errors.append(BadParameter("positions", f"and {self._bad - MAX_TOLD:,} more"))
        if not self.count:
            self._errors.append(BadParameter("positions", "the list of positions is empty"))
        if self._errors:
            raise BadParameters(self._errors)

    def _target(self, row: Row) -> Target:
        ra, dec = (_coordinate(name, row.get(name)) for name in ("ra", "dec"))
        radius = self._radius if row.get("radius") in (None, "") else _radius(row["radius"])
        if radius is None:
            raise ValueError("no radius: give the position one, or set the parameter `radius`")
        return Target(self.count, _id(row.get("id"), self.count), cone_of(ra, dec, radius))


def _id(value: Any, index: int) -> str:
    """The client's id of a position, by default its index."""
    if value in (None, ""):
        return str(index)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("the id must be a text or a number")
    try:
        return read_stored(str(value))
    except ValueError as error:
        raise ValueError(f"the id {error}") from None


def _coordinate(name: str, value: Any) -> float:
    if value in (None, ""):
        raise ValueError(f"no {name}")
    return _number(name, value)


def _number(name: str, value: Any) -> float:
    if isinstance(value, str):
        try:
            return read_number(value)
        except ValueError as error:
            raise ValueError(f"{name} is {error}") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} is not a number")
    try:
        read = float(value)
    except OverflowError:
        read = math.inf
    if not math.isfinite(read):
        raise ValueError(f"{name} is outside the range of double precision")
    return read


def _radius(value: Any) -> float:
    if not isinstance(value, str):
        return _number("radius", value)
    try:
        return parse_radius(value)
    except ValueError as error:
        raise ValueError(f"radius is {error}") from None
