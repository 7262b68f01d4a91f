"""Two limits on ra or l: an arc of the circle, against every alert's own value."""

import math
from typing import Any

import pytest

from app.errors import BadParameters
from app.search.search import parse_search
from tests.app.conftest import Served

LIMITS = [(350.0, 10.0), (359.5, 0.5), (10.0, 350.0), (149.0, 151.0), (180.0, 179.0), (0.0, 360.0)]


def inside(value: float, low: float, high: float, above: str, below: str) -> bool:
    """On the circle: as far east of the lower limit as the upper one lies, and no further."""
    lower = value >= low if above == "gte" else value > low
    upper = value <= high if below == "lte" else value < high
    return lower and upper if low <= high else lower or upper


@pytest.mark.parametrize("field", ["ra", "l"])
@pytest.mark.parametrize("above", ["gt", "gte"])
@pytest.mark.parametrize("below", ["lt", "lte"])
async def test_equals_brute_force(served: Served, field: str, above: str, below: str) -> None:
    everything: list[dict[str, Any]] = (await served.alerts({"limit": 1000}))["items"]
    held = sorted(item[field] for item in everything)
    # Limits that are values of alerts tell `gt` from `gte`; the middle ones are apart.
    exact = [(held[-3], held[2]), (held[len(held) // 2], held[len(held) // 2 - 5])]
    for low, high in [*LIMITS, *exact]:
        expected = {i["candid"] for i in everything if inside(i[field], low, high, above, below)}
        query = {f"{field}__{above}": repr(low), f"{field}__{below}": repr(high), "limit": "1000"}
        got = await served.candids(query)
        assert set(got) == expected
        assert len(got) == len(expected)
        by_where = [("where", f"{n}:{v}") for n, v in query.items() if n != "limit"]
        assert await served.candids([*by_where, ("limit", "1000")]) == got


@pytest.mark.parametrize(
    ("query", "clauses"),
    [
        ({"ra__gt": "350"}, [("ra__gt", 350.0)]),
        ({"ra__lt": "10"}, [("ra__lt", 10.0)]),
        ({"ra__gt": "10", "ra__lt": "20"}, [("ra__gt", 10.0), ("ra__lt", 20.0)]),
        ({"ra__gt": "360", "ra__lt": "20"}, [("ra__gt", 0.0), ("ra__lt", 20.0)]),
        ({"ra__gte": "350", "ra__lt": "20"}, [("ra__outside", [20.0, 350.0])]),
        (
            {"l__gt": "350", "l__lte": "20"},
            [("l__outside", [math.nextafter(20, 21), math.nextafter(350, 351)])],
        ),
        # Three limits are no arc: read plainly, they find nothing.
        (
            {"ra__gt": "350", "ra__gte": "340", "ra__lt": "20"},
            [("ra__gt", 350.0), ("ra__gte", 340.0), ("ra__lt", 20.0)],
        ),
        # Declination does not go round.
        ({"dec__gt": "20", "dec__lt": "10"}, [("dec__gt", 20.0), ("dec__lt", 10.0)]),
    ],
)
def test_clauses(query: dict[str, str], clauses: list[tuple[str, Any]]) -> None:
    read = parse_search(query.items()).clauses
    assert [(clause.filter.name, clause.value) for clause in read] == clauses


@pytest.mark.parametrize(
    ("name", "value"),
    [("ra__gt", "-1"), ("ra__lt", "360.1"), ("l", "-0.1"), ("dec__gte", "90.1"), ("b", "-91")],
)
def test_off_the_sky(name: str, value: str) -> None:
    with pytest.raises(BadParameters) as caught:
        parse_search([(name, value)])
    (error,) = caught.value.errors
    assert error.parameter == name
    assert error.reason.startswith("must be between")
