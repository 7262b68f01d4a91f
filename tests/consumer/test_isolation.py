"""No message can stop a partition: the guilty one is rejected, the others are stored."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from prometheus_client import REGISTRY

from archive.surveys.ztf.tables import alert, history
from archive.tables import bundle, conflict, position, reject
from consumer import metrics
from consumer.batches.breaker import Breaker, Held, release
from consumer.batches.ingest import Archive, Batch, Outcome, ingest
from consumer.batches.positions import Incarnation
from consumer.checks.verify import verify
from consumer.replay import replay
from dev.simulator import ocf
from tests.conftest import Place, opened, url_of
from tests.consumer.archives import rows_of, summed, sums
from tests.consumer.test_ingest import FIRST, packets, raws
from tests.packets import alert as record
from tests.packets import packet

PARTITION = ("ztf_20261123_programid1", 0)


@pytest.fixture
async def owner(place: Place) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Who may change the schema under the consumer's feet."""
    connection = await asyncpg.connect(url_of("owner", place.database).replace("+asyncpg", ""))
    yield connection
    await connection.close()


async def take(archive: Archive, *messages: bytes, start: int = 0, **more: Any) -> Outcome:
    batch = Batch(raws(*messages, start=start), {PARTITION: Incarnation(1, None)})
    return await ingest(archive, "stream", batch, **more)


async def kept_of(archive: Archive, row: Any) -> bytes:
    keys = {put.id: put.key for put in await rows_of(archive, bundle)}
    return await archive.store.get(keys[row.bundle], row.packet_offset, row.packet_length)


@pytest.mark.parametrize(
    "forbidden",
    [
        "ALTER TABLE alert ADD CONSTRAINT odd CHECK (candid NOT IN ({0}, {1}))",
        "CREATE UNIQUE INDEX odd ON alert ((CASE WHEN candid IN ({0}, {1}, {2}) THEN 1 END))",
        "ALTER TABLE alert ADD COLUMN odd int GENERATED ALWAYS AS"
        " (1 / CASE WHEN candid IN ({0}, {1}) THEN 0 ELSE 1 END) STORED",
        "ALTER TABLE history ADD CONSTRAINT odd CHECK (candid NOT IN ({0}, {1}))",
    ],
    ids=["check", "unique index", "computed value", "history"],
)
async def test_what_the_database_refuses_is_rejected_alone(
    archive: Archive, owner: "asyncpg.Connection[asyncpg.Record]", forbidden: str
) -> None:
    """Errors that the decoder knows nothing of, each in a batch with sound packets around it."""
    messages = packets(13)
    refused = [3, 11]
    await owner.execute(forbidden.format(*(FIRST + n for n in refused), FIRST + 1))
    before = metrics.REFUSED._value.get()
    if "UNIQUE" in forbidden:
        # The first of the three is stored, and is what the two others break the index with.
        await take(archive, messages[1], start=100)
        await owner.execute("UPDATE position SET next_offset = 0")
    outcome = await take(archive, *messages)
    stored = {r.candid - FIRST for r in await rows_of(archive, alert)}
    assert stored == set(range(13)) - set(refused)
    assert len(await rows_of(archive, history)) == 11
    rejects = sorted(await rows_of(archive, reject), key=lambda r: int(r.position))
    assert [r.position for r in rejects] == refused
    for row in rejects:
        assert row.reason.startswith("cannot be stored: ")
        assert "odd" in row.reason or "division by zero" in row.reason
        assert await kept_of(archive, row) == messages[row.position]
    assert [name for name, _ in outcome.rejects] == ["3", "11"]
    assert outcome.counts["rejected"] == 2
    assert metrics.REFUSED._value.get() == before + 2
    (at,) = await rows_of(archive, position)
    assert at.next_offset == 13
    assert (await verify(archive))[1] == []
    await take(archive, packet(candid=FIRST + 50), start=13)
    assert (await sums(archive))["rejected"] == 2


async def test_a_reject_by_the_database_can_be_replayed(
    archive: Archive, place: Place, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await owner.execute(f"ALTER TABLE alert ADD CONSTRAINT odd CHECK (candid <> {FIRST})")
    await take(archive, *packets(3))
    await owner.execute("ALTER TABLE alert DROP CONSTRAINT odd")
    totals = await replay(archive, place.settings("writer"))
    assert (totals["tried"], totals["stored"], totals["rejected"]) == (1, 1, -1)
    assert await sums(archive) == summed(received=3, stored=3)


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        ("REVOKE INSERT ON alert FROM mars_writer", "GRANT INSERT ON alert TO mars_writer"),
        ("ALTER TABLE history RENAME TO away", "ALTER TABLE away RENAME TO history"),
        ("ALTER TABLE alert RENAME COLUMN rb TO x", "ALTER TABLE alert RENAME COLUMN x TO rb"),
    ],
    ids=["a lost right", "a missing table", "a missing column"],
)
async def test_what_an_operator_must_mend_is_waited_for(
    archive: Archive, owner: "asyncpg.Connection[asyncpg.Record]", broken: str, mended: str
) -> None:
    await owner.execute(broken)
    tries = metrics.RETRIES._value.get()
    taking = asyncio.create_task(take(archive, *packets(4)))
    while metrics.RETRIES._value.get() < tries + 2:
        assert not taking.done()
        await asyncio.sleep(0.02)
    await owner.execute(mended)
    assert (await taking).counts["stored"] == 4
    assert await sums(archive) == summed(received=4, stored=4)


async def test_more_rejects_in_a_batch_than_a_statement_has_parameters(archive: Archive) -> None:
    damaged = [b"no Avro %d" % n for n in range(4999)]
    outcome = await take(archive, *damaged, packet(candid=FIRST))
    assert outcome.counts == Counter(
        {"received": 5000, "rejected": 4999, "stored": 1, "conflict": 0}
    )
    rows = await rows_of(archive, reject)
    assert len(rows) == 4999
    assert await kept_of(archive, rows[7]) == damaged[rows[7].position]
    again = await take(archive, *damaged, start=5000)
    assert again.counts["duplicate"] == 4999


async def test_more_conflicts_in_a_batch_than_a_statement_has_parameters(archive: Archive) -> None:
    def messages(magpsf: float) -> list[bytes]:
        bodies = [
            ocf.encoded(record(candid=FIRST + n, magpsf=magpsf, cutouts=None)) for n in range(3000)
        ]
        return [ocf.container(bodies[n : n + 100], b"s" * 16) for n in range(0, 3000, 100)]

    await take(archive, *messages(18.0))
    outcome = await take(archive, *messages(19.0), start=30)
    assert outcome.counts["conflict"] == outcome.counts["duplicate"] == 3000
    assert len(await rows_of(archive, conflict)) == 3000


async def test_a_batch_of_empty_messages_alone(archive: Archive, place: Place) -> None:
    await take(archive, b"", b"")
    await take(archive, b"", packet(candid=FIRST), b"damaged", start=2)
    rejects = await rows_of(archive, reject)
    by_reason = {r.reason: (r.position, r.bundle, r.packet_length) for r in rejects}
    assert by_reason["an empty message"] == (0, None, 0)
    assert len(rejects) == 2
    assert await sums(archive) == summed(received=5, stored=1, duplicate=2, rejected=2)
    assert (await replay(archive, place.settings("writer")))["tried"] == 1
    assert (await verify(archive))[1] == []


def outcomes_counted(outcome: str) -> float:
    labels = {"kind": "stream", "outcome": outcome}
    return REGISTRY.get_sample_value("mars_packets_total", labels) or 0.0


async def test_a_run_of_refusals_holds_the_partition(archive: Archive, place: Place) -> None:
    """Sound ones before it are stored, and the first refusals rejected; then all waits."""
    breaker = Breaker(archive.engine, 5)
    bad = [packet(candid=FIRST + 100 + n, jd=0.5 + n) for n in range(20)]
    counted = [outcomes_counted("stored"), outcomes_counted("rejected")]
    with pytest.raises(Held, match=r"5 messages in a row are refused: candidate\.jd = …"):
        await take(archive, *packets(3), *bad, breaker=breaker)
    assert await sums(archive) == summed(received=7, stored=3, rejected=4)
    # What was committed of the batch is in the metrics as in the ledger.
    now = [outcomes_counted("stored"), outcomes_counted("rejected")]
    assert [b - a for a, b in zip(counted, now, strict=True)] == [3, 4]
    assert breaker.waiting == {PARTITION}
    with pytest.raises(Held):
        await take(archive, *bad[4:], start=7, breaker=breaker)
    # A new process tries once, and no more than once.
    anew = Breaker(archive.engine, 5)
    await anew.recall([PARTITION])
    with pytest.raises(Held):
        await take(archive, *bad[4:], start=7, breaker=anew)
    assert (await sums(archive))["received"] == 7
    assert await anew.find_released() == set()
    (waits,) = await release(archive.engine)
    assert waits[:2] == PARTITION
    assert await anew.find_released() == {PARTITION}
    await take(archive, *bad[4:], packet(candid=FIRST + 50), start=7, breaker=anew)
    assert await sums(archive) == summed(received=24, stored=4, rejected=20)
    assert await release(archive.engine) == []


async def test_only_a_run_of_one_reason_holds(archive: Archive) -> None:
    """Damage never does, whatever its length; nor do refusals with a sound packet between."""
    breaker = Breaker(archive.engine, 3)
    refusals: list[dict[str, Any]] = [{"jd": 1.0}, {"dec": 91.0}]
    mixed = [packet(candid=FIRST + n, **refusals[n % 2]) for n in range(12)]
    await take(archive, *mixed, breaker=breaker)
    await take(archive, *(b"damaged %d" % n for n in range(20)), start=12, breaker=breaker)
    # Every third is sound.
    changes: list[dict[str, Any]] = [{"jd": float(n)} if n % 3 else {} for n in range(12)]
    broken = [packet(candid=FIRST + 100 + n, **change) for n, change in enumerate(changes)]
    await take(archive, *broken, start=32, breaker=breaker)
    assert await sums(archive) == summed(received=44, stored=4, rejected=40)


async def test_a_program_that_can_read_it_goes_on(archive: Archive, place: Place) -> None:
    breaker = Breaker(archive.engine, 3)
    bad = [packet(candid=FIRST + n, jd=float(n)) for n in range(5)]
    with pytest.raises(Held):
        await take(archive, *bad, breaker=breaker)
    async with opened(place) as later:
        newer = Breaker(later.engine, 3)
        await newer.recall([PARTITION])
        await take(later, *packets(5), start=2, breaker=newer)
    assert await sums(archive) == summed(received=7, stored=5, rejected=2)
    assert await release(archive.engine) == []
