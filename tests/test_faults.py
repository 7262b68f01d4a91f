"""The fault suite in short, on a stack that it may break; and that its check sees what is wrong."""

import json
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import date
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from archive.errors import StoreUnavailable
from archive.objects import open_store
from archive.surveys.ztf.packet import decode
from archive.tables import bundle, conflict
from consumer.batches.ingest import Archive, Batch, ingest
from consumer.batches.positions import Incarnation
from consumer.batches.sorting import Raw
from faults.check import Contents, Kafka, Sent, Verdict, check
from faults.consumer_dying_at import POINTS
from faults.feed import Feed, Partition, make_feed
from faults.kinds import SHORT
from faults.poison import repeated
from faults.proxies import Mode, misbehaving
from faults.run import Kind
from tests.conftest import Place, free_ports, url_of
from tests.consumer.archives import contents, rows_of

DEADLINE_S = 1200
FEED = make_feed(60, seed=5)
RIVALS = repeated(40, seed=5)
TOPIC = "ztf_20261124_programid1"
KEY = "ztf/20261124/some"
DATA = random.Random(5).randbytes(100_000)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Any]]:
    """What the command reports, by fault."""
    folder = tmp_path_factory.mktemp("faults")
    local, report = folder / "state", folder / "report.json"
    command = [sys.executable, "-m", "faults", "--short", "--messages=300"]
    more = ["--local", str(local), "--port", str(free_ports()), "--report", str(report)]
    try:
        done = subprocess.run(
            [*command, *more], capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
        assert report.exists(), done.stdout + done.stderr
        found = {result["fault"]: result for result in json.loads(report.read_text())}
        assert (done.returncode == 0) == all(r["sound"] for r in found.values()), done.stdout
        yield found
    finally:
        subprocess.run([sys.executable, "-m", "dev.stack", "clean", "--local", local], check=True)


@pytest.mark.parametrize("kind", SHORT, ids=lambda kind: kind.name)
def test_nothing_is_lost(results: Mapping[str, Any], kind: Kind) -> None:
    told = results[kind.name]
    assert told["sound"], told
    assert told["seen"] == told["runs"] == kind.times
    assert (told["lost"], told["doubled"], told["bare"], told["served"]) == (0, 0, 0, 0)
    assert told["failed"] == []
    assert told["packets"] > 200


def test_every_point_is_among_them() -> None:
    """The consumers die at the points in turn."""
    times = {kind.name: kind.times for kind in SHORT}
    assert times["kill -9 at every point"] == len(POINTS)
    asked = {"after_put", "before_commit", "after_commit", "before_offsets"}
    assert asked <= POINTS.keys()


def test_two_readers_agree_on_the_feed() -> None:
    """What the check expects is read by fastavro; the decoder comes to the same."""
    kinds = set()
    for message in FEED.messages:
        told, (packets, damage, _) = FEED.expected[sha256(message).digest()], decode(message)
        public = [p.id for p in packets if p.fields["programid"] == 1]
        assert list(told.public) == public
        assert (told.private, told.damaged) == (len(packets) - len(public), damage is not None)
        kinds.add((min(told.packets, 2), bool(told.private), told.damaged, told.withheld))
    assert len(kinds) == 6


def sent(feed: Feed) -> Sent:
    """The feed as if a producer had spread it over two partitions."""
    digests = [sha256(message).digest() for message in feed.messages]
    places = {(TOPIC, n % 2, n // 2): digest for n, digest in enumerate(digests)}
    return Sent(places, feed.expected)


def hidden() -> set[int]:
    """Private candids in the feed."""
    return sent(FEED).hidden()


def ends(feed: Feed = FEED) -> dict[Partition, int]:
    return {(TOPIC, n): len(feed.messages[n::2]) for n in range(2)}


async def judged(
    archive: Archive,
    commits: Mapping[Partition, int] | None = None,
    calm: Contents | None = None,
    feed: Feed = FEED,
) -> Verdict:
    if calm is None:
        calm = await contents(archive)
    return await check(archive, sent(feed), Kafka(ends(feed), commits or ends(feed)), calm)


@pytest.fixture
async def fed(archive: Archive) -> Archive:
    return await taken(archive, FEED)


async def taken(archive: Archive, feed: Feed) -> Archive:
    """An archive that took a feed in, 20 messages at a time, as from Kafka."""
    night = date(2026, 11, 24)
    raws = [Raw(TOPIC, n % 2, n // 2, "", night, m) for n, m in enumerate(feed.messages)]
    incarnations = {(TOPIC, n): Incarnation(1, None) for n in range(2)}
    for n in range(0, len(raws), 20):
        part = raws[n : n + 20]
        await ingest(archive, "stream", Batch(part, incarnations))
    return archive


@pytest.fixture
async def admin(place: Place) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(url_of("admin", place.database).replace("+asyncpg", ""))
    # What no role of ours may do: change rows behind the archive's back.
    await connection.execute("SET session_replication_role = replica")
    yield connection
    await connection.close()


async def test_a_sound_archive_passes(fed: Archive) -> None:
    verdict = await judged(fed)
    assert verdict.sound, verdict
    assert verdict.packets == FEED.packets


ONE = "(SELECT min(candid) FROM alert WHERE packet_offset > 0 AND packet_length > 60000)"
BATCH = f"(SELECT batch FROM alert WHERE candid = {ONE})"
HIDDEN = (
    f"array_fill({min(hidden())}::bigint, ARRAY[cardinality(detection_candid)]) "
    "WHERE cardinality(detection_candid) > 0"
)
SHIFTED = "private = private + 1, stored = stored - 1"
TAMPERED: Sequence[tuple[str, str, str]] = [
    (f"DELETE FROM alert WHERE candid = {ONE}", "lost", "whose stored is not"),
    ("DELETE FROM reject WHERE position = (SELECT max(position) FROM reject)", "lost", "by the"),
    ("DELETE FROM ledger WHERE from_position = 10 AND partition = 1", "lost", "in no range"),
    ("UPDATE ledger SET from_position = 5 WHERE from_position = 10", "doubled", "several ranges"),
    (f"UPDATE alert SET packet_offset = packet_offset - 1 WHERE candid = {ONE}", "bare", ""),
    (f"UPDATE alert SET science_length = 9 WHERE candid = {ONE}", "bare", ""),
    ("UPDATE position SET next_offset = next_offset - 1 WHERE partition = 0", "", "resumes at"),
    (f"UPDATE ledger SET {SHIFTED} WHERE batch = {BATCH}", "", "private of"),
    (f"UPDATE alert SET batch = 1 + batch % 2 WHERE candid = {ONE}", "", "of their batch"),
    (f"UPDATE history SET detection_candid = {HIDDEN}", "served", ""),
]


@pytest.mark.parametrize(("script", "count", "complaint"), TAMPERED)
async def test_what_was_tampered_with_is_seen(
    fed: Archive,
    admin: "asyncpg.Connection[asyncpg.Record]",
    script: str,
    count: str,
    complaint: str,
) -> None:
    assert await admin.execute(script) != "UPDATE 0"
    verdict = await judged(fed)
    assert not verdict.sound
    assert not count or getattr(verdict, count) > 0
    assert any(complaint in told for told in verdict.complaints) or not complaint


async def test_an_object_with_other_bytes_is_seen(fed: Archive) -> None:
    first = next(put for put in await rows_of(fed, bundle) if put.key.startswith("ztf/"))
    for data in (bytes(first.size), b""):
        await fed.store.put(first.key, data)
        assert (await judged(fed, calm={})).bare > 0


async def test_rivals_are_kept_and_a_lost_one_is_seen(
    archive: Archive, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await taken(archive, RIVALS)
    assert (await judged(archive, feed=RIVALS)).sound
    rivals = await rows_of(archive, conflict)
    assert rivals
    await admin.execute("DELETE FROM conflict WHERE candid = $1", rivals[0].candid)
    assert (await judged(archive, feed=RIVALS)).lost == 1


@pytest.mark.parametrize("mode", Mode)
async def test_a_store_misbehaves_as_its_switch_says(
    archive: Archive, place: Place, mode: Mode
) -> None:
    """Nothing that it did not take is there, and a get says soon that it failed."""
    await archive.store.put(KEY, DATA)
    port = urlsplit(place.settings("writer").s3_endpoint_url).port
    assert isinstance(port, int)
    async with misbehaving(port) as proxy:
        settings = place.settings("writer")
        behind = {"s3_endpoint_url": proxy.address, "s3_timeout_s": 0.5 + 3 * (mode is Mode.SLOW)}
        async with open_store(settings.model_copy(update=behind)) as store:
            proxy.mode = mode
            if mode in (Mode.WELL, Mode.SLOW):
                await store.put(KEY, DATA[::-1])
                assert await store.get(KEY, 0, len(DATA)) == DATA[::-1]
                return
            with pytest.raises(StoreUnavailable):
                await store.put(KEY, DATA[::-1])
            with pytest.raises(StoreUnavailable):
                await store.get(KEY, 0, len(DATA))
            assert proxy.met["GET"] < 30
            proxy.mode = Mode.WELL
            assert await store.get(KEY, 0, len(DATA)) == DATA


async def test_a_commit_ahead_of_the_ledger_is_seen(fed: Archive) -> None:
    verdict = await judged(fed, {n: end + 1 for n, end in ends().items()})
    assert verdict.complaints == [f"{TOPIC}/{n}: commit is ahead" for n in range(2)]


async def test_other_contents_than_of_an_undisturbed_ingest_are_seen(fed: Archive) -> None:
    calm = await contents(fed)
    candid, row = calm.popitem()
    assert not (await judged(fed, calm=calm)).sound
    assert not (await judged(fed, calm={**calm, candid: {**row, "magpsf": 1.0}})).sound
    assert (await judged(fed, calm={**calm, candid: row})).sound
