"""The comparison itself: what it must not overlook."""

from math import nextafter
from typing import Any

import pytest

from tests.mars.asking import page_problems
from tests.mars.tally import Tally, out_of_order, unlike

RECORDED = {"candid": 1, "candidate": {"b": 1.0, "l": 2.0, "magpsf": 18.5, "rb": None}}


def changed(**candidate: Any) -> dict[str, Any]:
    return {"candid": 1, "candidate": {**RECORDED["candidate"], **candidate}}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "other",
    [
        changed(magpsf=nextafter(18.5, 19)),
        changed(magpsf=18),
        changed(magpsf="18.5"),
        changed(magpsf=None),
        changed(rb=0.0),
        changed(more=1),
        changed(l=2.0000001),
        changed(l=None),
        {"candid": "1", "candidate": RECORDED["candidate"]},
        {"candid": 1.0, "candidate": RECORDED["candidate"]},
        {"candid": True, "candidate": RECORDED["candidate"]},
        {"candid": 1},
    ],
)
def test_a_difference_is_seen(other: Any) -> None:
    assert list(unlike(RECORDED, other))


def test_the_last_bits_of_l_and_b_do_not_count() -> None:
    assert not list(unlike(RECORDED, changed(l=2.00000000001)))


def test_the_order_of_keys_is_seen() -> None:
    assert not list(out_of_order([RECORDED]))
    assert list(out_of_order([{"candidate": {"b": 1, "a": 1}}]))
    assert list(out_of_order({"candidate": 1, "candid": 1}))


def test_a_part_is_settled_whole_or_not() -> None:
    tally = Tally("part")
    tally.add("one", [])
    assert tally.faults(1) == []
    with pytest.raises(AssertionError):
        assert tally.faults(2) == []
    tally.add("two", ["odd"])
    with pytest.raises(AssertionError, match="two: odd"):
        assert tally.faults(2) == []


@pytest.mark.parametrize(
    ("body", "page", "more"),
    [
        ({"has_next": False, "has_prev": False, "results": [{}] * 100}, 1, True),
        ({"has_next": True, "has_prev": True, "results": [{}] * 100}, 1, True),
        ({"has_next": True, "has_prev": False, "results": [{}] * 99}, 1, True),
        ({"has_next": False, "has_prev": False, "results": []}, 2, False),
        ({"has_next": False, "results": []}, 1, False),
    ],
)
def test_a_wrong_page_is_seen(body: Any, page: int, more: bool) -> None:
    assert page_problems(body, page, more)
