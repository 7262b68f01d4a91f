"""Where a topic goes on, whatever part of a slice its partitions have got."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.delivery.topics import Place, Record, find_missing, place_behind

PARTITIONS = (0, 1, 2)
Log = dict[int, list[tuple[int, int]]]


def place_of(log: Log) -> Place:
    told = {n: held[-1] for n, held in log.items() if held}
    return place_behind(told, PARTITIONS) if told else Place(0, dict.fromkeys(PARTITIONS, 0))


@given(
    numbers=st.lists(st.integers(1, 500), min_size=1, max_size=60, unique=True).map(sorted),
    keys=st.integers(1, 8),
    data=st.data(),
)
def test_each_record_is_there_once_and_in_order(numbers: list[int], keys: int, data: Any) -> None:
    """Slices are cut short by kills: of what was sent each partition has a beginning."""
    records = [Record(number, b"%d" % (number % keys), b"") for number in numbers]
    log: Log = {n: [] for n in PARTITIONS}
    place, kills = place_of(log), 0
    while place.since < numbers[-1]:
        size = data.draw(st.integers(1, 12))
        some = [one for one in records if one.number > place.since][:size]
        sent: Log = {n: [] for n in PARTITIONS}
        for partition, record in find_missing(place, some):
            sent[partition].append((record.number, place.since))
        is_killed = kills < 20 and data.draw(st.booleans())
        for partition, held in sent.items():
            log[partition] += held[: data.draw(st.integers(0, len(held))) if is_killed else None]
        if is_killed:
            place, kills = place_of(log), kills + 1
        else:
            last = {n: held[-1][0] if held else 0 for n, held in log.items()}
            place = Place(some[-1].number, last)
    for held in log.values():
        assert held == sorted(set(held))
    assert sorted(number for held in log.values() for number, _ in held) == numbers
