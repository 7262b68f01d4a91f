"""What the kinds of faults look for themselves is found where it is, and nowhere else."""

import io
from random import Random

import pyarrow as pa
import pyarrow.parquet
import pytest

from dev.simulator import encoding
from faults.consumers import Fault
from faults.poison import changing, poisoned
from faults.private import APART, EVERY, OBJECT, PID, Marks, _opened, secretive
from faults.restored import _compare
from tests.packets import packet

MARKS = Marks(2 * EVERY)
PRIVATE = (PID + 3 * APART) * 10**6 + 15
LOST = {1: (1, 10), 2: (1, 11), 3: (2, 12)}


@pytest.mark.parametrize(
    "spelt",
    [
        b'{"candid": "%d"}' % PRIVATE,
        b"the packet of pid %d" % (PID + 6 * APART),
        encoding.long(PRIVATE),
        PRIVATE.to_bytes(8, "big"),
        PRIVATE.to_bytes(8, "little"),
        OBJECT.encode(),
    ],
)
def test_what_is_private_is_found_in_every_spelling(spelt: bytes) -> None:
    assert MARKS.found(Random(5).randbytes(1000) + spelt + b" and more")


def test_it_is_found_in_columns_that_are_compressed() -> None:
    out = io.BytesIO()
    table = pa.table({"candid": pa.array([7, PRIVATE] * 500)})
    pyarrow.parquet.write_table(table, out, compression="zstd")
    assert MARKS.found(b"".join(_opened(out.getvalue())))


def test_public_packets_bear_no_mark_and_private_ones_do() -> None:
    feed = secretive(2 * EVERY, 0)
    marked = [bool(MARKS.found(message)) for message in feed.messages]
    assert marked == [n % EVERY in (3, 6) for n in range(2 * EVERY)]
    assert not MARKS.found(packet())
    assert sum(told.private for told in feed.expected.values()) == 2
    assert all(told.withheld for told in feed.expected.values() if told.hidden)


def test_what_was_asked_with_may_be_told_back() -> None:
    assert not MARKS.found(b"there is no alert %d" % PRIVATE, str(PRIVATE))


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({1: (1, 10), 2: (1, 11), 9: (8, 12)}, None),
        ({1: (1, 10), 2: (1, 11), 3: (2, 13), 9: (8, 12)}, "name other alerts"),
        ({1: (1, 10), 2: (1, 11), 9: (2, 12)}, "name two contents"),
        ({1: (1, 10), 2: (1, 11)}, "did not come back"),
    ],
)
def test_numbers_given_twice_after_a_restore_are_seen(
    now: dict[int, tuple[int, int]], said: str | None
) -> None:
    if said is None:
        _compare(LOST, now)
        return
    with pytest.raises(Fault, match=said):
        _compare(LOST, now)


def test_poison_is_as_large_a_share_as_is_said() -> None:
    feed = poisoned(0.5)(20, 3)
    assert (len(feed.messages), len(set(feed.messages))) == (20, 20)
    assert sum(told.damaged for told in feed.expected.values()) > 0


def test_a_night_changes_its_schema_after_a_third() -> None:
    told = changing(12, 3).expected.values()
    assert [expected.damaged for expected in told] == [False] * 4 + [True] * 8
