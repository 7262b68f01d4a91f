"""openapi.json as generators of clients need it; `make sdks` runs them, this takes a second."""

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest

from app.main import create_app
from app.openapi.document import describe
from app.openapi.generators import prepare_for_generators
from app.settings import Settings

DOCUMENT: Final = describe(create_app(Settings()))
COMPONENTS: Final = DOCUMENT["components"]["schemas"]
OPERATIONS: Final = [o for methods in DOCUMENT["paths"].values() for o in methods.values()]
DATA: Final = ("const", "default", "enum", "example", "examples")
MAX_ARGUMENTS: Final = 100
"""Java takes 255, but who reads them?"""


def inner(node: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every object in a node but data, and where it is."""
    if isinstance(node, dict):
        yield place, node
        for key, child in node.items():
            if key not in DATA:
                yield from inner(child, f"{place}/{key}")
    elif isinstance(node, list):
        for n, child in enumerate(node):
            yield from inner(child, f"{place}/{n}")


def inline() -> Iterator[tuple[str, Any]]:
    """Every object that is no component itself."""
    named = [id(schema) for schema in COMPONENTS.values()]
    found = [(place, node) for place, node in inner(DOCUMENT) if id(node) not in named]
    assert len(found) > 1000
    return iter(found)


def test_closed_sets_have_names() -> None:
    assert [place for place, node in inline() if isinstance(node.get("enum"), list)] == []
    assert {"Band", "Format", "Counting", "Stamp", "PointKind"} <= COMPONENTS.keys()
    assert COMPONENTS["Band"]["enum"] == ["g", "r", "i"]


def test_unions_have_names() -> None:
    for place, node in inline():
        members = [m for m in node.get("anyOf", node.get("oneOf", ())) if m.get("type") != "null"]
        assert len(members) < 2, place


def test_shapes_have_names() -> None:
    for place, node in inline():
        assert not ("properties" in node and node.get("type") == "object"), place


def test_kinds_of_points_are_told_apart_by_name() -> None:
    points = COMPONENTS["LightCurvePoint"]
    mapping = points["discriminator"]["mapping"]
    assert {member["$ref"] for member in points["oneOf"]} == set(mapping.values())
    assert set(mapping) == set(COMPONENTS["PointKind"]["enum"])
    for kind, reference in mapping.items():
        schema = COMPONENTS[reference.rpartition("/")[2]]
        assert schema["properties"]["kind"]["const"] == kind
        assert "kind" in schema["required"]


def test_numbers_have_widths() -> None:
    formats = {"integer": {"int32", "int64"}, "number": {"float", "double"}}
    numbers = [(p, n) for p, n in inner(DOCUMENT) if n.get("type") in ("integer", "number")]
    assert len(numbers) > 100
    for place, node in numbers:
        assert node.get("format") in formats[node["type"]], place


@pytest.mark.parametrize(
    ("name", "width"),
    [("magpsf", "float"), ("ra", "double"), ("fid", "int32"), ("batch", "int64")],
)
def test_a_column_is_as_wide_as_it_is_stored(name: str, width: str) -> None:
    assert f"'format': '{width}'" in str(COMPONENTS["Alert"]["properties"][name])


def test_times_are_times() -> None:
    for name in ("Alert", "Detection", "Forced"):
        assert COMPONENTS[name]["properties"]["time"]["format"] == "date-time"


def test_parameters_refer_by_name_alone() -> None:
    parameters = [p for o in OPERATIONS for p in o.get("parameters", ())]
    referring = [p for p in parameters if "$ref" in p["schema"]]
    assert {p["name"] for p in referring} >= {"kind", "filter", "format", "count", "stretch"}
    assert all(len(p["schema"]) == 1 for p in referring)
    stretch = next(p for p in referring if p["name"] == "stretch")
    assert stretch["description"].endswith("Default: `asinh`.")


def test_every_parameter_has_an_example() -> None:
    without = set()
    for parameter in (p for operation in OPERATIONS for p in operation.get("parameters", ())):
        schema = parameter["schema"]
        named = COMPONENTS.get(schema.get("$ref", "").rpartition("/")[2], {})
        shown = {**named, **schema, **parameter}
        if not {"example", "examples", "default", "enum"} & shown.keys():
            without.add(parameter["name"])
    assert without == {"cursor", "region"}


def test_operations_are_named_once_and_have_one_tag() -> None:
    names = [operation["operationId"] for operation in OPERATIONS]
    assert len(names) == len(set(names))
    for operation in OPERATIONS:
        assert re.fullmatch("[a-z]+(_[a-z]+)+", operation["operationId"])
        assert len(operation["tags"]) == 1
        assert len(operation.get("parameters", ())) <= MAX_ARGUMENTS


def test_bytes_are_binary() -> None:
    text = re.compile(
        r"text/.*|application/(.*\+)?(json|xml|x-ndjson|x-www-form-urlencoded)|multipart/.*"
    )
    bodies = [o["requestBody"] for o in OPERATIONS if "requestBody" in o]
    bodies += [answer for o in OPERATIONS for answer in o["responses"].values()]
    media = [pair for body in bodies for pair in body.get("content", {}).items()]
    binary = [(kind, held["schema"]) for kind, held in media if not text.fullmatch(kind)]
    assert {kind for kind, _ in binary} >= {"application/fits", "application/avro", "image/png"}
    assert all(schema == {"type": "string", "format": "binary"} for _, schema in binary)


def test_what_a_new_route_brings_is_prepared_too() -> None:
    field = {"type": "integer", "minimum": 1, "maximum": 2000}
    band = {"type": "string", "enum": ["g", "r", "i"], "default": "g", "examples": ["r"]}
    parameter = {"in": "query", "name": "band", "description": "Its band.", "schema": band}
    document: Any = {
        "paths": {"/new": {"get": {"parameters": [parameter], "example": {"type": "number"}}}},
        "components": {
            "schemas": {
                "Band": {"type": "string", "enum": ["g", "r", "i"]},
                "New": {
                    "type": "object",
                    "properties": {"field": field, "sum": {"type": "integer"}},
                    "itemSchema": {},
                },
            }
        },
    }
    prepare_for_generators(document)
    operation = document["paths"]["/new"]["get"]
    assert operation["parameters"] == [
        {
            "in": "query",
            "name": "band",
            "description": "Its band. Default: `g`.",
            "schema": {"$ref": "#/components/schemas/Band"},
        }
    ]
    assert operation["example"] == {"type": "number"}
    new = document["components"]["schemas"]["New"]
    assert {name: one["format"] for name, one in new["properties"].items()} == {
        "field": "int32",
        "sum": "int64",
    }
    assert "itemSchema" not in new
    assert document["components"]["schemas"]["Band"]["examples"] == ["r"]
