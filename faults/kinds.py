"""The faults, each injected so many times into one feed: the table of all of them."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from faults.catalogs import catalog_killed, catalog_store_away
from faults.consumer_dying_at import POINTS
from faults.disks import log_disk_full, objects_disk_full, rows_disk_full
from faults.ends import (
    killed_at_points,
    killed_at_random,
    one_of_two_killed,
    terminated,
    terminated_without_database,
    two_at_once,
)
from faults.nights import new_topics, schema_changes, taken_in_parts
from faults.outages import (
    database_servers_killed,
    kafka_restarted,
    postgres_restarted,
    s3_away,
    s3_briefly_away,
    s3_frozen,
)
from faults.poison import changing, poisoned, repeated
from faults.private import looked_for, secretive
from faults.proxies import Mode
from faults.restored import restored
from faults.run import Kind, Run
from faults.serving import (
    clients_disconnect,
    connections_used_up,
    database_away,
    replica_behind_and_gone,
    tap_used_up,
)
from faults.standing import (
    broker_frozen,
    bucket_gone,
    ended_at_commit,
    frozen_past_session,
    lock_held,
    storm,
)
from faults.stores import store_that
from faults.watchers import matcher_killed

OFTEN: Final = 30
"""Times of a fault that is over within seconds."""
THREE: Final = "one of three PostgreSQL killed"


def _at(name: str, *points: str) -> Kind:
    async def inject(run: Run, times: int) -> None:
        await killed_at_points(run, times, *points)

    return Kind(f"kill -9 at {name}", inject, OFTEN)


def _in_parts(name: str, inject: Callable[[Run, int], Awaitable[None]], **more: Any) -> Kind:
    return Kind(name, inject, **{"times": OFTEN, "batch": 4, "in_parts": True} | more)


def _store_that(mode: Mode) -> Kind:
    return _in_parts(f"S3 {mode}", store_that(mode))


def _poisoned(share: float, times: int) -> Kind:
    feed = poisoned(share)
    return _in_parts(f"poison, {share:.1%} of a feed", taken_in_parts, times=times, feed=feed)


def _alone(*kinds: Kind) -> tuple[Kind, ...]:
    return tuple(kind._replace(breaks_servers=True) for kind in kinds)


KINDS: Final = (
    Kind("kill -9 at random", killed_at_random, OFTEN),
    *(_at(point, point) for point in POINTS),
    Kind("two at once", two_at_once, times=12, partitions=4, seconds=120),
    Kind("kill -9 of one of two", one_of_two_killed, times=5, partitions=4, seconds=120),
    Kind("consumer frozen past its session", frozen_past_session, times=6),
    Kind("three consumers in a storm", storm, OFTEN, partitions=4, seconds=240),
    Kind("session ended at COMMIT", ended_at_commit, OFTEN, batch=8),
    Kind("alerts locked for 4-12 s", lock_held, OFTEN),
    Kind("bucket gone for 3-8 s", bucket_gone, OFTEN),
    Kind("SIGTERM in mid-batch", terminated, OFTEN),
    *(_store_that(mode) for mode in Mode if mode is not Mode.WELL),
    _in_parts("disk of the rows full", rows_disk_full),
    _in_parts("disk of the objects full", objects_disk_full),
    *(_poisoned(share, times) for share, times in ((0.001, 5), (0.05, OFTEN), (1.0, OFTEN))),
    _in_parts("a schema changes in mid-night", schema_changes, feed=changing, batch=16),
    Kind("repeats and rivals in any order", killed_at_random, OFTEN, 4, batch=4, feed=repeated),
    _in_parts("a new night's topic", new_topics),
    _in_parts("what is private, at every door", looked_for, feed=secretive),
    _in_parts("catalog killed", catalog_killed),
    _in_parts("catalog without its store", catalog_store_away),
    _in_parts("app killed that matches watches", matcher_killed),
    _in_parts("all connections of the app wait", connections_used_up, batch=16),
    _in_parts("500 clients disconnect", clients_disconnect, batch=16),
    _in_parts("TAP's role has no connection", tap_used_up, batch=16),
    *_alone(
        Kind("SIGTERM without PostgreSQL", terminated_without_database, times=2, batch=8),
        Kind("PostgreSQL immediate restart", postgres_restarted, OFTEN, batch=8),
        _in_parts("PostgreSQL away, read from", database_away, batch=16),
        _in_parts("disk of PostgreSQL's log full", log_disk_full),
        _in_parts("PostgreSQL restored to before", restored),
        Kind(THREE, database_servers_killed, OFTEN, batch=8, seconds=400, servers=3),
        _in_parts("a replica behind, then gone", replica_behind_and_gone),
        Kind("S3 away 20 s", s3_away, times=3, batch=8),
        Kind("S3 frozen 25 s", s3_frozen, times=3, batch=8),
        Kind("Kafka restarted", kafka_restarted, times=4, batch=4),
        Kind("Kafka frozen for 5-30 s", broker_frozen, times=6, batch=4),
    ),
)
"""The whole suite."""
SHORT: Final = (
    # One after the other in one feed, of so many batches that each is reached.
    _at("every point", *POINTS)._replace(times=len(POINTS), batch=6),
    _store_that(Mode.REFUSES)._replace(times=2),
    *_alone(
        Kind("PostgreSQL immediate restart", postgres_restarted, times=1, seconds=6),
        _in_parts("PostgreSQL restored to before", restored, times=1),
        Kind("S3 away 3 s", s3_briefly_away, times=1, seconds=6),
    ),
)
"""What `make test` has time and rights for."""
