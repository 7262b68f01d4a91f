"""Killed at any moment and run again, the catalog is what PostgreSQL holds."""

import asyncio
import math
import random
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from archive.errors import StoreUnavailable
from archive.objects import Bytes, ObjectStore
from catalog.compact import compact
from catalog.source import Locked
from catalog.update import update
from catalog.writer import Writer
from tests.catalog.catalogs import (
    Reading,
    assert_equal,
    catalog,
    count_as_a_reader,
    opened_store,
    opened_writer,
    set_newest,
    start,
)
from tests.catalog.conftest import BATCHES
from tests.conftest import Place

KILLS = 20


class Died(BaseException):
    """The process is gone."""


class Dying(ObjectStore):
    """A store whose user dies at its n-th put."""

    def __init__(self, store: ObjectStore, n: int) -> None:
        super().__init__(store._client, store._bucket, store._timeout_s)
        self.left = n

    async def put(self, key: str, data: bytes) -> None:
        self._count()
        await super().put(key, data)

    async def put_stream(self, key: str, pieces: AsyncIterator[Bytes]) -> int:
        self._count()
        return await super().put_stream(key, pieces)

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Died


def dying(writer: Writer, n: int) -> Writer:
    shelf = writer.shelf
    return writer._replace(shelf=type(shelf)(Dying(shelf.store, n), shelf.place, shelf.form))


async def test_dead_at_every_put_and_run_again(sky: Place, tmp_path: Path) -> None:
    """New leaves come with each run, so margins of older rows are written too."""
    n = deaths = 0
    async with opened_writer(sky, catalog_leaf_rows=200) as writer:
        for batch in range(1, BATCHES, 2):
            await set_newest(sky, batch)
            try:
                await update(dying(writer, n))
            except Died:
                deaths += 1
            before = await writer.shelf.load()
            # What came meanwhile is not mixed into what was begun.
            await set_newest(sky, batch + 1)
            after = await update(writer)
            assert before.as_of < after.as_of == batch + 1
            # Of the first puts each, then one of some that follow each other.
            n += 1 + n // 5
    assert 10 < deaths < BATCHES / 2
    ours = await assert_equal(sky, tmp_path)
    assert ours.rows == 250 * BATCHES
    assert "no fault" in await catalog(sky, "check")


async def test_dead_at_puts_of_a_compaction(sky: Place, tmp_path: Path) -> None:
    n = deaths = 0
    async with opened_writer(sky, catalog_leaf_rows=800) as writer:
        for batch in range(4, BATCHES + 1, 3):
            await set_newest(sky, batch)
            await update(writer)
            try:
                await compact(dying(writer, n))
            except Died:
                deaths += 1
                found = await writer.shelf.load()
                assert (found.as_of, found.rows) == (batch, 250 * batch)
            n += 1 + n // 2
    assert 5 < deaths < BATCHES / 3
    assert (await assert_equal(sky, tmp_path)).rows == 250 * BATCHES


async def test_kill_9_at_random_moments(sky: Place, tmp_path: Path) -> None:
    """The moments are parts of the quickest whole run so far, on whatever machine this is."""
    chance = random.Random(0)
    quickest, killed, newest = math.inf, 0, BATCHES - 2 * KILLS
    while killed < KILLS:
        newest += 1
        assert newest < BATCHES, f"{killed} of {newest} runs were killed"
        await set_newest(sky, newest)
        command = "compact" if newest % 4 == 3 else "update"
        began = time.monotonic()
        process = await start(sky, command, MARS_CATALOG_LEAF_ROWS=500)
        moment = None if quickest == math.inf else chance.uniform(0.1, 1) * quickest
        try:
            await asyncio.wait_for(process.wait(), moment)
        except TimeoutError:
            process.send_signal(signal.SIGKILL)
            await process.wait()
            killed += 1
        else:
            quickest = min(quickest, time.monotonic() - began)
    await set_newest(sky, BATCHES)
    assert "10,000 alerts" in await catalog(sky, "update")
    await assert_equal(sky, tmp_path)
    assert "no fault" in await catalog(sky, "check")


async def test_a_reader_never_sees_another_count(sky: Place) -> None:
    await set_newest(sky, 10)
    await catalog(sky, "update", MARS_CATALOG_LEAF_ROWS=900)
    seen: set[Reading] = set()
    done = asyncio.Event()

    async def read() -> int:
        readings = 0
        async with opened_store(sky) as store:
            while not done.is_set():
                seen.add(await count_as_a_reader(store))
                readings += 1
        return readings

    reader = asyncio.create_task(read())
    for n in (2, 3, 4):
        await set_newest(sky, 10 * n)
        await catalog(sky, "compact" if n == 3 else "update", MARS_CATALOG_LEAF_ROWS=900)
    done.set()
    assert await reader > len(seen) >= 3
    assert {reading for reading in seen if reading.promised != reading.counted} == set()
    assert {(r.as_of, r.counted) for r in seen} <= {(10 * n, 2500 * n) for n in (1, 2, 3, 4)}
    assert {reading.root for reading in seen} >= {"alert-0000000000", "alert-0000000030"}


async def test_only_one_process_writes(sky: Place) -> None:
    async with opened_writer(sky):
        said = await catalog(sky, "update", status=4)
        assert "another process writes the catalog" in said
        with pytest.raises(Locked):
            async with opened_writer(sky):
                """It is not opened."""
    await catalog(sky, "update")


async def test_a_writer_that_lost_its_lock_publishes_nothing(sky: Place) -> None:
    await set_newest(sky, 1)

    async def lost() -> Any:
        raise StoreUnavailable("gone")

    async with opened_writer(sky) as writer:
        await update(writer)
        await set_newest(sky, 2)
        writer.lock.check = lost  # type: ignore[method-assign]
        with pytest.raises(StoreUnavailable):
            await update(writer)
        assert (await writer.shelf.load()).as_of == 1
    assert "500 alerts as of batch 2" in await catalog(sky, "update")
