"""The dictionary: complete, and the same as what can be asked."""

from typing import Any

from app.search.models import Dictionary
from app.search.selection import ALERT_KEYS, SELECTABLE
from tests.app.conftest import Served


async def items_of(served: Served) -> dict[str, dict[str, object]]:
    answer = await served.client.get("/api/v1/fields")
    assert answer.status_code == 200
    Dictionary.model_validate(answer.json())
    return {item["name"]: item for item in answer.json()["items"]}


async def test_every_key_of_an_alert_is_explained(served: Served) -> None:
    items = await items_of(served)
    assert [name for name, item in items.items() if item["answered"]] == list(ALERT_KEYS)
    assert [name for name, item in items.items() if item["selectable"]] == list(SELECTABLE)
    (alert,) = (await served.alerts({"limit": 1}))["items"]
    types: dict[str, Any] = {
        "integer": int,
        "number": (int, float),
        "string": str,
        "boolean": bool,
        "object": dict,
    }
    for name, value in alert.items():
        assert value is None or isinstance(value, types[str(items[name]["type"])]), name
    assert items["distnr"]["sentinel"] == "-999"
    assert items["candid"]["type"] == "string"


async def test_every_operator_works(served: Served) -> None:
    values = {"string": "ZTF", "boolean": "true", "integer": "1", "number": "1"}
    special = {"time": "2026-01-01", "filter": "g", "candid": "1"}
    for name, item in (await items_of(served)).items():
        operators = item["operators"]
        assert isinstance(operators, list)
        known = special.get(name) or ("1" if "objectidps" in name else None)
        asked = {
            f"{name}__{operator}".removesuffix("__"): "true"
            if operator == "isnull"
            else known or values[str(item["type"])]
            for operator in operators
        }
        where = [f"{key}:{value}" for key, value in asked.items()]
        assert bool(where) == (name != "links"), name
        answer = await served.client.get(
            "/api/v1/alerts", params={"where": where, "limit": 1, "fields": "candid"}
        )
        assert answer.status_code == 200, (where, answer.text)
