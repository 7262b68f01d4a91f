"""`check` finds what is wrong, and says so in words; and what a command line says."""

import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, time
from types import SimpleNamespace

import asyncpg
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from archive.errors import StoreUnavailable
from catalog.check import Checker, Verdict
from catalog.layout import INDEX, MAIN, MARGIN, File, read_properties
from catalog.nightly import every_night, seconds_until
from catalog.published import Catalog, intent_bytes
from catalog.update import update
from catalog.writer import Writer
from tests.catalog.catalogs import catalog, opened_writer, set_newest
from tests.conftest import Place, url_of


@pytest.fixture
async def writer(sky: Place) -> AsyncIterator[Writer]:
    """A catalog of two updates."""
    async with opened_writer(sky, catalog_leaf_rows=300) as ours:
        for batch in (4, 8):
            await set_newest(sky, batch)
            await update(ours)
        yield ours


async def checked(writer: Writer, quick: bool = False) -> Verdict:
    said: list[str] = []
    verdict = await Checker(writer.engine, writer.shelf, said.append).check(quick)
    assert said == [
        *(f"fault: {text}" for text in verdict.faults),
        *(f"cannot say: {text}" for text in verdict.unknown),
    ]
    return verdict


async def first_file(writer: Writer, part: str = MAIN) -> tuple[Catalog, File, str]:
    held = await writer.shelf.load()
    file = held.of(part)[0]
    return held, file, writer.shelf.place.key(held.root, file.name, part)


async def test_a_sound_catalog(writer: Writer) -> None:
    for quick in (False, True):
        verdict = await checked(writer, quick)
        assert (verdict.status, verdict.faults, verdict.unknown) == (0, [], [])
        assert "2,000 alerts" in str(verdict)
        assert str(verdict).endswith("no fault")


async def test_files_that_are_missing_or_no_parquet(writer: Writer) -> None:
    found = {part: await first_file(writer, part) for part in (MAIN, MARGIN, INDEX)}
    for _, _, key in found.values():
        await writer.shelf.store.delete(key)
    verdict = await checked(writer)
    assert verdict.status == 1
    for part, (held, file, _) in found.items():
        assert f"{held.root}{part}/{file.name}: missing" in verdict.faults
    for _, file, key in found.values():
        await writer.shelf.store.put(key, b"x" * file.bytes)
    faults = (await checked(writer)).faults
    for part, (held, file, _) in found.items():
        told = f"{held.root}{part}/{file.name}: cannot be read"
        assert any(text.startswith(told) for text in faults), part


async def test_a_row_that_is_lost_doubled_or_changed(writer: Writer) -> None:
    held, file, key = await first_file(writer)
    _, data = await writer.shelf.store.get_whole(key, 2**30)
    rows = pq.read_table(io.BytesIO(data))
    numbers = rows["candid"].to_pylist()
    brighter = pc.add(rows["magpsf"], 1)
    n = rows.schema.get_field_index("magpsf")
    for spoiled, named in (
        (rows.slice(1), f"alert {numbers[0]} is not in the catalog"),
        (rows.take([0, *range(len(rows))]), f"alert {numbers[0]} is not in PostgreSQL"),
        (rows.set_column(n, rows.field(n), brighter), "is another"),
    ):
        out = io.BytesIO()
        pq.write_table(spoiled, out)
        await writer.shelf.store.put(key, out.getvalue())
        # As the program itself would have listed it: only PostgreSQL can tell.
        listed = [f._replace(bytes=out.tell()) if f == file else f for f in held.files]
        counts, _ = await writer.shelf.counts(held)
        await writer.shelf.publish(replace(held, files=tuple(listed)), counts)
        verdict = await checked(writer)
        assert verdict.status == 1
        assert any(named in text for text in verdict.faults), verdict.faults


async def test_what_postgresql_has_not(writer: Writer, sky: Place) -> None:
    owner = await asyncpg.connect(url_of("owner", sky.database).replace("+asyncpg", ""))
    gone = await owner.fetchval("DELETE FROM alert WHERE batch = 3 RETURNING candid")
    await owner.close()
    verdict = await checked(writer)
    assert "batch 3: 250 rows, 0 in PostgreSQL" in verdict.faults
    assert any(text.endswith("is not in PostgreSQL") for text in verdict.faults)
    assert any(text.endswith("and 240 more") for text in verdict.faults)
    assert gone is not None
    (fault,) = (await checked(writer, quick=True)).faults
    assert fault == "batches 1 to 4: 1000 rows, PostgreSQL has 750"


async def test_lists_that_do_not_agree(writer: Writer) -> None:
    held, *_ = await first_file(writer)
    key = writer.shelf.place.key(held.root, "partition_info.csv")
    await writer.shelf.store.put(key, b"Norder,Dir,Npix,num_rows\n")
    assert (await checked(writer, quick=True)).status == 1
    # While an update runs, that is how it may be.
    begun = intent_bytes(9, 12, held.leaves)
    await writer.shelf.store.put(writer.shelf.place.key(held.root, "unfinished.json"), begun)
    assert (await checked(writer, quick=True)).status == 3


async def test_a_store_that_is_away_is_no_fault(writer: Writer) -> None:
    class Away(type(writer.shelf)):  # type: ignore[misc]
        async def fetch(self, *_: object) -> None:
            raise StoreUnavailable("get: away")

    shelf = Away(writer.shelf.store, writer.shelf.place, writer.shelf.form)
    verdict = await checked(writer._replace(shelf=shelf))
    assert (verdict.status, verdict.faults) == (3, [])
    assert "run it again" in str(verdict)


async def test_the_command_lines_status(sky: Place) -> None:
    await set_newest(sky, 4)
    await catalog(sky, "update")
    assert "no fault" in await catalog(sky, "check", "--quick")
    async with opened_writer(sky) as writer:
        _, _, key = await first_file(writer)
        await writer.shelf.store.delete(key)
    assert "1 fault" not in await catalog(sky, "check", "--quick")
    assert "missing" in await catalog(sky, "check", status=1)


def test_properties_are_read_as_they_are_written() -> None:
    text = "#HATS\nobs_title=a \\= b\\: c\n\nhats_nrows=7\n"
    assert read_properties(text) == {"obs_title": "a = b: c", "hats_nrows": "7"}


def test_the_next_night() -> None:
    at = time(16, 0)
    assert seconds_until(at, datetime(2026, 1, 31, 15, 0, tzinfo=UTC)) == 3600
    assert seconds_until(at, datetime(2026, 1, 31, 16, 0, tzinfo=UTC)) == 86400


async def test_every_night_goes_on_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    results = iter([StoreUnavailable("away"), None, ValueError("a mistake of ours")])

    async def work() -> None:
        if (error := next(results)) is not None:
            raise error

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    # Not in asyncio itself: servers that run beside this test would never rest again.
    monkeypatch.setattr("catalog.nightly.asyncio", SimpleNamespace(sleep=sleep))
    with pytest.raises(ValueError, match="a mistake of ours"):
        await every_night(time(16, 0), work)
    assert waits[0] == 300
    assert 0 < waits[1] <= 86400
