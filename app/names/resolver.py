"""A name -> a place on the sky: from the archive and catalogue, then the cache, then CDS."""

import asyncio
import difflib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import httpx

from app.alerts.access.archive import Archive
from app.alerts.asking import queries, searching
from app.errors import BadParameter, BadParameters, NotFound, ResolversUnavailable, UnknownName
from app.names import catalogue
from app.names.cache import Answer, Found, NameCache
from app.names.designations import FORMS, Kind, Reading, interpret
from app.names.remotes import Failed, Remote, sesame, simbad
from app.search.search import Search
from app.search.solarsystem import body_of
from app.search.sphere import mean_position
from app.search.vocabulary import FILTERS
from app.settings import Settings
from archive.database import make_engine

ARCHIVE_ARCSEC: Final = 2.0
"""Radius around a position from the archive: an object's alerts scatter by a few tenths."""
NAMED_ARCSEC: Final = 10.0
"""Radius around a named object: its position may be its host's. A catalogued one has its size."""
_USER_AGENT: Final = "MARS (alert archive; names that its users search for)"


class Place(NamedTuple):
    """A resolved name: ICRS degrees, the radius for a search around it, and the source."""

    name: str
    ra: float
    dec: float
    radius: float
    source: str


class Names:
    """All sources of names, and the requests to CDS that are under way."""

    def __init__(
        self,
        archive: Archive,
        cache: NameCache | None,
        client: httpx.AsyncClient,
        remotes: Sequence[Remote],
        timeout_s: float,
    ) -> None:
        self.archive = archive
        self.remotes = tuple(remotes)
        self._cache, self._client, self._timeout_s = cache, client, timeout_s
        self._asked: dict[str, asyncio.Task[Found | None]] = {}

    async def look_up(self, name: str) -> Found | None:
        """The answer of the cache or of a remote resolver; None if they do not know the name.

        Raises ResolversUnavailable if neither answers.
        """
        # Blanks in names do not count, but case does: V* b Per and V* B Per are two stars.
        name = " ".join(name.split())
        task = self._asked.get(name)
        if task is None:
            task = self._asked[name] = asyncio.create_task(self._answer(name))
            task.add_done_callback(lambda done: self._answered(name, done))
        # One client that goes away must not take the answer from the others.
        return await asyncio.shield(task)

    async def _answer(self, name: str) -> Found | None:
        """Answer from the cache, else from the remote resolvers.

        One task does both: a request that checked the cache alone could miss the answer of another
        one and ask again.
        """
        held = await self._cache.get(name) if self._cache else None
        if held is not None and held.fresh:
            return held.found
        return await self._ask(name, held)

    def _answered(self, name: str, task: asyncio.Task[Found | None]) -> None:
        del self._asked[name]
        if not task.cancelled():
            # Marks a failure as seen if every client has gone; otherwise asyncio logs it.
            task.exception()

    async def _ask(self, name: str, held: Answer | None) -> Found | None:
        """Ask the resolvers in turn until one answers, within the time for all of them."""
        failures: list[str] = []
        deadline = asyncio.get_running_loop().time() + self._timeout_s
        for n, remote in enumerate(self.remotes):
            left = deadline - asyncio.get_running_loop().time()
            # The last may use all the time that is left, the others two thirds of it.
            share = left if n + 1 == len(self.remotes) else left * 2 / 3
            try:
                found = await remote.ask(self._client, name, share)
            except Failed as failed:
                failures.append(f"{remote.name}: {failed}")
                continue
            if self._cache:
                await self._cache.put(name, found, remote.name)
            return found
        if held is not None:
            return held.found
        raise ResolversUnavailable("; ".join(failures) or "none is configured")

    async def close(self) -> None:
        """Cancel the running requests."""
        tasks = list(self._asked.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def open_names(settings: Settings, archive: Archive) -> AsyncIterator[Names]:
    """A resolver with connections of its own; without a database for mars_app it keeps nothing."""
    engine = None
    if settings.app_database_url.get_secret_value():
        own = settings.model_copy(update={"database_url": settings.app_database_url})
        engine = make_engine(own, "app-names", pool_size=2)
    kinds = ((sesame, settings.sesame_url), (simbad, settings.simbad_tap_url))
    remotes = [kind(address) for kind, address in kinds if address]
    headers = {"User-Agent": _USER_AGENT, "Accept-Encoding": "identity"}
    timeout = httpx.Timeout(settings.resolve_timeout_s)
    async with httpx.AsyncClient(headers=headers, timeout=timeout) as client:
        cache = NameCache(engine) if engine else None
        names = Names(archive, cache, client, remotes, settings.resolve_timeout_s)
        try:
            yield names
        finally:
            await names.close()
            if engine:
                await engine.dispose()


def read_name(parameter: str, text: str) -> Reading:
    """Read the text of a parameter (designations.interpret). Raises BadParameters."""
    try:
        return interpret(text)
    except ValueError as error:
        raise BadParameters([BadParameter(parameter, str(error))]) from None


async def resolve(names: Names, name: str, parameter: str = "name") -> Place:
    """The place of a name, as a person or a script wrote it.

    Raises BadParameters (naming `parameter`) for coordinates off the sky, NotFound for an object or
    alert that is not in the archive and for a body that moves, UnknownName with suggestions,
    ResolversUnavailable if no resolver answers.
    """
    return await resolve_reading(names, read_name(parameter, name))


async def resolve_reading(names: Names, reading: Reading) -> Place:
    """The place of a typed text; a radius typed with it replaces the place's own."""
    if reading.kind is Kind.BODY:
        raise NotFound(
            f"the solar-system body {reading.text} moves and has no fixed position: search its "
            f"alerts with ssnamenr={reading.text}"
        )
    if reading.kind is Kind.POSITION:
        assert reading.ra is not None
        assert reading.dec is not None
        assert reading.radius is not None
        return Place(reading.text, reading.ra, reading.dec, reading.radius, "coordinates")
    if reading.kind is Kind.NAME:
        place = await _named(names, reading.text)
    else:
        place = await _archived(names, reading)
    return place._replace(radius=reading.radius or place.radius)


async def _archived(names: Names, reading: Reading) -> Place:
    """The mean position of an object's alerts, or that of one alert."""
    by = {Kind.OBJECT: "object_id", Kind.CANDID: "candid", Kind.LCO_ID: "lco_id"}[reading.kind]
    key = reading.text if reading.kind is Kind.OBJECT else int(reading.text)
    # Coordinates and names need no archive, so the routes do not check its schema.
    await queries.check_archive(names.archive)
    positions = await queries.read_positions(names.archive, by, key)
    if not positions:
        raise _no_alert(by, reading.text)
    return Place(reading.text, *mean_position(positions), ARCHIVE_ARCSEC / 3600, "MARS")


def _no_alert(by: str, text: str) -> NotFound:
    """There is none; a small number may have been meant as a minor planet's."""
    body = body_of(text) if by == "lco_id" else None
    hint = f"; those of the solar-system body {body} are found by ssnamenr={body}" if body else ""
    return NotFound(f"the archive has no alert with {by} {text}{hint}")


async def tell_number(names: Names, number: str) -> Kind:
    """What a small number names: an alert, by its lco_id, or else a body that has alerts.

    Raises NotFound where it is neither.
    """
    await queries.check_archive(names.archive)
    if await queries.read_positions(names.archive, "lco_id", int(number)):
        return Kind.LCO_ID
    of_body = Search(clauses=(FILTERS["ssnamenr"].read(number),), limit=1)
    _, rows = await searching.find_alerts(names.archive, of_body)
    if not rows:
        raise _no_alert("lco_id", number)
    return Kind.BODY


async def _named(names: Names, name: str) -> Place:
    """The place of a named object: from the local catalogue, else from the cache or CDS."""
    least = NAMED_ARCSEC / 3600
    if entry := await catalogue.look_up(name):
        return Place(entry.name, entry.ra, entry.dec, max(entry.half_axis or 0.0, least), "OpenNGC")
    if found := await names.look_up(name):
        return Place(found.name or name, found.ra, found.dec, least, found.source)
    known = await catalogue.common_names()
    near = difflib.get_close_matches(name.lower(), known, 3, 0.6)
    hint = f"; did you mean {', '.join(map(repr, near))}?" if near else "."
    raise UnknownName(f"unknown name {name!r}{hint} A name can be: {FORMS}", near)
