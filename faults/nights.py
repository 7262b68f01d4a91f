"""Nights that begin, and messages that change in the midst of one."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from dev.state import CHECKOUT
from faults.consumer_before_midnight import next_midnight
from faults.consumers import Fault
from faults.run import Run
from faults.waiting import until

FOUND_S: Final = 60.0
"""The longest from a topic's beginning to its first row."""
WINDOW: Final = 7
"""Nights that a consumer follows (MARS_KAFKA_WINDOW_DAYS), beside the next one."""
REFUSALS: Final = 5
"""Messages in a row at which a partition is held: with the usual 100 it would take more of them."""


async def new_topics(run: Run, times: int) -> None:
    """A consumer starts without any topic, shortly before midnight; then topics come to be.

    The last night of its window is one that it may only follow after midnight.
    """
    parts = run.parts(times - 1)
    for life, first in enumerate(range(0, times, WINDOW)):
        template = f"{run.place.name}_{life}_{{night}}_programid1"
        before_s = run.rng.uniform(4, 20)
        midnight = datetime.now(UTC) + timedelta(seconds=before_s)
        consumer = await run.start(before_midnight=before_s, MARS_KAFKA_TOPIC=template)
        today = next_midnight(datetime.now(UTC))
        nights = [today + timedelta(days=1 - n) for n in range(WINDOW)]
        run.rng.shuffle(nights)
        async with asyncio.TaskGroup() as group:
            for night, part in zip(nights, parts[first : first + WINDOW], strict=False):
                await asyncio.sleep(run.rng.uniform(0, 8))
                topic = template.replace("{night}", f"{night:%Y%m%d}")
                known = midnight if night > today else datetime.now(UTC)
                group.create_task(_taken(run, part, topic, known))
        await run.reach(run.sent, consumer)
        await run.terminate(consumer)
    run.drained = True


async def _taken(run: Run, part: Sequence[bytes], topic: str, known: datetime) -> None:
    """Send a night; note how long after it could be known its first row is there."""
    known = max(known, datetime.now(UTC))
    await run.send(part, topic)
    await until(lambda: run.progress.holds(topic), f"{topic} is found", 2 * FOUND_S)
    took = (datetime.now(UTC) - known).total_seconds()
    if took > FOUND_S:
        raise Fault(f"{topic} was found after {took:.0f} s")
    run.hits += 1
    run.recoveries.append(took)


async def schema_changes(run: Run, times: int) -> None:
    """A night goes on with another schema: all partitions are held, and go on when released.

    Until then no more of each is rejected than shows it to be more than chance.
    """
    run.settings["MARS_REFUSALS_IN_A_ROW"] = str(REFUSALS)
    await run.send(run.stage.feed.messages, partitions=times)
    consumer = await run.start()

    wanted = times, times * (REFUSALS - 1)

    async def all_held() -> bool:
        consumer.check()
        return await run.progress.aside() == wanted

    await until(all_held, f"{wanted[0]} partitions are held after {wanted[1]} rejects")
    await asyncio.sleep(run.rng.uniform(1, 3))
    if not await all_held():
        raise Fault("more was rejected though all partitions are held")
    run.hits += times
    began = datetime.now(UTC)
    await _release(run)
    await run.recover(consumer, began=began)


async def _release(run: Run) -> None:
    command = [sys.executable, "-m", "consumer", "release"]
    own = run.place.environment(run.batch)
    with (run.log / "release.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=log, stderr=log, cwd=CHECKOUT, env=own
        )
    if await process.wait():
        raise Fault("`consumer release` failed")


async def taken_in_parts(run: Run, times: int) -> None:
    """Nothing is broken but the messages: each part is taken in whole."""
    consumer = await run.start()
    for part in run.parts(times - 1):
        await run.reach_amid(part, consumer)
        await run.reach(run.sent, consumer)
        run.hits += 1
