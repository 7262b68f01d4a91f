"""What generators of clients need of openapi.json: names for closed sets, widths for numbers.

Without these they make a new class for each unnamed set, type a parameter as Any if its schema has
more than a reference, read an integer without a width as 32 bits, and a number without one as an
arbitrary decimal.
"""

from collections.abc import Iterator
from typing import Any, Final

from app.answers.formats import FORMATS
from app.search.search import COUNTS
from app.watches.models import Part

Json = dict[str, Any]

_SETS: Final[Json] = {
    "Format": {"type": "string", "enum": list(FORMATS), "description": "How an answer is written."},
    "Counting": {
        "type": "string",
        "enum": list(COUNTS),
        "description": "How matching alerts are counted.",
    },
    "WatchPart": {"type": "string", "enum": list(Part), "description": "What a watch may lack."},
}
"""Closed sets of parameters that no model has."""
_VALUES: Final = ("const", "default", "enum", "example", "examples")
"""Keys of a schema under which data lies."""
_MAX_INT32: Final = 2**31 - 1


def prepare_for_generators(document: Json) -> None:
    """Make openapi.json one that generators make good clients of."""
    components = document["components"]["schemas"]
    for name in _SETS:
        components.setdefault(name, dict(_SETS[name]))
    named = {tuple(s["enum"]): name for name, s in components.items() if "enum" in s}
    for schema in list(schemas(document)):
        # A word of OpenAPI 3.2.
        schema.pop("itemSchema", None)
        if all(schema is not component for component in components.values()):
            _refer(schema, named)
        _widen(schema)
    for parameter in [s for s in schemas(document) if "in" in s and "$ref" in s.get("schema", ())]:
        _bare(parameter, components)


def schemas(node: Any) -> Iterator[Json]:
    """Every object of a document that is not data: schemas, and what holds them."""
    if isinstance(node, dict):
        yield node
        for key, child in node.items():
            if key not in _VALUES:
                yield from schemas(child)
    elif isinstance(node, list):
        for child in node:
            yield from schemas(child)


def _refer(schema: Json, named: dict[tuple[str, ...], str]) -> None:
    """Have a closed set told by its name, where it has one."""
    if name := named.get(tuple(schema.get("enum", ()))):
        del schema["enum"], schema["type"]
        schema["$ref"] = f"#/components/schemas/{name}"


def _bare(parameter: Json, components: Json) -> None:
    """Have a parameter's schema be a name alone: beside anything else Python's takes it for Any.

    Its default goes into the words, its examples go to what is named, if that has none.
    """
    schema = parameter["schema"]
    if "default" in schema:
        parameter["description"] += f" Default: `{schema['default']}`."
    if "examples" in schema:
        named = components[schema["$ref"].rpartition("/")[2]]
        named.setdefault("examples", schema["examples"])
    parameter["schema"] = {"$ref": schema["$ref"]}


def _widen(schema: Json) -> None:
    """Give a number without a width its own: 64 bits, unless its bounds say that 32 will do."""
    kind = schema.get("type")
    if kind == "number":
        schema.setdefault("format", "double")
    elif kind == "integer":
        narrow = schema.get("minimum", -2 * _MAX_INT32) > -_MAX_INT32
        narrow &= schema.get("maximum", 2 * _MAX_INT32) < _MAX_INT32
        schema.setdefault("format", "int32" if narrow else "int64")
