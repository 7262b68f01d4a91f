"""All that one batch writes, as plain values: its rows, its line of the ledger, its bundles."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Literal, NamedTuple

from archive.survey import Survey
from consumer.batches.bundles import Bundle
from consumer.batches.positions import Incarnation, Partition
from consumer.batches.sorting import Raw
from consumer.rows import Rows

Kind = Literal["stream", "backfill", "replay"]


class PutBundle(NamedTuple):
    """An object that was put."""

    key: str
    size: int
    sha256: bytes

    @classmethod
    def of(cls, packed: Bundle | None) -> "PutBundle | None":
        """The row of what was packed; None for none."""
        return packed and cls(packed.key, len(packed.data), packed.sha256)


class LedgerRow(NamedTuple):
    """What came of one source and partition in a batch: `ledger` without batch and time."""

    source: str
    partition: int
    kind: str
    night: date
    from_position: int
    to_position: int
    received: int
    stored: int
    duplicate: int
    private: int
    rejected: int


class Aside(NamedTuple):
    """A row of `reject`, or of `conflict` where it has a candid."""

    source: str
    sha256: bytes
    night: date
    partition: int
    position: int
    name: str
    reason: str
    packet_offset: int | None
    packet_length: int | None
    candid: int | None = None


class Writing(NamedTuple):
    """All that one batch writes."""

    survey: Survey
    rows: Rows
    bundle: PutBundle | None
    ledger: Sequence[LedgerRow]
    rejects: Sequence[Aside]
    reject_bundle: PutBundle | None
    conflicts: Sequence[Aside]
    conflict_bundle: PutBundle | None
    incarnations: Mapping[Partition, Incarnation]
    """Those of the partitions whose position moves on; empty for files."""
    settled: Sequence[tuple[str, bytes]] = ()
    """(source, sha256) of the rejects that this replay settles."""


def ledger_rows(
    kind: Kind, messages: Sequence[Raw], tally: Mapping[tuple[str, int], Counter[str]]
) -> list[LedgerRow]:
    """A row for each source and partition of the batch."""
    rows = []
    for (source, partition), counts in tally.items():
        own = [m for m in messages if (m.source, m.partition) == (source, partition)]
        positions = [m.position for m in own]
        rows.append(
            LedgerRow(
                source=source,
                partition=partition,
                kind=kind,
                night=own[0].night,
                from_position=min(positions),
                to_position=max(positions) + 1,
                received=counts["received"],
                stored=counts["stored"],
                duplicate=counts["duplicate"],
                private=counts["private"],
                rejected=counts["rejected"],
            )
        )
    return rows


def aside_rows(
    messages: Sequence[Raw],
    begins: Mapping[int, int],
    which: Iterable[tuple[int, str, int | None]],
) -> list[Aside]:
    """A row for each (message, reason, candid); `begins`: where in its bundle a message lies."""
    rows = []
    for i, reason, candid in which:
        raw = messages[i]
        source, sha256 = raw.key
        begin = begins.get(i)
        rows.append(
            Aside(
                source=source,
                sha256=sha256,
                night=raw.night,
                partition=raw.partition,
                position=raw.position,
                name=raw.name,
                reason=reason,
                packet_offset=begin,
                packet_length=None if begin is None else len(raw.data),
                candid=candid,
            )
        )
    return rows
