"""What Prometheus reads at /metrics; one registry for each app, so that two do not mix."""

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

if TYPE_CHECKING:
    from app.alerts.gate import Gate


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

    def watch(self, engine: AsyncEngine, gate: "Gate") -> None:
        """Report the pool and the gate from now on."""
        in_use = Gauge(
            "mars_database_connections_in_use",
            "Connections of the pool that are with a request",
            registry=self.registry,
        )
        pool = engine.pool
        assert isinstance(pool, QueuePool)
        in_use.set_function(pool.checkedout)
        for name, words, told in (
            ("free", "Costly questions that could run at once", lambda: gate.free),
            ("waiting", "Costly questions that wait for their turn", lambda: gate.waiting),
            ("refused", "Costly questions whose turn did not come", lambda: gate.refused),
        ):
            gauge = Gauge(f"mars_costly_{name}", words, registry=self.registry)
            gauge.set_function(told)
