"""What is to become of each packet of a batch. Nothing here waits for anything."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from typing import Any, NamedTuple

from archive.survey import Message, Packet
from consumer.rows import Intake


class Raw(NamedTuple):
    """A message as it came, and whence."""

    source: str
    """Topic, or name of the tarball or folder."""
    partition: int
    position: int
    """Offset, or number of the file."""
    name: str
    """Name of the file; empty for Kafka."""
    night: date
    data: bytes

    @property
    def key(self) -> tuple[str, bytes]:
        """(source, SHA-256 of the bytes): what tells one reject from another."""
        return self.source, hashlib.sha256(self.data).digest()


class Sorted(NamedTuple):
    """A decoded batch. Messages are named by their index in it."""

    tally: dict[tuple[str, int], Counter[str]]
    """(source, partition) -> received, stored, duplicate, private, rejected."""
    new: list[tuple[int, Packet]]
    """Public packets of unknown id."""
    conflicts: list[tuple[int, Packet]]
    """Public packets with other content than the alert of the same id."""
    damaged: dict[tuple[str, bytes], tuple[int, str]]
    """Key of each unknown reject -> its message, and what is wrong."""
    withheld: set[int]
    """Messages that hold something private, so that their original is not kept."""
    settled: list[tuple[str, bytes]]
    """Keys of the rejects that a replay can read at last."""


def public_ids(intake: Intake, decoded: Sequence[Message[Any]]) -> list[int]:
    """The ids of alerts to ask the archive for."""
    is_public = intake.survey.is_public
    return [p.id for message in decoded for p in message.packets if is_public(p)]


def damaged_keys(
    messages: Sequence[Raw], decoded: Sequence[Message[Any]]
) -> list[tuple[str, bytes]]:
    """The rejects to ask the archive for."""
    return [raw.key for raw, m in zip(messages, decoded, strict=True) if m.damage is not None]


def sort(
    intake: Intake,
    messages: Sequence[Raw],
    decoded: Sequence[Message[Any]],
    payloads: Mapping[int, bytes],
    rejects: AbstractSet[tuple[str, bytes]],
) -> Sorted:
    """Sort a batch, given the payload hashes of its known ids and its known rejects.

    Of repeats within the batch the first wins.
    """
    work = Sorted(defaultdict(Counter), [], [], {}, set(), [])
    seen = dict(payloads)
    for i, (raw, message) in enumerate(zip(messages, decoded, strict=True)):
        tally = work.tally[raw.source, raw.partition]
        tally.update(_outcomes(intake, work, seen, i, message))
        if message.damage is not None:
            # The rest of its bytes could not be read, so nobody can call them public.
            work.withheld.add(i)
            known = raw.key in rejects or raw.key in work.damaged
            tally["duplicate" if known else "rejected"] += 1
            if not known:
                work.damaged[raw.key] = (i, message.damage)
        tally["received"] += len(message.packets) + (message.damage is not None)
    return work


def sort_replay(
    intake: Intake,
    messages: Sequence[Raw],
    decoded: Sequence[Message[Any]],
    payloads: Mapping[int, bytes],
) -> Sorted:
    """The same for rejects that are tried again; those that are still damaged leave no trace.

    Each was received, and counted as rejected, as one packet before: that is taken back, and
    `received` tells what the message turned out to hold beyond one.
    """
    work = Sorted(defaultdict(Counter), [], [], {}, set(), [])
    seen = dict(payloads)
    for i, (raw, message) in enumerate(zip(messages, decoded, strict=True)):
        if message.damage is None:
            tally = work.tally[raw.source, raw.partition]
            tally.update(_outcomes(intake, work, seen, i, message))
            tally["rejected"] -= 1
            tally["received"] += len(message.packets) - 1
            work.settled.append(raw.key)
    return work


def _outcomes(
    intake: Intake, work: Sorted, seen: dict[int, bytes], i: int, message: Message[Any]
) -> Iterator[str]:
    """The outcome of each packet of a message, put into its place in `work`."""
    for packet in message.packets:
        if not intake.survey.is_public(packet):
            work.withheld.add(i)
            yield "private"
            continue
        if intake.private_entries(packet):
            work.withheld.add(i)
        before = seen.setdefault(packet.id, packet.payload_hash)
        if before is packet.payload_hash:
            work.new.append((i, packet))
            yield "stored"
            continue
        if before != packet.payload_hash:
            work.conflicts.append((i, packet))
        yield "duplicate"
