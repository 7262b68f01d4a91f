"""openapi.json against the server, by hand: what schemathesis (tests/schema) does not ask."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.search.regions import parse_cone, parse_polygon
from app.search.search import MAX_CLAUSES
from app.search.vocabulary import FILTERS
from tests.app import sky
from tests.app.conftest import NIGHT, Served

DOCUMENT: dict[str, Any] = orjson.loads(Path("openapi.json").read_bytes())
SEARCH = {p["name"]: p for p in DOCUMENT["paths"]["/api/v1/alerts"]["get"]["parameters"]}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def unfit(schema: dict[str, Any], value: Any) -> bool:
    """Whether a value breaks a bound, a pattern or a closed set."""
    values = value if isinstance(value, list) else [value]
    inner = schema.get("items", schema)
    return any(
        (isinstance(v, str) and not re.search(inner.get("pattern", ""), v))
        or ("enum" in inner and v not in inner["enum"])
        or ("minimum" in inner and not inner["minimum"] <= v <= inner.get("maximum", float("inf")))
        for v in values
    )


def test_examples_fit_their_schemas() -> None:
    seen = 0
    for method, path, operation in operations():
        for parameter in operation.get("parameters", []):
            shown = list(parameter["schema"].get("examples", []))
            shown += [parameter["example"]] if "example" in parameter else []
            shown += [one["value"] for one in parameter.get("examples", {}).values()]
            for value in shown:
                assert not unfit(parameter["schema"], value), (method, path, parameter["name"])
                seen += 1
    assert seen > 150


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("cone", ['0.8,16,2"', "1e1,-.5,+3.d", "0,0,1 '"], ["1,2", "1,2,3,4", "a,1,1", "1,2,3x"]),
        ("polygon", ["0,16,2,16,2,17", "0,1,2,1,2,3,0,3"], ["1,2,3", "0,16,2,16", "0,16,2,16,2,x"]),
        (
            "time__gt",
            ["2018-07-17", "2018-07-17T06:30Z", "2018-07-17 06:30:00.25", "2018-02-28T23:59+01:00"],
            ["2018", "2018-13-01", "2018-07-32", "2018-07-17T24:00", "yesterday", "2018-07-17Z"],
        ),
        ("candid", ["1", "1,2", "-1"], ["x", "1,", "1.5"]),
    ],
)
def test_patterns_say_what_is_read(name: str, good: list[str], bad: list[str]) -> None:
    pattern = SEARCH[name]["schema"]["pattern"]
    read = {"cone": parse_cone, "polygon": parse_polygon}.get(name) or FILTERS[name].read
    assert re.search(pattern, "")
    for text in good:
        assert re.search(pattern, text), text
        read(text)
    for text in bad:
        assert not re.search(pattern, text), text
    for text in bad if name != "candid" else bad[:1]:
        with pytest.raises(ValueError, match=r"."):
            read(text)


def test_bounds_of_numbers_are_told() -> None:
    told = {n: (p["schema"].get("minimum"), p["schema"].get("maximum")) for n, p in SEARCH.items()}
    assert told["ra__gt"] == told["l__lt"] == (0, 360)
    assert told["dec__lt"] == told["b__gt"] == (-90, 90)


async def test_as_many_filters_as_openapi_lists(served: Served) -> None:
    """All that have a name, and `where` as often as it may stand there."""
    most = SEARCH["where"]["schema"]["maxItems"]
    assert most == MAX_CLAUSES
    text = {name: FILTERS[name].example for name in SEARCH if name in FILTERS}
    for count, status in ((most, 200), (most + 1, 422)):
        answer = await served.client.get(
            "/api/v1/alerts", params=text | {"where": ["chipsf__lt:5"] * count}
        )
        assert answer.status_code == status, answer.text


async def test_the_night_as_the_list_has_it(served: Served) -> None:
    (night,) = (await served.client.get("/api/v1/nights")).json()["items"]
    for spelling in (night["night"], f"{NIGHT:%Y%m%d}"):
        answer = await served.client.get(f"/api/v1/nights/{spelling}")
        assert answer.json() == night
    for spelling in ("2026-1-31", "2026-0131", "202601-31", "2026131"):
        assert (await served.client.get(f"/api/v1/nights/{spelling}")).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        *("/api/v1/alerts", f"/api/v1/alerts/{sky.FIRST}", f"/api/v1/alerts/{sky.FIRST}/avro"),
        *("/api/v1/objects?cone=150,30,1", f"/api/v1/objects/{sky.OBJECT}"),
        *(f"/api/v1/objects/{sky.OBJECT}/{what}" for what in ("alerts", "lightcurve")),
        *("/api/v1/fields", "/api/v1/nights", "/api/v1/resolve?name=m31"),
    ],
)
async def test_an_answer_that_is_held_already(served: Served, path: str) -> None:
    whole = await served.client.get(path)
    assert whole.status_code == 200
    held = await served.client.get(path, headers={"If-None-Match": whole.headers["etag"]})
    assert (held.status_code, held.content) == (304, b"")
    for answer in (whole, held):
        assert answer.headers["x-request-id"]
        assert answer.headers["etag"] == whole.headers["etag"]


def test_every_answer_says_its_headers() -> None:
    known = DOCUMENT["components"]["headers"]
    every = list(operations())
    assert len(every) > 20
    for method, path, operation in every:
        may_be_kept = not path.endswith("/stream")
        for status, response in operation["responses"].items():
            where, told = (method, path, status), response["headers"]
            assert "X-Request-ID" in told, where
            assert ("Retry-After" in told) is (status in ("429", "503")), where
            assert ("Content-Range" in told) is (status in ("206", "416")), where
            kept = method == "get" and path.startswith("/api/") and status in ("200", "206", "304")
            assert ("ETag" in told) is (kept and may_be_kept), where
            refs = [h["$ref"].rpartition("/")[2] for h in told.values() if "$ref" in h]
            assert known.keys() >= set(refs), where
        if method == "get" and path.startswith("/api/"):
            assert ("304" in operation["responses"]) is may_be_kept, path


SAFELISTED = {"cache-control", "content-language", "content-length", "content-type", "expires"}
"""Headers that a script may read of another site's answer without being told (Fetch standard)."""


async def test_scripts_of_other_sites_may_read_every_header_that_is_told(served: Served) -> None:
    answer = await served.client.get("/healthz", headers={"origin": "https://example.org"})
    exposed = answer.headers["access-control-expose-headers"].lower().split(", ")
    responses = [r for _, _, operation in operations() for r in operation["responses"].values()]
    told = {name.lower() for response in responses for name in response.get("headers", {})}
    assert len(told) > 10
    assert told - SAFELISTED <= {*exposed}
    # Of every download, though openapi.json does not tell of it.
    assert "accept-ranges" in exposed
