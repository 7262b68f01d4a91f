"""`count=`: the number and how sure it is, on every page alike."""

from typing import Any

import pytest

from app.alerts.asking import counting
from app.alerts.models import AlertList
from tests.app.conftest import Served
from tests.app.pages.test_totals import archive as analysed

__all__ = ["analysed"]
QUERIES: list[dict[str, Any]] = [
    {},
    {"as_of": 1},
    {"dec__gt": "0"},
    {"dec__gt": "0", "as_of": 1},
    {"cone": "150,30,2"},
    {"polygon": "149,29,151,29,151,31,149,31"},
    {"ra__gt": "350", "ra__lt": "10"},
    {"ssnamenr": "433"},
    {"object_id": "ZTF00nothing"},
]


@pytest.mark.parametrize("count", ["exact", "estimate"])
@pytest.mark.parametrize("query", QUERIES)
async def test_few_are_counted_either_way(
    served: Served, query: dict[str, Any], count: str
) -> None:
    expected = len(await served.candids(query | {"limit": 1000}))
    page = await served.alerts(query | {"limit": 3, "count": count})
    AlertList.model_validate(page)
    assert (page["count"], page["count_kind"]) == (expected, "exact")
    if page["next"]:
        asked = query | {"limit": 3, "count": count, "cursor": page["next"]}
        second = await served.alerts(asked)
        assert (second["count"], second["count_kind"]) == (expected, "exact")
    table = await served.client.get(
        "/api/v1/alerts", params=query | {"limit": 3, "count": count, "format": "jsonl"}
    )
    assert table.headers["x-count"] == str(expected)
    assert table.headers["x-count-kind"] == "exact"


async def test_not_without_being_asked(served: Served) -> None:
    assert not {"count", "count_kind", "place"} & (await served.alerts({"limit": 1})).keys()


@pytest.mark.usefixtures("analysed")
async def test_many_are_estimated_unless_exact_is_asked(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "COUNTED", 50)
    query = {"dec__gt": "0", "limit": 3}
    expected = len(await served.candids(query | {"limit": 1000}))
    exact = await served.alerts(query | {"count": "exact"})
    assert (exact["count"], exact["count_kind"]) == (expected, "exact")
    about = await served.alerts(query | {"count": "estimate"})
    assert about["count_kind"] == "estimate"
    assert abs(about["count"] - expected) < 0.2 * expected
    near = await served.alerts({"cone": "150,30,2", "limit": 3, "count": "estimate"})
    assert (near["count"], near["count_kind"]) == (51, "at least")


@pytest.mark.usefixtures("analysed")
async def test_exact_has_its_time(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "EXACT_S", 1e-6)
    monkeypatch.setattr(counting, "COUNTED", 50)
    about = await served.alerts({"dec__gt": "0", "limit": 3, "count": "exact"})
    assert about["count_kind"] == "estimate"
    monkeypatch.setattr(counting, "COUNT_S", 1e-6)
    bound = await served.alerts({"dec__gt": "0", "limit": 3, "count": "exact"})
    assert (bound["count"], bound["count_kind"]) == (4, "at least")
