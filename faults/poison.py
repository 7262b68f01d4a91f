"""Poison: messages that no alert of ours is, some made to kill their reader, and feeds with it.

The packets of `poison/` and `ztf_malformed/` are real ones, in part changed in one place; without
that folder (MARS_TEST_DATA) poison is what is made here.
"""

import hashlib
import json
import random
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from itertools import cycle, islice
from typing import Any, Final

from dev.simulator import encoding, schema, simulate
from faults.feed import FIRST, Expected, Feed, expect
from tests.conftest import DATA
from tests.consumer.test_poison import REFUSED
from tests.mutations import container
from tests.packets import alert, packet

BAD: Final = Expected({}, 0, damaged=True, withheld=False)
APART: Final = 10**7
"""Between the candids of two copies of a poison, which differ in nothing else."""
FEWEST: Final = 5
DEEP: Final = 4000
BOMB_MB: Final = 256

Told = tuple[bytes, Expected]
"""A message, and what it comes to: fastavro would spin, crash, or take what no column takes."""


def poisoned(share: float) -> Callable[[int, int], Feed]:
    """A feed of which so large a share is poison, spread evenly, and at least a few messages."""

    def make(count: int, seed: int) -> Feed:
        rng = random.Random(f"{seed} poison {share}")
        bad = max(FEWEST, round(share * count))
        good = round(bad / share) - bad
        sound = [one.message for one in simulate(good, seed)] if good else []
        told = list(islice(_poison(rng), bad))
        step = max(1, round(1 / share))
        messages = list(sound)
        for number, (message, _) in enumerate(told):
            messages.insert(number * step + rng.randrange(step), message)
        known = {hashlib.sha256(message).digest(): expected for message, expected in told}
        return Feed(
            messages,
            known | {hashlib.sha256(one).digest(): expect(one) for one in sound},
        )

    return make


def _poison(rng: random.Random) -> Iterator[Told]:
    """One kind after the other, without an end; no two messages are the same."""
    yield from _damaged_in_reality()
    kinds = (*_KINDS, *map(_copied, _real()))
    for number, kind in enumerate(cycle(kinds)):
        yield kind(rng, number)


def _damaged_in_reality() -> list[Told]:
    """Of which there is one each."""
    files = sorted((DATA / "ztf_malformed").rglob("*.avro"))
    messages = [file.read_bytes() for file in files if file.stat().st_size < 500_000]
    return [(message, expect(message)) for message in messages]


def _real() -> list[tuple[str, bytes]]:
    return [(file.stem, file.read_bytes()) for file in sorted((DATA / "poison").glob("*.avro"))]


def _copied(named: tuple[str, bytes]) -> Callable[[random.Random, int], Told]:
    """A poison of the folder, each time with a candid of its own."""
    name, message = named

    if name in REFUSED:

        def refused(_: random.Random, number: int) -> Told:
            sync = b"%016d" % number
            return message[:-16].replace(message[-16:], sync) + sync, BAD

        return refused
    own = next(iter(expect(message).public))

    def stored(_: random.Random, number: int) -> Told:
        # A candid that is wrong itself stays, and the same message comes again.
        candids = encoding.long(own), encoding.long(own + number * APART)
        copy = message.replace(*candids) if own > 0 else message
        return copy, expect(copy)

    return stored


def _truncated(rng: random.Random, number: int) -> Told:
    whole = packet(candid=FIRST + APART * number)
    return whole[: rng.randrange(1, len(whole))], BAD


def _random(rng: random.Random, _: int) -> Told:
    return rng.randbytes(rng.randrange(1, 3000)), BAD


def _no_record(_: random.Random, number: int) -> Told:
    return _file(schema.SCHEMA_TEXT, b"", 0, number), BAD


def _other_schema(_: random.Random, number: int) -> Told:
    text = json.dumps({"type": "record", "name": "a", "fields": [{"name": "b", "type": "long"}]})
    return _file(text, encoding.long(number), 1, number), BAD


def _bomb(_: random.Random, number: int) -> Told:
    return _file(schema.SCHEMA_TEXT, _zeros(), 1, number, "deflate"), BAD


def _deep(_: random.Random, number: int) -> Told:
    """A schema that nests until a reader without bounds has no stack left."""
    opened, closed = '{"type":"array","items":', "}"
    return _file(DEEP * opened + '"int"' + DEEP * closed, b"\0", 1, number), BAD


def _huge_count(_: random.Random, number: int) -> Told:
    """2^62 records of no bytes each."""
    text = json.dumps({"type": "record", "name": "a", "fields": [{"name": "b", "type": "null"}]})
    return _file(text, b"", 2**62, number), BAD


_KINDS: Final = (_truncated, _random, _no_record, _other_schema, _bomb, _deep, _huge_count)


def _file(text: str, content: bytes, count: int, number: int, codec: str = "null") -> bytes:
    """An object container file of one block."""
    entries = ("avro.schema", text, "avro.codec", codec)
    head = encoding.long(2) + b"".join(map(encoding.text, entries)) + b"\0"
    sync = b"%016d" % number
    block = encoding.long(count) + encoding.long(len(content)) + content + sync if count else b""
    return b"Obj\x01" + head + sync + block


@cache
def _zeros() -> bytes:
    press = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = bytes(2**20)
    return b"".join(press.compress(piece) for _ in range(BOMB_MB)) + press.flush()


def changing(count: int, seed: int) -> Feed:
    """A night: a sixth as usual, a sixth with a field more, the rest with one of another type."""
    sixth = count // 6
    usual = [one.message for one in simulate(sixth, seed)]
    numbers = range(FIRST, FIRST + APART * count, APART)
    more = [_changed(candid, _with_a_field_more) for candid in numbers[:sixth]]
    other = [_changed(candid, _with_another_type) for candid in numbers[2 * sixth : count]]
    known = {hashlib.sha256(message).digest(): expect(message) for message in (*usual, *more)}
    known |= {hashlib.sha256(message).digest(): BAD for message in other}
    return Feed((*usual, *more, *other), known)


def _changed(candid: int, change: Callable[[Any, Any], None]) -> bytes:
    by, record = json.loads(schema.SCHEMA_TEXT), dict(alert(candid=candid))
    change(by, record)
    return container(by, [record])


def _with_a_field_more(by: Any, record: Any) -> None:
    by["fields"].append({"name": "mood", "type": "double"})
    record["mood"] = 0.5


def _with_another_type(by: Any, record: Any) -> None:
    next(field for field in by["fields"] if field["name"] == "publisher")["type"] = "int"
    record["publisher"] = 1


def repeated(count: int, seed: int) -> Feed:
    """Alerts up to four times each in any order, a tenth of them also with other bytes."""
    rng = random.Random(f"{seed} repeated")
    sound = [packet(candid=FIRST + APART * n) for n in range(count // 4)]
    rivals = [packet(candid=FIRST + APART * n, magpsf=17.0) for n in range(0, count // 4, 10)]
    messages = [one for one in (*sound, *rivals) for _ in range(rng.randint(1, 4))]
    rng.shuffle(messages)
    return Feed(messages, {hashlib.sha256(m).digest(): expect(m) for m in (*sound, *rivals)})
