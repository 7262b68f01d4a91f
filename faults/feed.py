"""A feed with everything in it, and what must become of each message.

What is expected is read from the bytes by fastavro, not by the decoder under test.
"""

import hashlib
import io
import json
import random
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

import fastavro

from dev.simulator import ocf, simulate
from tests.packets import alert, detection, limit, packet

FIRST: Final = 3613372962515010000
"""Candids of the packets that are built one by one; the simulated ones are others."""
PUBLIC: Final = 1
STAMPS: Final = ("cutoutScience", "cutoutTemplate", "cutoutDifference")

Digests = tuple[bytes | None, ...]
Partition = tuple[str, int]
"""Topic and number."""
Place = tuple[str, int, int]
"""Topic, partition and offset."""


class Expected(NamedTuple):
    """What one message comes to."""

    public: Mapping[int, Digests]
    """candid -> SHA-256 of its three stamps."""
    private: int
    damaged: bool
    withheld: bool
    """It holds something private, so its original must not be kept."""
    hidden: frozenset[int] = frozenset()
    """Candids of what is private by its own words, packets and entries of histories."""

    @property
    def packets(self) -> int:
        return len(self.public) + self.private + self.damaged


class Feed(NamedTuple):
    """Messages in the order in which they are sent, and what each comes to by its SHA-256."""

    messages: Sequence[bytes]
    expected: Mapping[bytes, Expected]

    @property
    def packets(self) -> int:
        return sum(self.expected[hashlib.sha256(m).digest()].packets for m in self.messages)


def make_feed(count: int, seed: int) -> Feed:
    """About `count` messages: alerts, repeats, damage, private packets, several in a message."""
    rng = random.Random(seed)
    sound = [p.message for p in simulate(count * 4 // 5, seed)]
    part = max(3, count // 100)
    messages = [
        *sound,
        *rng.sample(sound, 4 * part),
        *_damaged(rng, sound, part),
        *_unusual(part),
    ]
    rng.shuffle(messages)
    return Feed(messages, {hashlib.sha256(m).digest(): expect(m) for m in messages})


def _damaged(rng: random.Random, sound: Sequence[bytes], part: int) -> list[bytes]:
    bad = [m[:-9] for m in rng.sample(sound, part)]
    bad += [m[: rng.randrange(len(m))] for m in rng.sample(sound, part)]
    bad += [rng.randbytes(rng.randrange(1, 3000)) for _ in range(part)]
    bad.append(packet(records=0))
    # The same damage met again is a duplicate.
    return bad + bad[: part // 2]


def _unusual(part: int) -> list[bytes]:
    several = [packet(candid=FIRST + 10 * n, records=3) for n in range(2 * part)]
    private = [packet(candid=FIRST + 100_000 + n, programid=2) for n in range(part)]
    hiding = [
        packet(
            candid=FIRST + 200_000 + n,
            prv_candidates=[
                detection(programid=2, candid=FIRST + 600_000_000 * n + 500_000),
                limit(),
                detection(programid=1),
            ],
        )
        for n in range(part)
    ]
    pressed = [packet(candid=FIRST + 300_000 + n, codec="deflate") for n in range(part)]
    return several + private + hiding + pressed + [_mixed(FIRST + 400_000 + n) for n in range(part)]


def _mixed(candid: int) -> bytes:
    """A public and a private packet in one message."""
    records = [alert(candid=candid), alert(candid=candid + 1000, programid=3)]
    return ocf.container([ocf.encoded(one) for one in records], ocf.sync_marker(candid))


def expect(message: bytes) -> Expected:
    """Read a message block by block: a block that breaks is damage, the blocks before it count."""
    records: list[dict[str, Any]] = []
    damaged = False
    try:
        for block in fastavro.block_reader(io.BytesIO(message)):
            records += list[Any](block)
    except Exception:  # fastavro raises whatever the bytes lead it to
        damaged = True
    public = [r for r in records if r["candidate"]["programid"] == PUBLIC]
    private = [r["candid"] for r in records if r["candidate"]["programid"] != PUBLIC]
    entries = chain.from_iterable(map(_private_entries, public))
    named = [e.get("candid") for e in entries if e.get("programid") is not None]
    return Expected(
        public={r["candid"]: tuple(_digest(r[stamp]) for stamp in STAMPS) for r in public},
        private=len(private),
        damaged=damaged or not records,
        withheld=bool(private) or any(map(_private_entries, public)),
        hidden=frozenset(filter(None, (*private, *named))),
    )


def _digest(cutout: dict[str, Any] | None) -> bytes | None:
    return hashlib.sha256(cutout["stampData"]).digest() if cutout else None


def _private_entries(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Of both histories; an entry that does not say whose it is counts as private."""
    entries = (record["prv_candidates"] or []) + (record.get("fp_hists") or [])
    return [entry for entry in entries if entry.get("programid") != PUBLIC]


def read_sent(folder: Path) -> dict[Place, bytes]:
    """What producers noted in files of a folder: topic, partition and offset -> SHA-256."""
    texts = (path.read_text() for path in folder.glob("sent-*.jsonl"))
    lines = [json.loads(line) for text in texts for line in text.splitlines()]
    return {
        (line["topic"], line["partition"], line["offset"]): bytes.fromhex(line["sha256"])
        for line in lines
    }
