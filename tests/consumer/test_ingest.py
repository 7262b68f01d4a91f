"""The law of ingest on real servers: object, then row; each step repeatable; nothing lost."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from archive.errors import StalePosition, StoreUnavailable
from archive.objects import ObjectStore
from archive.surveys.ztf import ZTF
from archive.surveys.ztf.columns import SENTINELS
from archive.surveys.ztf.packet import decode
from archive.surveys.ztf.tables import alert, history
from archive.tables import bundle, conflict, ledger, position, reject, replayed
from consumer.batches import ingest as ingest_module
from consumer.batches.ingest import Archive, Batch, ingest, ingest_each
from consumer.batches.inserts import write
from consumer.batches.positions import Incarnation
from consumer.batches.sorting import Raw
from consumer.batches.writing import Writing
from consumer.checks.verify import verify
from consumer.replay import replay
from dev.simulator import ocf
from tests.conftest import Place, new_place, opened
from tests.consumer.archives import contents, rows_of, summed, sums
from tests.packets import alert as record
from tests.packets import detection, forced, limit, packet

SENTINEL_NAMES = [c.name for c in SENTINELS]
NIGHT = date(2026, 11, 23)
FIRST = 3613372962515010000
ONCE = Incarnation(1, None)


def raws(*messages: bytes, source: str = "ztf_20261123_programid1", start: int = 0) -> list[Raw]:
    return [Raw(source, 0, start + n, "", NIGHT, data) for n, data in enumerate(messages)]


async def take(archive: Archive, *messages: bytes, **kind: Any) -> Any:
    return await ingest(archive, "stream", Batch(raws(*messages, **kind)))


def packets(n: int, **changes: Any) -> list[bytes]:
    return [packet(candid=FIRST + i, **changes) for i in range(n)]


async def test_a_packet_becomes_an_object_a_row_and_a_line_of_the_ledger(archive: Archive) -> None:
    message = packet(candid=FIRST, prv_candidates=[limit(), detection()], fp_hists=[forced()])
    outcome = await take(archive, message)
    (row,) = await rows_of(archive, alert)
    (put,) = await rows_of(archive, bundle)
    (told,) = await rows_of(archive, ledger)
    (past,) = await rows_of(archive, history)
    assert (row.candid, row.batch, row.lco_id, row.bundle) == (FIRST, 1, 1, put.id)
    assert await archive.store.get(put.key, row.packet_offset, row.packet_length) == message
    assert put.key.startswith("ztf/20261123/ztf_20261123_programid1/0-0-0-")
    assert put.sha256 == hashlib.sha256(message).digest()
    assert (told.batch, told.received, told.stored, told.kind) == (1, 1, 1, "stream")
    assert (len(past.limit_pid), len(past.detection_candid), len(past.forced_pid)) == (1, 1, 1)
    assert outcome.batch == 1
    assert await verify(archive) == ({"bundles": 1, "alerts": 1}, [], [], 0)


async def test_numbers_follow_the_order_of_commits_and_messages(archive: Archive) -> None:
    await take(archive, *packets(3))
    await take(archive, *packets(3))
    await take(archive, packet(candid=FIRST + 9), packet(candid=FIRST + 5))
    by_number = sorted((r.lco_id, r.candid - FIRST, r.batch) for r in await rows_of(archive, alert))
    assert by_number == [(1, 0, 1), (2, 1, 1), (3, 2, 1), (4, 9, 3), (5, 5, 3)]


async def test_a_second_feed_stores_nothing(archive: Archive) -> None:
    messages = packets(4)
    await take(archive, *messages)
    before = await contents(archive)
    await take(archive, *messages, start=4)
    await take(archive, messages[0], messages[0], source="again.tar.gz")
    assert await contents(archive) == before
    assert await sums(archive) == summed(received=10, stored=4, duplicate=6)
    assert len(await rows_of(archive, bundle)) == 1


async def test_other_content_under_a_known_candid_is_kept_as_a_conflict(archive: Archive) -> None:
    first, other = packet(candid=FIRST, magpsf=18.0), packet(candid=FIRST, magpsf=19.0)
    await take(archive, first, other)
    await take(archive, other, source="later")
    (row,) = await rows_of(archive, alert)
    aside = sorted(await rows_of(archive, conflict))
    assert row.magpsf == 18.0
    assert [(c.candid, c.source) for c in aside] == [
        (FIRST, "later"),
        (FIRST, "ztf_20261123_programid1"),
    ]
    keys = {put.id: put.key for put in await rows_of(archive, bundle)}
    for c in aside:
        kept = await archive.store.get(keys[c.bundle], c.packet_offset, c.packet_length)
        assert kept == other
    assert (await sums(archive))["duplicate"] == 2


@pytest.mark.parametrize("programid", [0, 2, 3])
async def test_a_private_packet_leaves_nothing_but_a_count(
    archive: Archive, programid: int
) -> None:
    await take(archive, packet(candid=FIRST, programid=programid))
    assert await rows_of(archive, alert) == await rows_of(archive, bundle) == []
    assert await sums(archive) == summed(received=1, private=1)


async def test_private_rows_of_a_public_history_are_dropped_and_the_original_withheld(
    archive: Archive,
) -> None:
    message = packet(
        candid=FIRST,
        prv_candidates=[limit(), limit(programid=2), detection(programid=3), detection()],
        fp_hists=[forced(programid=2), forced()],
    )
    await take(archive, message)
    (row,) = await rows_of(archive, alert)
    (past,) = await rows_of(archive, history)
    (put,) = await rows_of(archive, bundle)
    assert row.packet_offset is row.packet_length is None
    assert (len(past.limit_pid), len(past.detection_candid), len(past.forced_pid)) == (1, 1, 1)
    stamps = [
        s and message[s.offset : s.offset + s.length] for s in decode(message).packets[0].stamps
    ]
    assert put.size == sum(len(s) for s in stamps if s)
    got = await archive.store.get(put.key, row.science_offset, row.science_length)
    assert got == stamps[0]


async def test_a_message_with_a_private_record_is_withheld_whole(archive: Archive) -> None:
    bodies = [record(candid=FIRST), record(candid=FIRST + 1, programid=2)]
    message = ocf.container([ocf.encoded(b) for b in bodies], b"s" * 16)
    await take(archive, message)
    (row,) = await rows_of(archive, alert)
    assert (row.candid, row.packet_offset) == (FIRST, None)
    assert (await sums(archive))["private"] == 1


async def test_a_message_of_several_records_is_several_packets_with_one_original(
    archive: Archive,
) -> None:
    message = packet(candid=FIRST, records=3)
    await take(archive, message)
    rows = await rows_of(archive, alert)
    (put,) = await rows_of(archive, bundle)
    assert {r.candid for r in rows} == {FIRST, FIRST + 1, FIRST + 2}
    assert {(r.packet_offset, r.packet_length) for r in rows} == {(0, len(message))}
    assert put.size == len(message)


@pytest.mark.parametrize("codec", ["deflate", "snappy"])
async def test_stamps_of_a_compressed_packet_are_one_range_each(
    archive: Archive, codec: Any
) -> None:
    message, plain = packet(candid=FIRST, codec=codec), packet(candid=FIRST)
    await take(archive, message)
    held = (await contents(archive))[FIRST]
    inside = [plain[s.offset : s.offset + s.length] for s in decode(plain).packets[0].stamps if s]
    assert held["packet_bytes"] == message
    assert [held[f"{s}_bytes"] for s in ("science", "template", "difference")] == inside


async def test_rejects_keep_bytes_reason_and_place(archive: Archive) -> None:
    good, bad = packet(candid=FIRST), packet(candid=FIRST + 1)[:-1]
    outcome = await take(archive, good, bad, bad, b"")
    rejects = sorted(await rows_of(archive, reject), key=lambda r: int(r.position))
    keys = {put.id: put.key for put in await rows_of(archive, bundle)}
    assert [(r.position, r.reason) for r in rejects] == [
        (1, "a block does not end in the sync marker"),
        (3, "an empty message"),
    ]
    assert keys[rejects[0].bundle].startswith("rejects/20261123/")
    kept = await archive.store.get(
        keys[rejects[0].bundle], rejects[0].packet_offset, rejects[0].packet_length
    )
    assert kept == bad
    assert outcome.rejects == [("1", rejects[0].reason), ("3", rejects[1].reason)]
    assert await sums(archive) == summed(received=4, stored=1, duplicate=1, rejected=2)
    await take(archive, bad, start=9)
    assert len(await rows_of(archive, reject)) == 2
    assert (await sums(archive))["duplicate"] == 2


async def test_sound_packets_before_the_damage_are_stored(archive: Archive) -> None:
    await take(archive, packet(candid=FIRST) + b"\x02\x08garbage")
    assert len(await rows_of(archive, alert)) == len(await rows_of(archive, reject)) == 1
    assert await sums(archive) == summed(received=2, stored=1, rejected=1)


async def test_replay_settles_what_can_be_read_now(archive: Archive, place: Place) -> None:
    """A decoder that reads too little is what an old version was to a new schema."""
    good, bad = packet(candid=FIRST), packet(candid=FIRST + 1)[:-1]
    refusal = decode(b"x" * 3_000_000)
    old = replace(archive.intake, survey=replace(ZTF, read=lambda _: refusal))
    await take(archive._replace(intake=old), good, bad)
    assert await sums(archive) == summed(received=2, rejected=2)
    totals = await replay(archive, place.settings("writer"))
    assert (totals["tried"], totals["stored"], totals["rejected"]) == (2, 1, -1)
    assert await sums(archive) == summed(received=2, stored=1, rejected=1)
    assert len(await rows_of(archive, replayed)) == 1
    (row,) = await rows_of(archive, alert)
    assert (await contents(archive))[row.candid]["packet_bytes"] == good
    again = await replay(archive, place.settings("writer"))
    assert (again["tried"], again["stored"]) == (1, 0)


async def test_null_lists_no_stamps_and_sentinels(archive: Archive) -> None:
    message = packet(
        candid=FIRST, cutouts=None, distnr=-999.0, magnr=float("nan"), ssnamenr="null",
        objectidps1=-999, isdiffpos="1", sgmag1=None,
    )  # fmt: skip
    await take(archive, message)
    (row,) = await rows_of(archive, alert)
    (past,) = await rows_of(archive, history)
    assert row.distnr is row.magnr is row.ssnamenr is row.objectidps1 is row.sgmag1 is None
    assert row.isdiffpos is True
    assert row.extra == {"alert": {}, "candidate": {"isdiffpos": "1"}}
    assert row.deltamagref is None
    assert row.science_offset is row.science_length is None
    bits = {name for n, name in enumerate(SENTINEL_NAMES) if row.sentinels >> n & 1}
    assert {"distnr", "ssnamenr", "objectidps1"} <= bits
    assert not {"magnr", "sgmag1"} & bits
    assert past.limit_pid is past.detection_candid is past.forced_pid is None


async def test_a_position_moves_with_the_rows_and_only_forward(archive: Archive) -> None:
    topic = ("ztf_20261123_programid1", 0)
    messages = packets(6)
    await ingest(archive, "stream", Batch(raws(*messages[:2]), {topic: ONCE}))
    await ingest(archive, "stream", Batch(raws(*messages[2:4], start=7), {topic: ONCE}))
    (at,) = await rows_of(archive, position)
    assert (at.incarnation, at.next_offset) == (1, 9)
    before = await sums(archive)
    for stale in (
        Batch(raws(*messages[4:], start=8), {topic: ONCE}),
        Batch(raws(*messages[4:]), {topic: Incarnation(2, None)}),
    ):
        with pytest.raises(StalePosition):
            await ingest(archive, "stream", stale)
    assert await sums(archive) == before


async def test_two_writers_at_once_share_the_packets_between_them(place: Place) -> None:
    messages = packets(40)
    async with opened(place) as one, opened(place) as two:
        rng = random.Random(4)

        async def feed(archive: Archive, source: str) -> None:
            mine = messages[:]
            rng.shuffle(mine)
            for n in range(0, len(mine), 7):
                batch = Batch(raws(*mine[n : n + 7], source=source, start=n))
                await ingest(archive, "backfill", batch)

        await asyncio.gather(feed(one, "one"), feed(two, "two"))
        assert await sums(one) == summed(received=80, stored=40, duplicate=40)
        assert sorted(r.lco_id for r in await rows_of(one, alert)) == list(range(1, 41))
        assert (await verify(one))[1] == []


class Failing:
    """A store whose first puts fail."""

    def __init__(self, store: ObjectStore, failures: int) -> None:
        self.store = store
        self.failures = failures

    async def put(self, key: str, data: bytes) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("no answer")
        await self.store.put(key, data)


async def test_a_store_that_fails_makes_the_batch_wait(archive: Archive) -> None:
    store: Any = Failing(archive.store, 1)
    await take(Archive(archive.engine, store), *packets(2))
    assert await sums(archive) == summed(received=2, stored=2)
    assert (await verify(archive))[1] == []


async def test_rows_follow_only_a_batch_that_succeeded(archive: Archive) -> None:
    async def fails() -> Any:
        raise StalePosition("gone")

    before = asyncio.create_task(fails())
    with pytest.raises(StalePosition):
        await ingest(archive, "stream", Batch(raws(*packets(1))), before)
    assert await rows_of(archive, ledger) == []


async def test_of_two_batches_in_flight_the_second_fails_with_the_first(archive: Archive) -> None:
    topic = ("ztf_20261123_programid1", 0)
    await ingest(archive, "stream", Batch(raws(*packets(1), start=9), {topic: ONCE}))

    async def stale() -> AsyncIterator[Batch]:
        for n in range(2):
            yield Batch(raws(packet(candid=FIRST + 5 + n), start=n), {topic: ONCE})

    async def taken() -> list[Any]:
        return [outcome async for outcome in ingest_each(archive, "stream", stale())]

    with pytest.raises(StalePosition):
        await taken()
    assert (await sums(archive))["received"] == 1


async def test_the_order_of_arrival_leaves_no_trace(
    archive: Archive, place: Place, template: str, real: Path
) -> None:
    files = sorted((real / "ztf" / "pitt_google_2020_2021_ZTF21abiuvdk").glob("*.avro"))
    messages = [f.read_bytes() for f in files]
    assert len(messages) == 34
    await take(archive, *messages)
    shuffled = messages[:]
    random.Random(5).shuffle(shuffled)
    async with new_place(template) as other, opened(other) as second:
        for n in range(0, 34, 5):
            await take(second, *shuffled[n : n + 5], start=n)
        assert await contents(second) == await contents(archive)


async def test_a_crash_before_the_commit_is_repeated_without_a_trace(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The object is there, the rows are not: the same batch comes again."""
    messages = packets(3)

    async def dies(_engine: AsyncEngine, _writing: Writing) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(ingest_module, "write", dies)
    with pytest.raises(KeyboardInterrupt):
        await take(archive, *messages)
    monkeypatch.setattr(ingest_module, "write", write)
    await take(archive, *messages)
    assert len(await rows_of(archive, bundle)) == 1
    assert (await verify(archive))[1] == []
