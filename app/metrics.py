"""What Prometheus reads at /metrics; one registry for each app, so that two do not mix."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from sqlalchemy.pool import QueuePool

if TYPE_CHECKING:
    from app.alerts.access.archive import Archive
    from app.alerts.access.gate import Turns
    from app.alerts.access.servers import Server, Watch


class Metrics:
    """Requests by route, method and status, their time, and the database pool."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "mars_http_requests",
            "Requests answered",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "mars_http_request_seconds",
            "Time until the answer was sent whole",
            ("method", "route"),
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
            registry=self.registry,
        )
        self.job_troubles = Counter(
            "mars_job_troubles",
            "Times that running jobs, or looking after them, was interrupted by an error",
            ("part",),
            registry=self.registry,
        )
        self.webhook_tries = Counter(
            "mars_webhook_tries",
            "Tries of webhooks, by what came of them",
            ("outcome",),
            registry=self.registry,
        )
        self.mail_tries = Counter(
            "mars_mail_tries",
            "Tries of mails, by what came of them",
            ("outcome",),
            registry=self.registry,
        )
        self.published = Counter(
            "mars_published_alerts",
            "Alerts that Kafka's brokers have taken",
            ("topic",),
            registry=self.registry,
        )

    def watch(self, archive: "Archive") -> None:
        """Report the pool, the queues and the columnar copy from now on."""
        pool, columns = archive.engine.pool, archive.columns
        assert isinstance(pool, QueuePool)
        assert columns is not None
        self._report("database_connections_in_use", _IN_USE, pool.checkedout)
        for name, what, turns in (
            ("costly", "Costly questions", archive.gate),
            ("scans", "Scans of the columnar copy", archive.scans),
        ):
            self._report(f"{name}_free", f"{what} that could run at once", _read(turns, "free"))
            waiting = f"{what} that wait for their turn"
            self._report(f"{name}_waiting", waiting, _read(turns, "waiting"))
            refused = f"{what} whose turn did not come"
            self._report(f"{name}_refused", refused, _read(turns, "refused"))
        self._report("columns_as_of", _AS_OF, lambda: columns.readable and columns.readable.as_of)

        self._report_servers(archive.watch)

    def _report_servers(self, watch: "Watch") -> None:
        """What was seen of each database server, if there are several."""
        for name, words, tell in _OF_SERVER:
            gauge = Gauge(f"mars_database_{name}", words, ("server",), registry=self.registry)
            for server in watch.servers:
                read = partial(_tell_of_server, watch, server.address, tell)
                gauge.labels(server.address).set_function(read)

    def _report(self, name: str, words: str, tell: Callable[[], float | None]) -> None:
        gauge = Gauge(f"mars_{name}", words, registry=self.registry)
        gauge.set_function(lambda: tell() or 0)


_IN_USE: Final = "Connections of the pool that are with a request"
_AS_OF: Final = "Last batch of the columnar copy that is read; 0 without one"


_OF_SERVER: Final[Sequence[tuple[str, str, Callable[["Server"], float | None]]]] = (
    ("up", "Whether this server answers", lambda server: server.role is not None),
    ("primary", "Whether this server is a primary", lambda server: server.role == "primary"),
    ("in_use", "Whether requests are sent to this server", lambda server: server.in_use),
    ("batches_behind", "Batches that this server lacks", lambda server: server.batches_behind),
    ("seconds_behind", "Age of the oldest of them", lambda server: server.seconds_behind),
)


def _tell_of_server(
    watch: "Watch", address: str, tell: Callable[["Server"], float | None]
) -> float:
    value = tell(watch.find(address))
    return math.nan if value is None else float(value)


def _read(turns: "Turns", name: str) -> Callable[[], float]:
    return lambda: float(getattr(turns, name))
