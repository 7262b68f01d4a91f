"""The resources of one app, for its routes."""

from dataclasses import dataclass, field

from fastapi import Request

from app.alerts.access.archive import Archive
from app.alerts.output.fragments import Fragments
from app.clients import Networks
from app.delivery.subscriptions import Subscriptions
from app.delivery.webhooks import Webhooks
from app.jobs.queue import Jobs
from app.live.tail import Tail
from app.mars.walks import Walks
from app.match.crossmatch import Matcher
from app.metrics import Metrics
from app.names.resolver import Names
from app.nights.fieldcounts import NightCounts
from app.nights.ledger import Ledger
from app.objects.periods import PeriodSearches
from app.regions.kept import Regions
from app.stamps.kept import Pictures
from app.statistics.overview import Overview
from app.vo.running import Tap
from app.watches.watches import Watches
from archive.objects import ObjectStore


@dataclass(slots=True)
class Schema:
    """Whether the database's schema is known to be this program's."""

    is_current: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Connections, and what is kept between requests."""

    archive: Archive
    store: ObjectStore
    names: Names
    matcher: Matcher
    jobs: Jobs | None
    """None without a database to keep them in."""
    regions: Regions | None
    """None without a database to keep them in."""
    metrics: Metrics
    proxies: Networks
    """Proxies whose X-Forwarded-For is trusted."""
    fragments: Fragments
    """The JSON of alerts, as far as it is kept."""
    overview: Overview
    tail: Tail
    """The end of the archive, for streams."""
    watches: Watches | None
    """None without a database to keep them in."""
    webhooks: Webhooks | None
    """None unless settings turn them on."""
    subscriptions: Subscriptions | None
    """None unless settings name a mail server."""
    tap: Tap | None
    """None without a database for its role."""
    legacy_fragments: Fragments
    """The same in the shape of the first MARS."""
    walks: Walks = field(default_factory=Walks)
    pictures: Pictures = field(default_factory=Pictures)
    night_counts: NightCounts = field(default_factory=NightCounts)
    ledger: Ledger = field(default_factory=Ledger)
    periods: PeriodSearches = field(default_factory=PeriodSearches)
    schema: Schema = field(default_factory=Schema)


def resources_of(request: Request) -> Resources:
    """The resources of the app that received a request."""
    resources: Resources = request.app.state.resources
    return resources
