"""`python -m consumer verify` names what was damaged, and only that."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import asyncpg
import pytest

from archive.database import make_engine
from archive.objects import ObjectStore, open_store
from archive.surveys.ztf import ZTF
from archive.surveys.ztf.packet import decode
from archive.tables import bundle
from consumer.batches.ingest import Archive, Batch, ingest
from consumer.batches.sorting import Raw
from consumer.checks import verify as verify_module
from consumer.checks.verify import Verdict, verify
from consumer.replay import replay
from consumer.settings import Settings
from tests.conftest import Place, new_place, opened, url_of
from tests.consumer.archives import rows_of
from tests.consumer.commands import start
from tests.consumer.test_ingest import ONCE
from tests.packets import limit, packet

FIRST = 3613372962515010000
TOPIC = "ztf_20261123_programid1"
NIGHT = date(2026, 11, 23)
PRIVATE = [limit(), limit(programid=2)]
PLAIN_STAMPS = [b"SIMPLE  = T".ljust(2880) + bytes([n]) for n in range(3)]
"""As the decoder lets them pass: not every stamp is gzip."""
LATE = packet(candid=FIRST + 30)
BATCHES = (
    [
        *(packet(candid=FIRST + n) for n in range(3)),
        packet(candid=FIRST + 10, prv_candidates=PRIVATE),
        packet(candid=FIRST + 11, codec="deflate"),
        packet(candid=FIRST + 12, records=2),
        packet(candid=FIRST + 14, cutouts=PLAIN_STAMPS),
        packet(candid=FIRST + 15, cutouts=PLAIN_STAMPS, prv_candidates=PRIVATE),
        packet(candid=FIRST + 16, cutouts=None),
        b"no packet",
    ],
    [packet(candid=FIRST, magpsf=9.0), packet(candid=FIRST + 20), b"none either", LATE],
)


def raws(messages: Sequence[bytes], begin: int) -> list[Raw]:
    return [Raw(TOPIC, 0, begin + n, "", NIGHT, data) for n, data in enumerate(messages)]


@pytest.fixture(scope="module")
async def store(template: str) -> AsyncIterator[tuple[Place, ObjectStore]]:
    """The place of packets of every kind, in three batches, the last a replay; and its objects.

    Nobody is connected to its database, so that it can be copied.
    """
    refusal = decode(b"too early")
    async with new_place(template) as place, open_store(place.settings("writer")) as objects:
        engine = make_engine(place.settings("writer"), "test")
        archive = Archive(engine, objects)
        survey = replace(ZTF, read=lambda data: refusal if data == LATE else decode(data))
        old = archive._replace(intake=replace(archive.intake, survey=survey))
        begin = 0
        for messages in BATCHES:
            await ingest(old, "stream", Batch(raws(messages, begin), {(TOPIC, 0): ONCE}))
            begin += len(messages)
        await replay(archive, place.settings("writer"))
        await engine.dispose()
        yield place, objects


@pytest.fixture
async def copy(store: tuple[Place, ObjectStore]) -> AsyncIterator[Place]:
    """The same rows in a database of their own; the objects are the same."""
    async with new_place(store[0].database) as place:
        yield Place(place.database, store[0].bucket)


@pytest.fixture
async def archive(copy: Place, store: tuple[Place, ObjectStore]) -> AsyncIterator[Archive]:
    """The copy, open."""
    engine = make_engine(copy.settings("writer"), "test")
    yield Archive(engine, store[1])
    await engine.dispose()


@pytest.fixture
async def objects(store: tuple[Place, ObjectStore]) -> AsyncIterator[ObjectStore]:
    """The objects, which are put back afterwards."""
    ours = store[1]
    held = {key: (await ours.get_whole(key, 1 << 30))[1] for key, _ in await ours.keys("")}
    yield ours
    for key in {key for key, _ in await ours.keys("")} - held.keys():
        await ours.delete(key)
    for key, data in held.items():
        await ours.put(key, data)


async def tamper(place: Place, script: str) -> None:
    """Do what no role of ours may: behind the back of the foreign keys."""
    connection = await asyncpg.connect(url_of("admin", place.database).replace("+asyncpg", ""))
    await connection.execute("SET session_replication_role = replica")
    await connection.execute(f"SET f.first = {FIRST}")
    done = await connection.execute(script)
    await connection.close()
    assert not done.endswith(" 0"), done


async def test_a_sound_archive_of_every_kind_passes(archive: Archive) -> None:
    verdict = await verify(archive)
    checked = {"bundles": 6, "alerts": 12, "rejects": 3, "conflicts": 1}
    assert verdict == Verdict(Counter(checked), [], [], 0)
    assert str(verdict) == "checked 6 bundles, 12 alerts, 1 conflicts, 3 rejects\nno fault"
    assert verdict.status == 0


F = f"{FIRST}::bigint"
OVER = "its template stamp lies where other bytes do"
ROWS: list[tuple[str, list[str]]] = [
    (
        f"DELETE FROM alert WHERE candid = {F}",
        [
            "batch 1: 10 stored by the ledger, but there are 9",
            f"history {FIRST}: it has no alert",
        ],
    ),
    (f"DELETE FROM history WHERE candid = {F}", [f"alert {FIRST}: it has no history"]),
    (
        f"UPDATE history SET batch = 2 WHERE candid = {F}",
        [f"alert {FIRST}: it is of batch 1, its history of batch 2"],
    ),
    (
        f"DELETE FROM alert WHERE candid = {F}; DELETE FROM history WHERE candid = {F}",
        ["batch 1: 10 stored by the ledger, but there are 9"],
    ),
    (
        "UPDATE ledger SET stored = stored - 1, private = private + 1 WHERE batch = 2",
        ["batch 2: 0 stored by the ledger, but there are 1"],
    ),
    ("DELETE FROM ledger WHERE batch = 1", [
        "batch 1: 0 rejected by the ledger, but there are 1",
        "batch 1: 0 stored by the ledger, but there are 10",
    ]),
    (
        "ALTER TABLE ledger DROP CONSTRAINT ledger_adds_up; "
        "UPDATE ledger SET received = 99 WHERE batch = 2",
        [f"batch 2, {TOPIC}/0: 99 received by the ledger, its parts add up to 4"],
    ),
    ("DELETE FROM reject WHERE position = 9", [
        "batch 1: 1 rejected by the ledger, but there are 0",
    ]),
    ("DELETE FROM replayed", ["batch 3: 1 replayed by the ledger, but there are 0"]),
    ("UPDATE counter SET batch = 2", [
        f"batch 3 in {name} is above the counter, which is at 2"
        for name in ("alert", "bundle", "history", "ledger", "replayed")
    ]),
    ("UPDATE counter SET lco_id = lco_id - 1", [
        f"alert {FIRST + 30}: lco_id 12 is above the counter, which is at 11",
    ]),
    ("UPDATE position SET next_offset = 20", [
        f"position {TOPIC}/0: it resumes at 20, but the ledger ends at 14",
    ]),
    ("INSERT INTO position VALUES ('other', 3, 1, 5)", [
        "position other/3: it resumes at 5, but the ledger ends at 0",
    ]),
    ("DELETE FROM bundle WHERE batch = 3", [
        "bundle 6: it has no row, but 1 rows of alert point to it",
    ]),
    ("DELETE FROM bundle WHERE key LIKE 'conflicts/%'", [
        "bundle 5: it has no row, but 1 rows of conflict point to it",
    ]),
    (f"UPDATE alert SET bundle = NULL WHERE candid = {F}", [
        f"alert {FIRST}: it has byte ranges, but no bundle",
    ]),
    (f"UPDATE alert SET packet_offset = packet_offset + 1 WHERE candid = {F}", [
        f"alert {FIRST}: its bytes are another packet's",
    ]),
    (f"UPDATE alert SET packet_length = 1000000000 WHERE candid = {F}", [
        f"alert {FIRST}: its bytes are another packet's",
    ]),
    (f"UPDATE alert SET payload_hash = sha256('x') WHERE candid = {F} + 13", [
        f"alert {FIRST + 13}: its bytes are another packet's",
    ]),
    (
        f"UPDATE alert SET (packet_offset, packet_length) = (SELECT packet_offset, packet_length "
        f"FROM alert WHERE candid = {F} + 1) WHERE candid = {F} + 2",
        [f"alert {FIRST + 2}: its bytes are another packet's"],
    ),
    *(
        (
            f"UPDATE alert SET science_offset = {other}_offset WHERE candid = {F} + {n}",
            [f"alert {FIRST + n}: its science stamp is not that of its packet"],
        )
        for n, other in ((1, "template"), (11, "difference"), (13, "template"), (14, "template"))
    ),
    (f"UPDATE alert SET science_offset = NULL WHERE candid = {F} + 1", [
        f"alert {FIRST + 1}: its science stamp is not that of its packet",
    ]),
    (f"UPDATE alert SET science_offset = 0, science_length = 9 WHERE candid = {F} + 16", [
        f"alert {FIRST + 16}: its science stamp is not that of its packet",
    ]),
    (f"UPDATE alert SET science_length = science_length - 1 WHERE candid = {F} + 10", [
        f"alert {FIRST + 10}: its science stamp is not one whole gzip",
    ]),
    *(
        (f"UPDATE alert SET science_offset = science_offset + 1 WHERE candid = {F} + {n}", [
            f"alert {FIRST + n}: {OVER}",
        ])
        for n in (10, 15)
    ),
    (f"UPDATE alert SET science_offset = 1 << 30 WHERE candid = {F} + 15", [
        f"alert {FIRST + 15}: its science stamp lies beyond the end",
    ]),
    ("UPDATE reject SET packet_length = packet_length - 1 WHERE position = 9", [
        f"reject {TOPIC}/0/9: its bytes are others than those that came",
    ]),
    ("UPDATE conflict SET packet_offset = 1", [
        f"conflict {TOPIC}/0/10: its bytes are others than those that came",
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("script", "faults"), ROWS)
async def test_rows_that_were_tampered_with(
    copy: Place, archive: Archive, script: str, faults: list[str]
) -> None:
    await tamper(copy, script)
    verdict = await verify(archive)
    assert sorted(verdict.faults) == sorted(faults)
    assert verdict.unknown == []
    assert verdict.status == 1


async def test_an_alert_that_points_into_another_kind_of_bundle(
    copy: Place, archive: Archive
) -> None:
    kept = "(SELECT id FROM bundle WHERE key LIKE 'rejects/%' LIMIT 1)"
    await tamper(copy, f"UPDATE alert SET bundle = {kept} WHERE candid = {F}")
    (fault,) = (await verify(archive)).faults
    assert fault.startswith(f"alert {FIRST}: its bundle rejects/")
    assert fault.endswith(" is not of its survey")


def flipped(data: bytes) -> bytes:
    """One bit in the first packet's stamps or text."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


class Bundled(NamedTuple):
    prefix: str
    packets: int


BUNDLED = [Bundled("ztf/", 10), Bundled("rejects/", 1), Bundled("conflicts/", 1)]
# What becomes of the bytes, what is said of them, and how many of the ten packets are surely lost:
# of two that are withheld there are only stamps, and these are not missed among zeros.
OBJECTS: list[tuple[Callable[[bytes], bytes], str, int]] = [
    (lambda data: data[:-1], "truncated, {less} of {size} bytes are there", 1),
    (lambda data: b"", "truncated, 0 of {size} bytes are there", 10),
    (lambda data: data + b"more", "longer than was put, {more} bytes for {size}", 0),
    (lambda data: bytes(len(data)), "other bytes than were put", 8),
    (flipped, "other bytes than were put", 1),
]


@pytest.mark.parametrize("kind", OBJECTS)
@pytest.mark.parametrize("bundled", BUNDLED)
async def test_objects_that_are_not_what_was_put(
    archive: Archive, objects: ObjectStore, bundled: Bundled, kind: Any
) -> None:
    damage, told, lost = kind
    puts = await rows_of(archive, bundle)
    put = next(one for one in puts if one.key.startswith(bundled.prefix))
    await objects.put(put.key, damage(await objects.get(put.key, 0, put.size)))
    verdict = await verify(archive)
    said = told.format(less=put.size - 1, size=put.size, more=put.size + 4)
    among = f"of its {bundled.packets} packets at least {min(lost, bundled.packets)} are lost"
    assert verdict.faults == [f"bundle {put.id}, {put.key}: {said}; {among}"]
    assert (verdict.unknown, verdict.left, verdict.status) == ([], 0, 1)


async def test_every_fault_is_listed_and_said_when_it_is_found(
    copy: Place, archive: Archive, objects: ObjectStore
) -> None:
    """Three bundles are damaged, each in its way, and a row; an object nobody knows is none."""
    said: list[str] = []
    first, second, third, *_ = sorted(await rows_of(archive, bundle))
    await objects.delete(first.key)
    await objects.put(second.key, b"")
    await objects.put(third.key, bytes(third.size + 1))
    await objects.put("ztf/20261123/left/0-0-0-0", b"by a crash")
    await objects.put("results/job", b"of the app")
    await tamper(copy, f"DELETE FROM history WHERE candid = {F}")
    verdict = await verify(archive, said.append)
    assert verdict.faults == [
        f"alert {FIRST}: it has no history",
        f"bundle 1, {first.key}: missing, and with it 10 packets",
        f"bundle 2, {second.key}: truncated, 0 of 9 bytes are there; of its 1 packets at least 1 "
        "are lost",
        f"bundle 3, {third.key}: other bytes than were put; of its 1 packets at least 1 are lost",
    ]
    assert said == [f"fault: {fault}" for fault in verdict.faults]
    assert (verdict.unknown, verdict.left) == ([], 1)
    assert str(verdict).splitlines()[1:] == [
        "1 objects of no bundle, left by a crash or just being put",
        "4 faults",
    ]


async def test_alerts_that_another_batch_wrote_are_found_in_their_bundle(
    copy: Place, archive: Archive
) -> None:
    """As after a repair: the rows were taken in again, and their bundle was there."""
    await tamper(
        copy,
        "WITH a AS (UPDATE alert SET batch = 3 WHERE batch = 1), "
        "h AS (UPDATE history SET batch = 3 WHERE batch = 1), "
        "l AS (UPDATE ledger SET stored = 0, duplicate = 10 WHERE batch = 1) "
        "UPDATE ledger SET stored = stored + 10, received = received + 10 WHERE batch = 3",
    )
    verdict = await verify(archive)
    assert (verdict.faults, verdict.checked["alerts"]) == ([], 12)


class Door:
    """A way to the object store that can be closed; a real one, of TCP."""

    def __init__(self) -> None:
        self.open = True
        self.refused = 0
        self.after: Callable[[int], bool] = lambda _refused: False
        self.tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open = self.open or self.after(self.refused)
        if not self.open:
            self.refused += 1
            writer.close()
            return
        there = urlsplit(str(Settings().s3_endpoint_url))
        inward, outward = await asyncio.open_connection(there.hostname, there.port)
        for source, target in ((reader, outward), (inward, writer)):
            task = asyncio.create_task(self.pass_on(source, target))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        # Either side may close first: that is what this passes on.
        with suppress(OSError), closing(target):
            while self.open and (data := await source.read(1 << 16)):
                target.write(data)
                await target.drain()


@pytest.fixture
async def door(
    copy: Place, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Door, Archive]]:
    """An archive whose store is behind a door, and waits that are short."""
    monkeypatch.setattr(verify_module, "PAUSES_S", (0.01,) * 3)
    way = Door()
    server = await asyncio.start_server(way.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = copy.settings("writer").model_copy(
        update={"s3_endpoint_url": f"http://127.0.0.1:{port}"}
    )
    async with open_store(settings) as behind:
        yield way, archive._replace(store=behind)
    server.close()
    await asyncio.gather(*way.tasks)


async def test_a_store_that_comes_back_is_waited_for(door: tuple[Door, Archive]) -> None:
    way, archive = door
    way.open, way.after = False, lambda refused: refused > 2
    verdict = await verify(archive)
    assert way.refused > 2
    assert (verdict.faults, verdict.unknown, verdict.checked["bundles"]) == ([], [], 6)


async def test_of_a_store_that_stays_away_nothing_can_be_said(
    door: tuple[Door, Archive], monkeypatch: pytest.MonkeyPatch
) -> None:
    way, archive = door
    monkeypatch.setattr(verify_module, "MOST_SILENT", 3)
    way.open = False
    verdict = await verify(archive)
    assert (verdict.faults, verdict.status) == ([], 3)
    *bundles, rest, left = verdict.unknown
    assert [told.partition(",")[0] for told in bundles] == ["bundle 1", "bundle 2", "bundle 3"]
    assert rest == "3 more bundles: the store does not answer"
    assert left.startswith("objects without a bundle: list ztf/: ")
    assert str(verdict).splitlines() == [
        "checked 0 bundles, 0 alerts",
        "5 things could not be looked at: run it again",
        "no fault in what was looked at",
    ]


async def test_a_bucket_that_is_not_there_is_no_fault_of_every_bundle(
    copy: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_module, "PAUSES_S", ())
    async with opened(Place(copy.database, "no-such-bucket")) as archive:
        verdict = await verify(archive)
    assert (verdict.faults, len(verdict.unknown), verdict.status) == ([], 7, 3)


async def test_the_command_tells_by_its_status(copy: Place) -> None:
    process = await start(copy, "verify")
    out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    sound = "checked 6 bundles, 12 alerts, 1 conflicts, 3 rejects\n"
    assert out.decode() == f"{sound}no fault\n"
    await tamper(copy, f"DELETE FROM history WHERE candid = {F}")
    process = await start(copy, "verify")
    out, err = await process.communicate()
    assert (process.returncode, err) == (1, b"")
    assert out.decode() == f"fault: alert {FIRST}: it has no history\n{sound}1 fault\n"
