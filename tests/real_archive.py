"""The whole set of real packets in one archive, taken in from files and served over HTTP."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastavro
import httpx
import pytest

from consumer.files.backfill import backfill, total_of
from tests.app.conftest import app_settings, serving
from tests.conftest import new_place, opened

AT_ONCE = 8


@dataclass
class Public:
    """A public record as fastavro reads it, and the file it lies in."""

    record: dict[str, Any]
    file: bytes

    @property
    def candid(self) -> int:
        return int(self.record["candid"])


@dataclass
class Everything:
    client: httpx.AsyncClient
    packets: dict[int, Public]


@pytest.fixture(scope="session")
async def everything(template: str, real: Path) -> AsyncIterator[Everything]:
    """All 864 public packets, by the consumer's own backfill, served."""
    packets = {}
    for path in sorted((real / "ztf").rglob("*.avro")):
        data = path.read_bytes()
        for record in fastavro.reader(io.BytesIO(data)):
            assert isinstance(record, dict)
            if record["candidate"]["programid"] == 1:
                packets[record["candid"]] = Public(record, data)
    async with new_place(template) as place:
        async with opened(place) as archive:
            paths = [str(real / "ztf")]
            accounts = await backfill(archive, place.settings("writer"), paths, asyncio.Event())
        assert total_of(accounts)["stored"] == len(packets) == 864
        more = {"s3_timeout_s": 60, "jobs_run": True}
        async with serving(app_settings(place).model_copy(update=more)) as client:
            yield Everything(client, packets)


async def for_each(
    things: Iterable[Any], work: Callable[[Any], Awaitable[None]], at_once: int = AT_ONCE
) -> None:
    """Do the work for each thing, several at once."""
    gate = asyncio.Semaphore(at_once)

    async def one(thing: Any) -> None:
        async with gate:
            await work(thing)

    await asyncio.gather(*(one(thing) for thing in things))
