"""What stands still, or comes and goes: programs, locks, sessions, a bucket."""

import asyncio
from datetime import UTC, datetime
from typing import Final

from dev import kafka
from faults.consumers import Consumer, Fault
from faults.place import LOCKED, connected
from faults.run import Run
from faults.servers import freeze_server
from faults.waiting import PATIENCE_S

STORM: Final = ("one", "another", "a third")
"""Instances of a group that come and go."""
_ENDED = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND application_name LIKE 'mars-consumer%' AND state = 'active' AND query ILIKE 'commit%'"""


async def frozen_past_session(run: Run, times: int) -> None:
    """The only consumer stands still until Kafka has given it up, and then goes on."""
    consumer = await run.start()
    for moment in run.moments(times):
        await run.reach(moment, consumer)
        consumer.freeze()
        await asyncio.sleep(run.rng.uniform(12, 16))
        consumer.thaw()
        run.hits += 1
        await run.recover(consumer, began=datetime.now(UTC))


async def broker_frozen(run: Run, times: int) -> None:
    """The broker takes connections and says nothing, for 5 to 30 s."""
    consumer = await run.start()
    for moment in run.moments(times):
        await run.reach(moment, consumer)
        await freeze_server(kafka, run.state, run.rng.uniform(5, 30))
        run.hits += 1
        await run.recover(consumer, began=datetime.now(UTC))


async def storm(run: Run, times: int) -> None:
    """Three consumers of one group start, are killed and stopped in turn, without a pause."""
    consumers: dict[str, Consumer] = {}
    for _ in range(times):
        name = run.rng.choice(STORM)
        began = datetime.now(UTC)
        if name not in consumers:
            consumers[name] = await run.start(instance=name)
        elif run.rng.random() < 0.5:
            await consumers.pop(name).kill()
        else:
            await run.terminate(consumers.pop(name))
        run.hits += 1
        if not consumers:
            consumers[name] = await run.start(instance=name)
        await run.recover(*consumers.values(), began=began)


async def ended_at_commit(run: Run, times: int) -> None:
    """The session of a batch is ended by the server while it commits."""
    consumer = await run.start()
    async with connected(run.place) as admin:
        for moment in run.moments(times):
            await run.reach(moment, consumer)
            async with asyncio.timeout(PATIENCE_S):
                while not await admin.fetchval(_ENDED):
                    consumer.check()
            run.hits += 1
            await run.recover(consumer, began=datetime.now(UTC))


async def lock_held(run: Run, times: int) -> None:
    """Somebody else locks the table of alerts for some seconds."""
    consumer = await run.start()
    async with connected(run.place) as admin:
        for moment in run.moments(times):
            await run.reach(moment, consumer)
            async with admin.transaction():
                await admin.execute(LOCKED)
                stood = await run.progress.received()
                await asyncio.sleep(run.rng.uniform(4, 12))
                if await run.progress.received() != stood:
                    raise Fault("rows were written into a table that was locked")
            run.hits += 1
            await run.recover(consumer, began=datetime.now(UTC))


async def bucket_gone(run: Run, times: int) -> None:
    """The bucket is not there for some seconds."""
    consumer = await run.start()
    bucket = run.state.folder / "s3" / "data" / run.place.bucket
    for moment in run.moments(times):
        await run.reach(moment, consumer)
        before = run.events()
        aside = bucket.rename(bucket.with_name(f"{bucket.name}-aside"))
        await asyncio.sleep(run.rng.uniform(3, 8))
        aside.rename(bucket)
        run.seen("batch must wait", since=before)
        await run.recover(consumer, began=datetime.now(UTC))
