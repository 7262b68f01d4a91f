"""What the consumer tells Prometheus, served by `prometheus_client` on MARS_METRICS_PORT."""

from collections import Counter as Counts
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

OUTCOMES: Final = ("stored", "duplicate", "private", "rejected")

PACKETS: Final = Counter("mars_packets", "Packets by outcome", ["kind", "outcome"])
CONFLICTS: Final = Counter("mars_conflicts", "Packets with a known candid and other content")
PRIVATE_ENTRIES: Final = Counter(
    "mars_private_history_entries", "Private rows dropped from histories of public packets"
)
UNDATED_ENTRIES: Final = Counter(
    "mars_undated_history_entries", "Rows without a time dropped from histories"
)
BATCHES: Final = Counter("mars_batches", "Batches committed", ["kind"])
BATCH: Final = Histogram("mars_batch_seconds", "From raw messages to committed rows")
STEP: Final = Histogram("mars_batch_step_seconds", "The same by step", ["step"])
RETRIES: Final = Counter("mars_batch_retries", "Waits for database or object store")
REFUSED: Final = Counter("mars_refused", "Messages that decode and could not be stored")
HELD: Final = Gauge(
    "mars_held", "1: a partition waits, message after message is refused", ["topic", "partition"]
)
LAG: Final = Gauge("mars_lag_messages", "Messages not yet taken in", ["topic", "partition"])
FETCH_AGE: Final = Gauge("mars_fetch_age_seconds", "Seconds since the broker last answered a fetch")
PROGRESS: Final = Gauge(
    "mars_progress_timestamp_seconds",
    "When a broker last answered a fetch, or a batch was last committed",
)
PROGRESS.set_to_current_time()


def count_packets(kind: str, counts: Counts[str]) -> None:
    """Count what became of the packets of a transaction that is committed."""
    for outcome in OUTCOMES:
        if counts[outcome] > 0:
            PACKETS.labels(kind, outcome).inc(counts[outcome])
    CONFLICTS.inc(counts["conflict"])
    PRIVATE_ENTRIES.inc(counts["private_entries"])
    UNDATED_ENTRIES.inc(counts["undated_entries"])
    PROGRESS.set_to_current_time()


def count_batch(kind: str, seconds: float) -> None:
    """Count a batch, all of which is committed."""
    BATCHES.labels(kind).inc()
    BATCH.observe(seconds)
    PROGRESS.set_to_current_time()
