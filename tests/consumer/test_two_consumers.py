"""Two consumers of one group: one that comes is handed partitions, one that dies loses nothing."""

import asyncio
import json
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from archive.tables import position
from consumer.batches.ingest import Archive, Batch, ingest
from consumer.batches.sorting import Raw
from consumer.checks.verify import verify
from dev.produce import produce
from tests.conftest import Place, new_place, opened
from tests.consumer.archives import contents, rows_of, summed, sums
from tests.consumer.commands import at_least, start, until
from tests.consumer.test_stream import Feed, night
from tests.programs import Piped

PARTITIONS = 4


async def send(feed: Feed, messages: list[bytes]) -> None:
    named = [(str(n), data) for n, data in enumerate(messages)]
    await asyncio.to_thread(produce, named, feed.topic(), partitions=PARTITIONS)


async def heard(process: Piped, events: list[dict[str, Any]]) -> None:
    """Keep what a process logs, until it ends."""
    async for line in process.stderr:
        with suppress(ValueError):  # the last of one that was killed may be cut off
            events.append(json.loads(line))


def logged(events: list[dict[str, Any]], message: str) -> Callable[[], Coroutine[Any, Any, bool]]:
    async def was() -> bool:
        return any(event["message"] == message for event in events)

    return was


async def test_one_comes_to_another_and_then_that_one_is_killed(
    archive: Archive, place: Place, template: str
) -> None:
    """Before there was a handover the newcomer's first batch was one that the first had in hand."""
    feed, messages = Feed(), night(11)
    settings = feed.settings | {"MARS_BATCH_MESSAGES": 1, "MARS_KAFKA_INSTANCE": ""}
    await send(feed, messages[:200])
    told: tuple[list[dict[str, Any]], ...] = ([], [])
    pair, hearing = [], []
    for events in told:
        pair.append(await start(place, "stream", **settings))
        hearing.append(asyncio.create_task(heard(pair[-1], events)))
        await until(at_least(archive, 1), pair[0])
    await until(logged(told[1], "assigned"), pair[1])
    await send(feed, messages[200:])
    await until(logged(told[1], "batch"), pair[1])
    pair[0].kill()
    assert (await sums(archive))["received"] < len(messages)
    await until(at_least(archive, len(messages)), pair[1])
    pair[1].send_signal(signal.SIGTERM)
    assert await pair[1].wait() == 0
    await asyncio.gather(*hearing)
    for events in told:
        names = {event["message"] for event in events}
        assert "batch" in names
        assert "starting over from the ledger" not in names
    await check(archive, template, messages)


async def check(archive: Archive, template: str, messages: list[bytes]) -> None:
    """Every message is counted once, and the rows are those of an undisturbed ingest."""
    assert await sums(archive) == summed(
        received=335, stored=300, duplicate=20, private=5, rejected=10
    )
    assert sum(row.next_offset for row in await rows_of(archive, position)) == len(messages)
    assert (await verify(archive)).faults == []
    async with new_place(template) as calm, opened(calm) as undisturbed:
        today = datetime.now(UTC).date()
        raws = [Raw("calm", 0, n, "", today, data) for n, data in enumerate(messages)]
        await ingest(undisturbed, "backfill", Batch(raws))
        assert await contents(undisturbed) == await contents(archive)
