"""Consumers that end: by SIGKILL, at a point or anywhere, by SIGTERM, one or several."""

import asyncio
from datetime import UTC, datetime
from itertools import cycle, islice
from typing import Final

from dev import postgres
from faults.consumers import Consumer
from faults.run import ANEW, WAITED, Run
from faults.servers import start_server, stop_server
from faults.waiting import PATIENCE_S

PAIR: Final = ("one", "another")
"""Instances of a group."""


async def killed_at_random(run: Run, times: int) -> None:
    """SIGKILL after a random share of the feed; every fifth so early that it may not read yet."""
    consumer = await run.start()
    for n, moment in enumerate(run.moments(times)):
        if n % 5 == 4:
            await asyncio.sleep(run.rng.uniform(0, 4))
        else:
            await run.reach(moment, consumer)
        await consumer.kill()
        run.hits += 1
        began = datetime.now(UTC)
        consumer = await run.start()
        if n % 5 != 3:  # else the next one comes before it has recovered
            await run.recover(consumer, began=began)


async def killed_at_points(run: Run, times: int, *points: str) -> None:
    """A consumer that dies at the points in turn, again and again; after the last a sound one."""
    for point in islice(cycle(points), times):
        consumer = await run.start(f"{point}:{run.rng.randint(1, 6)}")
        await consumer.dies(point, 120)
        run.hits += 1
    began = datetime.now(UTC)
    consumer = await run.start()
    await run.recover(consumer, began=began)


async def two_at_once(run: Run, times: int) -> None:
    """Of two consumers one is killed, stopped, or frozen past its session; the other goes on."""
    pair = [await run.start(instance=name) for name in PAIR]
    await run.reach(1, *pair)
    for _ in range(times):
        await asyncio.sleep(run.rng.uniform(0, 3))
        victim = run.rng.randrange(2)
        began = datetime.now(UTC)
        await _disturb(run, pair, victim)
        run.hits += 1
        await run.recover(*pair, began=began)


async def _disturb(run: Run, pair: list[Consumer], victim: int) -> None:
    how = run.rng.choice(("kill", "terminate", "freeze"))
    if how == "freeze":
        pair[victim].freeze()
        await asyncio.sleep(run.rng.uniform(12, 16))
        pair[victim].thaw()
        return
    await (pair[victim].kill() if how == "kill" else run.terminate(pair[victim]))
    await asyncio.sleep(run.rng.uniform(0, 3))
    pair[victim] = await run.start(instance=PAIR[victim])


async def one_of_two_killed(run: Run, times: int) -> None:
    """SIGKILL of one of two that share the partitions, both at work; the other takes over."""
    pair = [await run.start(instance=name) for name in PAIR]
    for _ in range(times):
        await _both_at_work(pair)
        await asyncio.sleep(run.rng.uniform(0, 1))
        victim = run.rng.randrange(2)
        await pair[victim].kill()
        run.hits += 1
        began = datetime.now(UTC)
        await run.recover(pair[1 - victim], began=began)
        pair[victim] = await run.start(instance=PAIR[victim])


async def _both_at_work(pair: list[Consumer]) -> None:
    """Wait until each has written a batch from now on."""
    written = [consumer.events()["batch"] for consumer in pair]
    async with asyncio.timeout(PATIENCE_S):
        while any(c.events()["batch"] <= n for c, n in zip(pair, written, strict=True)):
            for consumer in pair:
                consumer.check()
            await asyncio.sleep(0.02)


async def terminated(run: Run, times: int) -> None:
    """SIGTERM in mid-batch."""
    consumer = await run.start()
    for moment in run.moments(times):
        await run.reach(moment, consumer)
        await run.terminate(consumer)
        run.hits += 1
        began = datetime.now(UTC)
        consumer = await run.start()
        await run.recover(consumer, began=began)


async def terminated_without_database(run: Run, times: int) -> None:
    """SIGTERM while PostgreSQL is stopped and the batch in hand waits for it."""
    consumer = await run.start()
    for moment in run.moments(times):
        await run.reach(moment, consumer)
        before = run.events()
        await stop_server(postgres, run.state)
        try:
            await asyncio.sleep(run.rng.uniform(2, 6))
            run.seen(WAITED, ANEW, since=before)
            await run.terminate(consumer)
        finally:
            await start_server(postgres, run.state)
        began = datetime.now(UTC)
        consumer = await run.start()
        await run.recover(consumer, began=began)
