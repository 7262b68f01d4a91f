"""What routes can depend on: the archive, the store, a validated search.

All are coroutines: FastAPI sends a plain function to a thread, which costs 0.1 ms each.
"""

import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Final

from fastapi import Depends, Request

from app.alerts.access.archive import Archive
from app.alerts.access.gate import Asker
from app.alerts.asking.queries import check_archive
from app.alerts.output.fragments import Fragments
from app.clients import client_of
from app.errors import (
    BadParameter,
    BadParameters,
    NoJobs,
    NoRegions,
    WrongSecret,
    no_alert,
    unknown_parameters,
)
from app.jobs.queue import Jobs
from app.mars.walks import Walks
from app.match.crossmatch import Matcher
from app.match.query import MatchQuery, parse_match
from app.names.resolver import Names
from app.nights.fieldcounts import NightCounts
from app.nights.ledger import Ledger
from app.objects.periods import PeriodSearches
from app.regions.kept import Regions
from app.routes.resources import resources_of
from app.search.bodies import read_query_body
from app.search.search import Search, parse_search
from app.search.values import read_integer
from app.settings import Settings, settings_of
from app.spelling import MAX_NAME
from app.stamps.kept import Pictures
from app.statistics.overview import Overview
from app.tokens.secrets import bearer_in
from app.vo.running import Tap, existing
from archive.objects import ObjectStore


def secret_of(request: Request) -> str:
    """The secret that a request brings. Raises WrongSecret."""
    secret = bearer_in(request.headers.get("authorization", ""))
    if secret is None:
        raise WrongSecret("send the secret as `Authorization: Bearer mars_...`")
    return secret


async def get_settings(request: Request) -> Settings:
    """The settings that this app was made with."""
    return settings_of(request)


async def get_archive(request: Request) -> Archive:
    """The database, once its schema is known to be this program's. Raises SchemaOutdated.

    It is checked again until it succeeds, so a migration needs no restart.
    """
    resources = resources_of(request)
    if not resources.schema.is_current:
        await check_archive(resources.archive)
        resources.schema.is_current = True
    # A body may be long in coming, and its time is not the archive's.
    began = time.monotonic() if request.method in ("GET", "HEAD") else None
    return resources.archive._replace(asker=_asker_of(request), began=began)


def _asker_of(request: Request) -> Asker:
    """The client. Use it once the body has been read: it waits for the messages after the body."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    return Asker(client_of(request.scope, resources_of(request).proxies), gone)


async def get_store(request: Request) -> ObjectStore:
    """The object store."""
    return resources_of(request).store


async def get_fragments(request: Request) -> Fragments:
    """The JSON of alerts, as far as it is kept."""
    return resources_of(request).fragments


async def get_legacy_fragments(request: Request) -> Fragments:
    """The JSON of alerts in MARS's shape, as far as it is kept."""
    return resources_of(request).legacy_fragments


async def get_walks(request: Request) -> Walks:
    """Where the next pages of walked lists begin."""
    return resources_of(request).walks


async def get_pictures(request: Request) -> Pictures:
    """Pictures of stamps that were asked for lately. Raises SchemaOutdated as get_archive does."""
    await get_archive(request)
    return resources_of(request).pictures


async def get_night_counts(request: Request) -> NightCounts:
    """The nights that were counted last."""
    return resources_of(request).night_counts


async def get_ledger(request: Request) -> Ledger:
    """The ledger's sums, as far as they are known."""
    return resources_of(request).ledger


async def get_periods(request: Request) -> PeriodSearches:
    """The searches for periods."""
    return resources_of(request).periods


async def get_overview(request: Request) -> Overview:
    """The statistics. Raises SchemaOutdated as get_archive does."""
    await get_archive(request)
    return resources_of(request).overview


async def get_names(request: Request) -> Names:
    """The resolver of names."""
    return resources_of(request).names


async def read_search(request: Request) -> Search:
    """The search in the query string; without `format` Accept says in which."""
    accept = request.headers.get("accept", "")
    return parse_search(request.query_params.multi_items(), accept)


async def get_matcher(request: Request) -> Matcher:
    """The matcher of positions with the archive. Raises as get_archive does."""
    return resources_of(request).matcher.reading(await get_archive(request))


async def get_client(request: Request) -> str:
    """The client, by its address."""
    return client_of(request.scope, resources_of(request).proxies)


async def count_match(
    client: Annotated[str, Depends(get_client)],
    matcher: Annotated[Matcher, Depends(get_matcher)],
) -> AsyncIterator[None]:
    """Count the match until its answer has been sent. Raises TooMany."""
    with matcher.begun_by(client):
        yield


async def get_jobs(request: Request) -> Jobs:
    """The jobs. Raises NoJobs, or SchemaOutdated as get_archive does."""
    await get_archive(request)
    jobs = resources_of(request).jobs
    if jobs is None:
        raise NoJobs
    return jobs


async def get_regions(request: Request) -> Regions:
    """The regions. Raises NoRegions, or SchemaOutdated as get_archive does."""
    await get_archive(request)
    regions = resources_of(request).regions
    if regions is None:
        raise NoRegions
    return regions


async def get_tap(request: Request) -> Tap:
    """The connections of TAP. Raises NoTap, or SchemaOutdated as get_archive does."""
    archive = await get_archive(request)
    return existing(resources_of(request).tap)._replace(asker=archive.asker)


async def read_match(request: Request) -> MatchQuery:
    """The filters, columns, format and radius of a match, in the query string."""
    accept = request.headers.get("accept", "")
    return parse_match(request.query_params.multi_items(), accept)


async def read_pairs(request: Request) -> list[tuple[str, str]]:
    """The parameters in the address and in the body, a JSON object or a form."""
    kind, body = request.headers.get("content-type", ""), await request.body()
    return [*request.query_params.multi_items(), *read_query_body(kind, body)]


def candid_of(text: str) -> int:
    """The candid in a path. Raises NotFound for any other text."""
    try:
        return read_integer(text)
    except ValueError:
        raise no_alert(text) from None


def allow_only(*known: str) -> Callable[[Request], Awaitable[None]]:
    """A dependency that refuses all query parameters but these; blank ones count as absent."""

    async def check_parameters(request: Request) -> None:
        given = [name for name, value in request.query_params.multi_items() if value.strip()]
        if errors := unknown_parameters(given, known):
            raise BadParameters(errors)

    return check_parameters


no_parameters: Final = allow_only()


def allow_repeats(*lists: str) -> Callable[[Request], Awaitable[None]]:
    """A dependency that refuses repeated parameters, except these: which one would count?"""

    async def check_repeats(request: Request) -> None:
        given = Counter(name for name, value in request.query_params.multi_items() if value.strip())
        if again := [name for name, times in given.items() if times > 1 and name not in lists]:
            reason = "given more than once"
            raise BadParameters([BadParameter(name[:MAX_NAME], reason) for name in again])

    return check_repeats


no_repeats: Final = allow_repeats()


ClientDependency = Annotated[str, Depends(get_client)]
SettingsDependency = Annotated[Settings, Depends(get_settings)]
ArchiveDependency = Annotated[Archive, Depends(get_archive)]
StoreDependency = Annotated[ObjectStore, Depends(get_store)]
FragmentsDependency = Annotated[Fragments, Depends(get_fragments)]
LegacyFragmentsDependency = Annotated[Fragments, Depends(get_legacy_fragments)]
PicturesDependency = Annotated[Pictures, Depends(get_pictures)]
WalksDependency = Annotated[Walks, Depends(get_walks)]
SearchDependency = Annotated[Search, Depends(read_search)]
NightCountsDependency = Annotated[NightCounts, Depends(get_night_counts)]
LedgerDependency = Annotated[Ledger, Depends(get_ledger)]
PeriodsDependency = Annotated[PeriodSearches, Depends(get_periods)]
OverviewDependency = Annotated[Overview, Depends(get_overview)]
NamesDependency = Annotated[Names, Depends(get_names)]
MatcherDependency = Annotated[Matcher, Depends(get_matcher)]
MatchQueryDependency = Annotated[MatchQuery, Depends(read_match)]
TapDependency = Annotated[Tap, Depends(get_tap)]
RegionsDependency = Annotated[Regions, Depends(get_regions)]
JobsDependency = Annotated[Jobs, Depends(get_jobs)]
PairsDependency = Annotated[list[tuple[str, str]], Depends(read_pairs)]
