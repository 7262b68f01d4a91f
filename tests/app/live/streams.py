"""Streams as a client reads them, and archives that grow while it does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx
import orjson
from httpx_sse import aconnect_sse
from pydantic import SecretStr

from app.settings import Settings
from archive.database import make_engine
from archive.objects import open_store
from consumer.batches.ingest import Archive, Batch, ingest
from consumer.batches.sorting import Raw
from tests import packets
from tests.app.conftest import NIGHT, database_of, take_in
from tests.conftest import url_of

STREAM = "/api/v1/alerts/stream"
HANGS_S = 120
TOPIC = "ztf_20260131_programid1"
BASE = 3_300_100_000_000_015_000


class Event(NamedTuple):
    """One event as the client got it."""

    kind: str
    id: int
    data: Any


@asynccontextmanager
async def following(
    client: httpx.AsyncClient, last: int | None = None, path: str = STREAM, **query: Any
) -> AsyncIterator[AsyncIterator[Event]]:
    """The events of a stream, the next of which must come before the test counts as hanging."""
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    timeout = httpx.Timeout(30, read=HANGS_S)
    opened = aconnect_sse(client, "GET", path, params=query, headers=headers, timeout=timeout)
    async with opened as source:
        source.response.raise_for_status()

        async def events() -> AsyncIterator[Event]:
            async for one in source.aiter_sse():
                yield Event(one.event, int(one.id), orjson.loads(one.data))

        yield events()


async def read_alerts(events: AsyncIterator[Event], count: int) -> list[Event]:
    """The next so many alerts."""
    found: list[Event] = []
    async with asyncio.timeout(HANGS_S):
        while len(found) < count:
            event = await anext(events)
            found += [event] if event.kind == "alert" else []
    return found


async def read_until(events: AsyncIterator[Event], number: int) -> list[Event]:
    """All events up to one whose id is a number, or beyond it."""
    found: list[Event] = []
    async with asyncio.timeout(HANGS_S):
        while not found or found[-1].id < number:
            found.append(await anext(events))
    return found


def messages(first: int, count: int, **changes: Any) -> list[bytes]:
    """So many alerts without cutouts, the first with this number."""
    return [
        packets.packet(candid=BASE + n, cutouts=None, **changes)
        for n in range(first, first + count)
    ]


@asynccontextmanager
async def growing(settings: Settings) -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """What takes batches in, one after the other: the first alert of each, how many, changes."""
    writer_url = SecretStr(url_of("writer", database_of(settings)))
    writer = settings.model_copy(update={"database_url": writer_url})
    engine = make_engine(writer, "test")
    async with open_store(writer) as store:
        archive = Archive(engine, store)

        async def take(first: int, count: int, **changes: Any) -> None:
            told = enumerate(messages(first, count, **changes), first)
            raws = [Raw(TOPIC, 0, n, "", NIGHT, data) for n, data in told]
            await ingest(archive, "stream", Batch(raws))

        yield take
    await engine.dispose()


async def grow(settings: Settings, first: int, count: int, **changes: Any) -> None:
    """One batch more."""
    await take_in(settings, messages(first, count, **changes), TOPIC, first)


def candids(events: Sequence[Event]) -> list[int]:
    return [int(one.data["candid"]) - BASE for one in events if one.kind == "alert"]
