"""Servers that stop, fall silent and start again: PostgreSQL, the object store, Kafka."""

import asyncio
import signal
from datetime import UTC, datetime
from typing import Final

from dev import kafka, postgres, replicas, s3
from faults.databases import read_through_kills, served_by_three
from faults.run import ANEW, WAITED, Run
from faults.servers import freeze_server, start_server, stop_server

UNMIRRORED: Final = "offsets not mirrored"


async def postgres_restarted(run: Run, times: int) -> None:
    """An immediate shutdown, which is a crash with recovery at the next start."""
    consumer = await run.start()
    for moment in run.moments(times):
        await run.reach(moment, consumer)
        before = run.events()
        await stop_server(postgres, run.state, signal.SIGQUIT)
        await start_server(postgres, run.state)
        await run.recover(consumer, began=datetime.now(UTC))
        run.seen(WAITED, ANEW, since=before)


async def s3_away(run: Run, times: int, seconds: float = 20) -> None:
    """The object store stopped for a while."""
    consumer = await run.start()
    for moment in run.moments(times):
        await run.reach(moment, consumer)
        before = run.events()
        await stop_server(s3, run.state)
        await asyncio.sleep(seconds)
        await start_server(s3, run.state)
        await run.recover(consumer, began=datetime.now(UTC))
        run.seen(WAITED, since=before)


async def s3_briefly_away(run: Run, times: int) -> None:
    """The same, for a test that has little time."""
    await s3_away(run, times, seconds=3)


async def s3_frozen(run: Run, times: int) -> None:
    """The object store accepts and never answers, for longer than a put may take."""
    consumer = await run.start()
    for moment in run.moments(times):
        await run.reach(moment, consumer)
        before = run.events()
        await freeze_server(s3, run.state, 25)
        await run.recover(consumer, began=datetime.now(UTC))
        run.seen(WAITED, since=before)


async def kafka_restarted(run: Run, times: int) -> None:
    """In turn by SIGTERM and by SIGKILL."""
    consumer = await run.start()
    for n, moment in enumerate(run.moments(times)):
        await run.reach(moment, consumer)
        before = run.events()
        await stop_server(kafka, run.state, signal.SIGKILL if n % 2 else signal.SIGTERM)
        await asyncio.sleep(run.rng.uniform(0, 5))
        await start_server(kafka, run.state)
        await run.recover(consumer, began=datetime.now(UTC))
        run.seen("aiokafka", ANEW, UNMIRRORED, since=before)


async def database_servers_killed(run: Run, times: int) -> None:
    """Primary and both replicas in turn by SIGKILL, while the consumer writes and clients read."""
    consumer = await run.start()
    await run.reach(200, consumer)
    await asyncio.to_thread(replicas.up, run.state, quiet=True)
    try:
        async with served_by_three(run) as app:
            run.tally = await read_through_kills(run, app.client, times)
    finally:
        await asyncio.to_thread(replicas.down, run.state, quiet=True)
