"""What routes of the API and of pages do alike to make a watch, or to change one."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import Row

from app.alerts.access.archive import Archive
from app.bounds import BODIES, WITH_TOKEN, raise_bound
from app.errors import BadParameter, BadParameters, NoWatches
from app.live.events import begin_at
from app.live.tail import Tail
from app.match.targets import Target, Targets
from app.match.uploads import read_targets
from app.names.places import locate
from app.names.resolver import Names
from app.regions.kept import Regions, find_region
from app.routes.api.streams import TailDependency
from app.routes.dependencies import (
    ArchiveDependency,
    ClientDependency,
    NamesDependency,
    get_archive,
)
from app.routes.resources import resources_of
from app.search.bodies import Pairs
from app.search.search import Search
from app.tokens.secrets import bearer_in
from app.watches.asking import (
    Wanted,
    check_change,
    check_filters,
    check_radius,
    filters_of,
    parse_change,
    parse_watch,
)
from app.watches.positions import Positions, open_positions
from app.watches.watches import Owner, Watches, is_of_token

Read = Callable[[Targets], AsyncIterator[list[Target]]]
"""What reads the positions that a client has sent."""


def watches_of(request: Request) -> Watches:
    """The watches. Raises NoWatches."""
    watches = resources_of(request).watches
    if watches is None:
        raise NoWatches
    return watches


async def get_watches(request: Request) -> Watches:
    """The watches. Raises NoWatches, or SchemaOutdated as get_archive does."""
    await get_archive(request)
    return watches_of(request)


WatchesDependency = Annotated[Watches, Depends(get_watches)]


async def get_owner(
    request: Request, client: ClientDependency, watches: WatchesDependency
) -> Owner:
    """Who makes a watch; the body of one who has a good token may be larger. Raises UnknownToken.

    Other schemes than Bearer are those of a proxy before us.
    """
    token = bearer_in(request.headers.get("authorization", ""))
    owner = await watches.find_owner(client, token)
    if token is not None:
        raise_bound(request.scope, WITH_TOKEN)
    return owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """What it takes to make a watch, or to change one."""

    watches: Watches
    archive: Archive
    names: Names
    regions: Regions | None
    tail: Tail

    async def make(
        self, owner: Owner, given: Pairs, read: Read | None = None
    ) -> tuple[Row[Any], str]:
        """The row of a new watch and its secret.

        Raises BadParameters, TooMany, and what names.places.locate and `read` raise.
        """
        wanted = parse_watch(given)
        await self.watches.check_room(owner)
        search = await self._locate(wanted)
        with open_positions() as positions:
            await _read_positions(positions, read, wanted.radius, owner.most_positions)
            filters = filters_of(given, search)
            check_filters(filters, positions.count)
            upto = await begin_at(self.archive, self.tail, wanted.asked)
            return await self.watches.add(owner, filters, positions, upto)

    async def change(self, row: Row[Any], given: Pairs, read: Read | None = None) -> Row[Any]:
        """A watch with other filters or positions, with more of these, or without one of the two.

        What it found stays, and it goes on where it was. Raises as `make` does.
        """
        change = parse_change(given)
        owner, radius = await self.watches.owner_of(row), change.wanted.radius
        search = await self._locate(change.wanted)
        with open_positions() as positions:
            await _read_positions(positions, read, radius, owner.most_positions)
            filters = filters_of(given, search)
            check_change(change, filters, positions.count, radius)
            most = owner.most_positions
            return await self.watches.change(row.id, change, filters, positions, most)

    async def _locate(self, wanted: Wanted) -> Search:
        search, _ = await locate(wanted.asked.search, self.names)
        return await find_region(search, self.regions)


async def get_making(
    *,
    request: Request,
    watches: WatchesDependency,
    archive: ArchiveDependency,
    names: NamesDependency,
    tail: TailDependency,
) -> Making:
    """What it takes to make a watch."""
    regions = resources_of(request).regions
    return Making(watches=watches, archive=archive, names=names, regions=regions, tail=tail)


OwnerDependency = Annotated[Owner, Depends(get_owner)]
MakingDependency = Annotated[Making, Depends(get_making)]


def reader_of(request: Request) -> Read | None:
    """What reads the positions in the body of a request; None where it has none."""
    return partial(read_targets, request) if "content-type" in request.headers else None


def allow_positions(request: Request, row: Row[Any]) -> None:
    """Let a body be as large as one that would have made this watch."""
    larger = WITH_TOKEN if is_of_token(row) else BODIES["/api/v1/watches"]
    raise_bound(request.scope, larger)


async def _read_positions(
    positions: Positions, read: Read | None, radius: float | None, most: int
) -> None:
    if read is None:
        return
    async for some in read(Targets(radius, most, "")):
        for target in some:
            try:
                check_radius(target.cone.radius)
            except ValueError as error:
                where = f"positions[{target.place}]"
                raise BadParameters([BadParameter(where, f"the radius {error}")]) from None
        positions.add(some)
