"""Holds what an archive has against what was sent: offset by offset, row by row, byte by byte."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from archive.errors import StoreUnavailable
from archive.surveys.ztf.tables import STAMPS, alert, history
from archive.tables import bundle, conflict, ledger, position, reject
from consumer.batches.ingest import Archive
from faults.feed import Expected, Partition, Place
from tests.consumer.archives import contents, rows_of

Contents = Mapping[int, Mapping[str, Any]]


class Sent(NamedTuple):
    """What the producer noted, and what each message comes to."""

    offsets: Mapping[Place, bytes]
    expected: Mapping[bytes, Expected]

    def at(self, partition: Partition, offset: int) -> Expected:
        return self.expected[self.offsets[*partition, offset]]

    def holding(self) -> dict[int, set[bytes]]:
        """candid -> SHA-256 of every message that holds it in public."""
        held = defaultdict(set)
        for sha256 in set(self.offsets.values()):
            for candid in self.expected[sha256].public:
                held[candid].add(sha256)
        return held

    def hidden(self) -> set[int]:
        """Candids that nobody may see: of private packets, and of private rows of histories."""
        return {c for sha256 in set(self.offsets.values()) for c in self.expected[sha256].hidden}


class Kafka(NamedTuple):
    """What the broker knows, by partition."""

    ends: Mapping[Partition, int]
    commits: Mapping[Partition, int | None]


@dataclass
class Verdict:
    """What a check found; sound when all counts but `packets` are 0 and there is no complaint."""

    packets: int = 0
    lost: int = 0
    doubled: int = 0
    bare: int = 0
    """Rows whose bytes are not there, or are others."""
    served: int = 0
    """What is private and can be seen."""
    complaints: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not (self.lost or self.doubled or self.bare or self.served or self.complaints)

    def __str__(self) -> str:
        return f"lost {self.lost}, doubled {self.doubled}, bare {self.bare}, served {self.served}"

    def complain(self, wrong: object, text: str) -> None:
        if wrong:
            self.complaints.append(text)


async def check(archive: Archive, sent: Sent, kafka: Kafka, calm: Contents) -> Verdict:
    """Compare with what was sent, and with `calm`: the contents after an undisturbed ingest."""
    verdict = Verdict(packets=sum(sent.expected[sha].packets for sha in sent.offsets.values()))
    ledgers = await rows_of(archive, ledger)
    positions = {(r.topic, r.partition): r.next_offset for r in await rows_of(archive, position)}
    verdict.complain({_partition(r) for r in ledgers} - kafka.ends.keys(), "a source never sent")
    for partition, end in kafka.ends.items():
        mine = [(r.from_position, r.to_position) for r in ledgers if _partition(r) == partition]
        _cover(verdict, sent, partition, end, sorted(mine))
        held, committed = positions.get(partition, 0), kafka.commits.get(partition)
        verdict.complain(held != end, f"{_name(partition)}: resumes at {held}, ends at {end}")
        verdict.complain((committed or 0) > held, f"{_name(partition)}: commit is ahead")
    for row in ledgers:
        _add_up(verdict, sent, row)
    alerts = await rows_of(archive, alert)
    _accounted(verdict, sent, ledgers, alerts)
    await _private(verdict, archive, sent, alerts)
    objects = await _objects(archive)
    holding = sent.holding()
    for row in alerts:
        verdict.bare += not _has_bytes(row, objects, sent, holding.get(row.candid, set()))
    await _rejects(verdict, archive, sent, objects)
    await _conflicts(verdict, archive, objects, _losers(alerts, objects, holding))
    if not verdict.bare:
        rivals = {candid for candid, messages in holding.items() if len(messages) > 1}
        _same(verdict, await contents(archive), calm, rivals)
    return verdict


def _partition(row: Any) -> Partition:
    return row.source, row.partition


def _name(partition: Partition) -> str:
    return "{}/{}".format(*partition)


def _cover(
    verdict: Verdict,
    sent: Sent,
    partition: Partition,
    end: int,
    ranges: Sequence[tuple[int, int]],
) -> None:
    """Every offset of a partition lies in exactly one range of the ledger."""
    covered = Counter(offset for first, after in ranges for offset in range(first, after))
    noted = {offset for *where, offset in sent.offsets if tuple(where) == partition}
    name = _name(partition)
    verdict.complain(noted != set(range(end)), f"{name}: not all offsets were noted")
    verdict.complain(covered.keys() - noted, f"{name}: offsets that were not sent")
    lost = [sent.at(partition, offset) for offset in noted - covered.keys()]
    verdict.lost += sum(expected.packets for expected in lost)
    again = [sent.at(partition, o).packets * (n - 1) for o, n in covered.items() if n > 1]
    verdict.doubled += sum(again)
    verdict.complain(lost, f"{name}: {len(lost)} offsets in no range of the ledger")
    verdict.complain(again, f"{name}: {len(again)} offsets in several ranges")


def _add_up(verdict: Verdict, sent: Sent, row: Any) -> None:
    """A row of the ledger says of its offsets what fastavro read in them."""
    where = range(row.from_position, row.to_position)
    partition = _partition(row)
    here = [sent.at(partition, o) for o in where if (*partition, o) in sent.offsets]
    outcomes = row.stored + row.duplicate + row.private + row.rejected
    packets, private = sum(e.packets for e in here), sum(e.private for e in here)
    damaged = sum(e.damaged for e in here)
    name = f"batch {row.batch}, {_name(partition)}"
    verdict.complain(row.received != packets, f"{name}: {row.received} received of {packets}")
    verdict.complain(outcomes != row.received, f"{name}: outcomes do not add up")
    verdict.complain(row.private != private, f"{name}: {row.private} private of {private}")
    verdict.complain(row.rejected > damaged, f"{name}: {row.rejected} rejected of {damaged}")


def _accounted(verdict: Verdict, sent: Sent, ledgers: Sequence[Any], alerts: Sequence[Any]) -> None:
    """The alerts are those that were sent, each from an offset of its batch, counted once."""
    rows = Counter(row.candid for row in alerts)
    wanted = {candid for sha in sent.offsets.values() for candid in sent.expected[sha].public}
    verdict.lost += len(wanted - rows.keys())
    verdict.doubled += sum(rows.values()) - len(rows)
    verdict.complain(rows.keys() - wanted, f"{len(rows.keys() - wanted)} alerts were never sent")
    stored, brought = Counter[int](), defaultdict[int, set[int]](set)
    for row in ledgers:
        stored[row.batch] += row.stored
        for offset in range(row.from_position, row.to_position):
            if (*_partition(row), offset) in sent.offsets:
                brought[row.batch].update(sent.at(_partition(row), offset).public)
    found = Counter(row.batch for row in alerts)
    off = {n for n in stored | found if stored[n] != found[n]}
    verdict.complain(off, f"batches whose stored is not their number of alerts: {sorted(off)[:5]}")
    strangers = [row.candid for row in alerts if row.candid not in brought[row.batch]]
    verdict.complain(strangers, f"alerts from no offset of their batch: {strangers[:5]}")


async def _private(verdict: Verdict, archive: Archive, sent: Sent, alerts: Sequence[Any]) -> None:
    """Nothing private is in a row of an alert or of a history."""
    hidden = sent.hidden()
    told = {row.candid for row in alerts}
    for row in await rows_of(archive, history):
        told.update(row.detection_candid or ())
    verdict.served += len(hidden & told)


async def _objects(archive: Archive) -> dict[int, bytes]:
    objects = {}
    for put in await rows_of(archive, bundle):
        # The rows of one that is missing will be found without bytes.
        with suppress(StoreUnavailable):
            objects[put.id] = await archive.store.get(put.key, 0, put.size)
    return objects


def _has_bytes(
    row: Any, objects: Mapping[int, bytes], sent: Sent, messages: AbstractSet[bytes]
) -> bool:
    """The byte range is one of the messages that held this candid, its stamps are theirs."""
    data = objects.get(row.bundle, b"")
    told = [sent.expected[sha256] for sha256 in messages]
    if row.packet_offset is None:
        sound = bool(told) and all(expected.withheld for expected in told)
    else:
        sound = _digest(data, row.packet_offset, row.packet_length) in messages
        sound = sound and not any(expected.withheld for expected in told)
    stamps = tuple(
        _digest(data, getattr(row, f"{s}_offset"), getattr(row, f"{s}_length")) for s in STAMPS
    )
    return sound and all(expected.public[row.candid] == stamps for expected in told)


def _digest(data: bytes, offset: int | None, length: int | None) -> bytes | None:
    if offset is None or length is None:
        return None
    return hashlib.sha256(data[offset : offset + length]).digest()


async def _rejects(
    verdict: Verdict, archive: Archive, sent: Sent, objects: Mapping[int, bytes]
) -> None:
    """Each damaged message was kept once, with its bytes and an offset at which it was sent."""
    rows = await rows_of(archive, reject)
    kept = Counter((row.source, bytes(row.sha256)) for row in rows)
    damaged = {sha256 for sha256, expected in sent.expected.items() if expected.damaged}
    wanted = {(topic, sha) for (topic, *_), sha in sent.offsets.items() if sha in damaged}
    verdict.lost += len(wanted - kept.keys())
    verdict.doubled += sum(kept.values()) - len(kept)
    verdict.complain(kept.keys() - wanted, "rejects of what was sound, or never sent")
    for row in rows:
        held = _digest(objects.get(row.bundle, b""), row.packet_offset, row.packet_length)
        verdict.bare += held != row.sha256
        verdict.complain(
            sent.offsets.get((*_partition(row), row.position)) != row.sha256,
            f"a reject from offset {row.position}, where something else was sent",
        )
    sums = sum(row.rejected for row in await rows_of(archive, ledger))
    verdict.complain(sums != len(rows), f"{len(rows)} rejects, by the ledger {sums}")


def _losers(
    alerts: Sequence[Any], objects: Mapping[int, bytes], holding: Mapping[int, AbstractSet[bytes]]
) -> set[tuple[bytes, int]]:
    """Of messages with the same candid and other bytes all but that of its row, with the candid."""
    losers = set()
    for row in alerts:
        rivals = holding.get(row.candid, set())
        if len(rivals) > 1 and row.packet_offset is not None:
            won = _digest(objects.get(row.bundle, b""), row.packet_offset, row.packet_length)
            losers |= {(sha256, row.candid) for sha256 in rivals - {won}}
    return losers


async def _conflicts(
    verdict: Verdict,
    archive: Archive,
    objects: Mapping[int, bytes],
    losers: AbstractSet[tuple[bytes, int]],
) -> None:
    """What came second is kept with its bytes, once of each source."""
    rows = await rows_of(archive, conflict)
    kept = {(bytes(row.sha256), row.candid) for row in rows}
    verdict.lost += len(losers - kept)
    verdict.complain(kept - losers, f"{len(kept - losers)} conflicts, though none was sent")
    for row in rows:
        held = _digest(objects.get(row.bundle, b""), row.packet_offset, row.packet_length)
        verdict.bare += held != row.sha256


def _same(verdict: Verdict, held: Contents, calm: Contents, rivals: AbstractSet[int]) -> None:
    """The rows are those of `calm`, but for those of which several came: the first stays."""
    both = (held.keys() & calm.keys()) - rivals
    others = [candid for candid in both if held[candid] != calm[candid]]
    verdict.complain(others, f"{len(others)} rows differ from an undisturbed ingest: {others[:5]}")
    verdict.complain(held.keys() != calm.keys(), "not the alerts of an undisturbed ingest")
