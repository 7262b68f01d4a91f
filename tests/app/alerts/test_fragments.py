"""What is kept of answers is what would have been made anew."""

import tracemalloc
from typing import Any

import orjson
import pytest

from app.alerts.access.archive import Archive
from app.alerts.access.gate import Gate
from app.alerts.asking import searching
from app.alerts.output import fragments
from app.alerts.output.fragments import Fragments
from app.alerts.output.items import alert_items
from app.search.search import parse_search
from archive.database import make_engine
from tests.app.conftest import Served

API = "http://example.org/api/v1"


async def rows_of(served: Served, limit: int) -> Any:
    engine = make_engine(served.settings, "test")
    archive = Archive(engine, 5, 5, Gate(engine, 2))
    _, rows = await searching.find_alerts(archive, parse_search([("limit", str(limit))]))
    await engine.dispose()
    return rows[:limit]


async def test_kept_texts_equal_new_ones(served: Served) -> None:
    rows = await rows_of(served, 20)
    made = alert_items(rows, API)
    kept = Fragments(alert_items, API)
    for part in (rows[:5], rows, list(reversed(rows)), [*rows, *rows[:3]]):
        wanted = [made[list(rows).index(row)] for row in part]
        assert orjson.loads(orjson.dumps(kept.of(part))) == wanted


async def test_only_those_asked_for_last_are_kept(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fragments, "MOST", 6)
    rows = await rows_of(served, 20)
    kept = Fragments(alert_items, API)
    first = kept.of(rows[:2])
    kept.of(rows[2:6])
    kept.of(rows[:2])
    assert len(kept.of(rows[6:10])) == 4
    assert all(a is b for a, b in zip(kept.of(rows[:2]), first, strict=True))
    # A page of more than are kept is whole all the same.
    whole = orjson.loads(orjson.dumps(kept.of(rows)))
    assert [item["candid"] for item in whole] == [str(row["candid"]) for row in rows]


async def test_a_walk_through_the_archive_is_not_kept(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fragments, "AT_ONCE", 5)
    rows, made = await rows_of(served, 20), []

    def items(some: Any, api: str) -> Any:
        made.append(len(some))
        return alert_items(some, api)

    kept = Fragments(items, API)
    kept.of(rows[:5])
    assert orjson.loads(orjson.dumps(kept.of(rows))) == alert_items(rows, API)
    kept.of(rows[:5])
    kept.of(rows[5:8])
    assert made == [5, 20, 0, 3]


async def test_what_is_kept_takes_little_more_memory_than_its_text(served: Served) -> None:
    rows = await rows_of(served, 20)
    texts = sum(len(orjson.dumps(item)) for item in alert_items(rows, API))
    kept = Fragments(alert_items, API)
    kept.of(rows[:1])
    tracemalloc.start()
    try:
        kept.of(rows)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2 * texts


async def test_an_alert_of_another_batch_is_another(served: Served) -> None:
    (row,) = await rows_of(served, 1)
    kept = Fragments(alert_items, API)
    (before,) = kept.of([row])

    class Restored(dict[str, Any]):
        """The row after a backup was restored and the alert came again."""

        def __iter__(self) -> Any:
            return iter(self.values())

    again = Restored(row.items())
    again["batch"] = row["batch"] + 1000
    (after,) = kept.of([again])  # type: ignore[list-item]
    assert orjson.loads(orjson.dumps(before))["batch"] == row["batch"]
    assert orjson.loads(orjson.dumps(after))["batch"] == row["batch"] + 1000
