"""Regions in the database: the table app.region, which the app writes as mars_app."""

import asyncio
import hmac
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from cachetools import TTLCache
from sqlalchemy import Row, Text, cast, delete, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE
from sqlalchemy.ext.asyncio import AsyncEngine

from app import late, schema
from app.alerts.access.archive import Archive
from app.columns.region import read_ranges
from app.errors import (
    DATABASE_ERRORS,
    BadParameter,
    BadParameters,
    NoRegions,
    NotFound,
    TooMany,
    WrongSecret,
)
from app.regions.covering import cover_region, write_ranges
from app.regions.reading import Footprint
from app.search.regions import Region
from app.search.search import Search
from app.search.windows import put_in
from app.settings import Settings
from app.tokens.secrets import digest_of, draw_secret
from archive.database import make_engine

if TYPE_CHECKING:
    from mocpy import MOC

_LOCK: Final = 7_062_020
_region: Final = schema.region
_TOLD: Final = tuple(c for c in _region.c if c.name not in ("cells", "covering", "secret"))
_CELLS, _COVERING = cast(_region.c.cells, Text), cast(_region.c.covering, Text)
_KEPT: Final = 16
"""Regions in memory, 1 MB each at most."""
_KEPT_S: Final = 600.0
_SEEN_S: Final = 5.0
"""Time after which a region in memory is looked for again: another process may have deleted it."""
_USE: Final = timedelta(hours=1)
"""A use within so long after the last one is not noted."""


class Regions:
    """The regions of this archive; works as mars_app."""

    def __init__(self, engine: AsyncEngine, per_client: int, lasts: timedelta) -> None:
        self._engine, self._per_client, self._lasts = engine, per_client, lasts
        self._known: TTLCache[str, Region] = TTLCache(_KEPT, _KEPT_S)
        self._seen: TTLCache[str, None] = TTLCache(_KEPT, _SEEN_S)

    async def add(self, archive: Archive, client: str, sent: Footprint) -> tuple[Row[Any], str]:
        """Keep a region; its row without its cells, and its secret.

        Raises TooMany if the client has its number of them, or what Archive.fetch raises.
        """
        covering = await cover_region(archive, sent.moc)
        cells = await asyncio.to_thread(write_ranges, sent.moc.to_depth29_ranges)
        secret = draw_secret()
        made = insert(_region).values(
            id=secrets.token_urlsafe(24),
            client=client,
            cells=cast(literal(cells, Text), INT8MULTIRANGE),
            covering=cast(literal(covering, Text), INT8MULTIRANGE),
            max_order=sent.moc.max_order,
            area=sent.area,
            credible_level=sent.credible_level,
            expires=func.now() + self._lasts,
            secret=digest_of(secret),
        )
        async with self._engine.begin() as connection:
            # Requests of one client take turns here: two at once could both take the last place.
            lock = func.pg_advisory_xact_lock(_LOCK, func.hashtext(client))
            await connection.execute(select(lock))
            await connection.execute(delete(_region).where(_region.c.expires <= func.now()))
            own = select(func.count()).where(_region.c.client == client)
            if ((await connection.scalar(own)) or 0) >= self._per_client:
                raise TooMany(
                    f"you already have {self._per_client} regions, the most that one client may "
                    "have: use one of them, or DELETE one"
                )
            row: Row[Any] = (await connection.execute(made.returning(*_TOLD))).one()
        return row, secret

    async def remove(self, region: str, secret: str) -> None:
        """Delete a region. Raises NotFound or WrongSecret.

        Other processes may search with it for some seconds more.
        """
        row = await self._use(region, _region.c.secret)
        if row.secret is None or not hmac.compare_digest(row.secret, digest_of(secret)):
            raise WrongSecret("this is not the secret of the region: see what sent it")
        async with self._engine.begin() as connection:
            await connection.execute(delete(_region).where(_region.c.id == region))
        self._known.pop(region, None)

    async def read(self, region: str) -> tuple[Row[Any], "MOC"]:
        """A region's row without its cells, and its MOC. Raises NotFound."""
        row = await self._use(region, *_TOLD, _CELLS.label("text"))
        return row, await asyncio.to_thread(_moc_of, row.text, row.max_order)

    async def find(self, region: str) -> Region:
        """A region, as searches take it. Raises NotFound."""
        known = self._known.get(region)
        if known is None:
            row = await self._use(
                region, _CELLS.label("cells"), _COVERING.label("covering"), _region.c.area
            )
            known = self._known[region] = Region(row.cells, row.covering or "", row.area)
            self._seen[region] = None
        elif region not in self._seen:
            await self._look_for(region)
        return known

    async def _look_for(self, region: str) -> None:
        """Forget a region that is no more. Raises NotFound then."""
        living = select(_region.c.id).where(_region.c.id == region, _region.c.expires > func.now())
        # While the database is away, what is known of a region is as good as before.
        with suppress(*DATABASE_ERRORS):
            async with self._engine.connect() as connection:
                if await connection.scalar(living) is None:
                    self._known.pop(region, None)
                    raise NotFound(_UNKNOWN)
            self._seen[region] = None

    async def _use(self, region: str, *columns: Any) -> Row[Any]:
        """Columns of a region, which then lasts for the whole time again. Raises NotFound."""
        lasts = func.now() + self._lasts
        own = (_region.c.id == region, _region.c.expires > func.now())
        used = update(_region).where(*own, _region.c.expires < lasts - _USE).values(expires=lasts)
        async with self._engine.begin() as connection:
            await connection.execute(used)
            row: Row[Any] | None = (
                await connection.execute(select(*columns).where(*own))
            ).one_or_none()
        if row is None:
            raise NotFound(_UNKNOWN)
        return row


_UNKNOWN: Final = "there is no region of this id, or it has expired or been deleted: send it again"


def _moc_of(cells: str, max_order: int) -> "MOC":
    ranges = read_ranges(cells).astype(np.uint64)
    return late.mocpy.MOC.from_depth29_ranges(max_order, ranges)


async def find_region(search: Search, regions: Regions | None) -> Search:
    """The search, with what its region holds if it has one.

    Raises NoRegions, or BadParameters for an unknown region and what windows.put_in refuses.
    """
    if not search.region_id:
        return search
    if regions is None:
        raise NoRegions
    try:
        region = await regions.find(search.region_id)
    except NotFound as error:
        raise BadParameters([BadParameter("region", str(error))]) from None
    return put_in(search, region)


@asynccontextmanager
async def open_regions(settings: Settings) -> AsyncIterator[Regions | None]:
    """The regions, by connections of their own; None without a database for mars_app."""
    if not settings.app_database_url.get_secret_value():
        yield None
        return
    own = settings.model_copy(update={"database_url": settings.app_database_url})
    engine = make_engine(own, "app-regions", pool_size=2)
    try:
        lasts = timedelta(days=settings.region_days)
        yield Regions(engine, settings.regions_per_client, lasts)
    finally:
        await engine.dispose()
