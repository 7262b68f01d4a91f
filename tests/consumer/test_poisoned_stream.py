"""Each poison between two sound packets, through Kafka, past one consumer, to the API."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx
import orjson
import pytest

from archive.surveys.ztf.packet import decode
from archive.tables import position, reject
from consumer.batches.ingest import Archive
from consumer.checks.verify import verify
from tests.app.conftest import app_settings, serving
from tests.conftest import Place
from tests.consumer.archives import rows_of, sums
from tests.consumer.commands import at_least, until
from tests.consumer.test_poison import REFUSED, STORED
from tests.consumer.test_stream import Feed, following
from tests.mutations import mutated
from tests.packets import packet

FIRST = 3613372962515010000
MUTANTS = 200
"""Each of a thousand is read and stored in test_schema_changes.py."""
EACH = 5
"""Mutants between two sound packets: more would be refused in a row, some for one reason."""


def sound(n: int) -> bytes:
    return packet(candid=FIRST + 10_000_000 + n, cutouts=None)


def interleaved(poisons: Sequence[bytes], each: int) -> list[bytes]:
    """A sound packet, some poisons, a sound packet, …, a sound packet."""
    parts = [poisons[n : n + each] for n in range(0, len(poisons), each)]
    mixed = [sound(0)]
    for n, part in enumerate(parts):
        mixed += [*part, sound(n + 1)]
    return mixed


@pytest.fixture
async def client(place: Place) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(app_settings(place)) as asking:
        yield asking


async def all_taken(archive: Archive, place: Place, messages: Sequence[bytes]) -> None:
    """The same process takes all in, and the partition ends at its end."""
    feed = Feed()
    await feed.send(messages)
    async with following(place, feed) as process:
        await until(at_least(archive, len(messages)), process)
        await feed.send([sound(100_000)])
        await until(at_least(archive, len(messages) + 1), process)
        assert process.returncode is None
    (at,) = await rows_of(archive, position)
    assert at.next_offset == len(messages) + 1
    assert (await verify(archive))[1] == []


def strict(body: bytes) -> object:
    """JSON without NaN and infinity, which orjson refuses."""
    return orjson.loads(body)


async def test_every_poison_between_two_sound_packets(
    archive: Archive, place: Place, client: httpx.AsyncClient, real: Path
) -> None:
    files = sorted((real / "poison").glob("*.avro"))
    messages = interleaved([file.read_bytes() for file in files], 1)
    await all_taken(archive, place, messages)
    rejects = {r.position: r.reason for r in await rows_of(archive, reject)}
    assert rejects == {2 * n + 1: REFUSED[f.stem] for n, f in enumerate(files) if f.stem in REFUSED}
    # Five of the files are one packet with small changes: its candid is stored once.
    for n, file in enumerate(files):
        around = [sound(n), sound(n + 1)] + [messages[2 * n + 1]] * (file.stem in STORED)
        for message in around:
            (alert,) = decode(message).packets
            answer = await client.get(f"/api/v1/alerts/{alert.id}")
            assert answer.status_code == 200, file.stem
            strict(answer.content)


async def test_changed_schemas_hold_nothing_up(
    archive: Archive, place: Place, client: httpx.AsyncClient
) -> None:
    mutants = await asyncio.to_thread(lambda: [mutated(seed) for seed in range(MUTANTS)])
    messages = interleaved(mutants, EACH)
    await all_taken(archive, place, messages)
    totals = await sums(archive)
    rejects = await rows_of(archive, reject)
    assert totals["received"] == MUTANTS + MUTANTS // EACH + 2
    assert totals["rejected"] == len(rejects) > MUTANTS // 4
    assert not [r.reason for r in rejects if r.reason.startswith("cannot be stored")]
    assert totals["stored"] > MUTANTS // 4
    for n in (0, 1, MUTANTS // EACH, 100_000):
        (alert,) = decode(sound(n)).packets
        assert (await client.get(f"/api/v1/alerts/{alert.id}")).status_code == 200
    page = await client.get("/api/v1/alerts", params={"limit": 1000})
    assert page.status_code == 200
    strict(page.content)
