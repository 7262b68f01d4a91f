"""Whatever becomes of a schema: rows that PostgreSQL takes, or a refusal by the field's name."""

import re
from collections.abc import Sequence

import pytest

from archive.errors import DamagedPacket, RefusedPacket
from archive.surveys.ztf.packet import PUBLIC, Packet, decode, packets_of
from archive.surveys.ztf.tables import alert, history
from archive.tables import reject
from consumer.batches.copying import copy_of
from consumer.batches.ingest import Archive, Batch, ingest
from consumer.batches.sorting import Raw
from consumer.rows import make_rows
from consumer.surveys.ztf import ZTF_INTAKE
from tests.consumer.archives import rows_of, sums
from tests.consumer.test_ingest import NIGHT
from tests.consumer.test_rows import NOWHERE
from tests.mutations import Mutation, mutation

MUTATIONS = 1000


@pytest.fixture(scope="module")
def mutations() -> Sequence[Mutation]:
    return [mutation(seed) for seed in range(MUTATIONS)]


def names(path: str, reason: str) -> bool:
    """Whether the reason names the field, not only one whose name begins alike."""
    return re.search(rf"(?<![\w.]){re.escape(path)}(?!\w)", reason) is not None


def test_a_thousand_changed_schemas_are_read_or_refused_by_the_fields_name(
    mutations: Sequence[Mutation],
) -> None:
    """Without the last net of `decode`: only a refusal may come."""
    read: list[Packet] = []
    refused = 0
    for seed, (fields, message) in enumerate(mutations):
        reason = None
        try:
            read += packets_of(message)
        except DamagedPacket as error:
            reason = error
            refused += 1
        assert reason is None or isinstance(reason, RefusedPacket), (seed, reason)
        told = reason is None or any(names(field, str(reason)) for field in fields)
        assert told, (seed, fields, reason)
    assert len(read) == MUTATIONS - refused
    rows = make_rows(ZTF_INTAKE, read, [NOWHERE] * len(read))
    assert len(rows.alerts) == len(rows.histories.ids) == len(read)
    assert copy_of(rows.histories)
    # It is no test where all are refused, or none.
    assert min(len(read), refused) > MUTATIONS / 4


async def test_what_is_read_of_changed_schemas_is_stored_in_one_batch(
    archive: Archive, mutations: Sequence[Mutation]
) -> None:
    messages = [mutant.message for mutant in mutations]
    told = [decode(message) for message in messages]
    read = [packet for message in told for packet in message.packets]
    public = [packet for packet in read if packet.fields["programid"] == PUBLIC]
    raws = [Raw("changed", 0, n, "", NIGHT, data) for n, data in enumerate(messages)]
    await ingest(archive, "stream", Batch(raws))
    assert {row.candid for row in await rows_of(archive, alert)} == {p.id for p in public}
    assert len(await rows_of(archive, history)) == len(public) > MUTATIONS / 4
    kept = {row.position: row.reason for row in await rows_of(archive, reject)}
    assert kept == {n: message.damage for n, message in enumerate(told) if message.damage}
    assert await sums(archive) == {
        "received": MUTATIONS,
        "stored": len(public),
        "private": len(read) - len(public),
        "rejected": MUTATIONS - len(read),
        "duplicate": 0,
    }
