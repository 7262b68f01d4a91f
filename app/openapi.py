"""openapi.json: what FastAPI cannot know of it; `python -m app.openapi` prints it."""

import sys
from typing import Annotated, Any, Final

import orjson
from fastapi import FastAPI, Path
from fastapi.openapi.utils import get_openapi

from app.errors import PROBLEM
from app.filters import FILTERS, NAMED, OPERATORS, Filter
from app.media import FORMATS, JSON
from app.models import Problem, Stamp
from app.search import DEFAULT_LIMIT, MAX_EXPORT, MAX_LIMIT
from archive.tables import FILTER_OF_FID

Json = dict[str, Any]

_PROBLEM_REF: Final[Json] = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_WORDS: Final = {
    400: "A request that cannot be understood",
    404: "No such thing, or not kept; the body says what",
    416: "A range beyond the end",
    422: "A parameter that is unknown, malformed or out of bounds; the body names it",
    429: "Too many requests; Retry-After says when",
    500: "An error that should not be",
    503: "Database or object store do not answer, or the query took too long",
}


def _problems(*statuses: int) -> dict[int | str, Json]:
    return {s: {"description": _WORDS[s], "content": _PROBLEM_REF} for s in statuses}


PROBLEMS: Final = _problems(400, 404, 422, 429, 500, 503)


def bytes_of(media_type: str) -> dict[int | str, Json]:
    """Responses of a route that answers with bytes."""
    binary = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    described: Json = {"description": "The bytes", "content": binary}
    part: Json = {"description": "The range that was asked for", "content": binary}
    if media_type not in _RANGED:
        return {200: described, 304: {"description": "Not modified"}}
    return {200: described, 206: part, 304: {"description": "Not modified"}, **_problems(416)}


def list_responses() -> dict[int | str, Json]:
    """What a list of alerts answers beside JSON."""
    written = {name: known for name, known in FORMATS.items() if known.writer is not None}
    content: Json = {
        known.media_type.partition(";")[0]: {
            "schema": {"type": "string"} | ({"format": "binary"} if known.squeezed else {})
        }
        for known in written.values()
    }
    headers: Json = {
        name: {"description": words, "schema": {"type": "string"}}
        for name, words in _LIST_HEADERS.items()
    }
    return {
        200: {"description": "The alerts", "content": content, "headers": headers},
        304: {"description": "Not modified"},
    }


_LIST_HEADERS: Final = {
    "Link": "address of the next page, rel=next",
    "X-As-Of": "number of the batch up to which the archive was seen; not with JSON",
    "X-Truncated": "whether more matched, true or false; not with JSON, nor beyond 1,000 alerts",
    "X-Next-Cursor": "cursor of what follows; where X-Truncated is true",
}


def counted(responses: dict[int | str, Json]) -> dict[int | str, Json]:
    """The same, of a route that answers for the newest of an object's alerts."""
    headers = {
        "X-Alerts-Shown": _header("Alerts in the answer, the newest of the object's."),
        "X-Alerts-Total": _header("Alerts of the object."),
    }
    bodies = (200, 206)
    return {s: r | ({"headers": headers} if s in bodies else {}) for s, r in responses.items()}


def _header(description: str) -> Json:
    return {"description": description, "schema": {"type": "integer"}}


_RANGED: Final = ("application/avro", "application/gzip", "image/png")


def _path(description: str, pattern: str, example: str) -> Any:
    """A path's parameter as text: what does not fit the pattern names nothing: a 404."""
    extra: Json = {"pattern": pattern} if pattern else {}
    examples: Any = {"one": {"value": example}}
    return Path(description=description, json_schema_extra=extra, openapi_examples=examples)


CandidPath = Annotated[
    str, _path("candidate id of the alert", "^[0-9]{1,19}$", "1612255840315010001")
]
ObjectPath = Annotated[str, _path("name of the object", "^.{1,64}$", "ZTF18aagtxth")]
NightPath = Annotated[str, _path("the night, YYYYMMDD in UTC", "^[0-9]{8}$", "20261123")]
StampPath = Annotated[Stamp, _path("which of the three cutouts", "", Stamp.SCIENCE)]

_SCHEMAS: Final[dict[str, Json]] = {
    "number": {"type": "number"},
    "integer": {"type": "integer", "format": "int64"},
    "string": {"type": "string", "maxLength": 200},
    "boolean": {"type": "boolean"},
    "id": {"type": "string", "pattern": r"^-?[0-9]{1,19}(,-?[0-9]{1,19})*$"},
    "time": {"type": "string"},
    "band": {"type": "string", "enum": list(FILTER_OF_FID.values())},
}
_SHOWN: Final = "1612255840315010001"
# Examples stand in the schemas: Swagger UI fills a parameter's own one into its form, and forty
# filled in at once find nothing.
_PAGE: Final[tuple[Json, ...]] = (
    {
        "name": "cone",
        "description": "Alerts closer than a radius to a position: `ra,dec,radius` in degrees, at "
        "most 10; the radius may end in `d`, `'` or `\"`.",
        "schema": {"type": "string", "maxLength": 200, "examples": ['0.8143,16.1457,2"']},
    },
    {
        "name": "where",
        "description": "Any filter of the vocabulary, `<field>__<operator>:<value>`; operators are "
        "gt, gte, lt, lte, in (comma-separated) and isnull (true or false), and none for equality.",
        "schema": {
            "type": "array",
            "items": {"type": "string"},
            "maxItems": 64,
            "examples": [["chipsf__lt:5", "ssnamenr__isnull:true"]],
        },
    },
    {
        "name": "sort",
        "description": "Field to sort by, `-` in front for descending. By a field other than jd, "
        "time, candid, object_id or lco_id only with a cone, an object, a list of candids or at "
        "most 7 days.",
        "schema": {"type": "string", "default": "-jd", "examples": ["-jd"]},
    },
    {
        "name": "limit",
        "description": f"Alerts in one answer; at most {MAX_LIMIT} as JSON, {MAX_EXPORT} in any "
        "other format.",
        "schema": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_EXPORT,
            "default": DEFAULT_LIMIT,
        },
        "example": 10,
    },
    {
        "name": "format",
        "description": "Format of the answer; it beats Accept. Other formats than JSON come as a "
        "file; beyond 1,000 alerts as a stream. What broke off is never whole: the transfer ends "
        "with an error, a VOTable lacks its end, a Parquet file its footer, CSV and JSON Lines "
        "their last line end. One that `limit` cut says so: in X-Truncated and X-Next-Cursor, in "
        "a VOTable's INFO and a Parquet file's metadata, and beyond 1,000 alerts in a last line "
        "of CSV (it begins with #) or JSON Lines. Go on with the cursor, or with `after`.",
        "schema": {"type": "string", "enum": list(FORMATS), "default": JSON, "examples": ["csv"]},
    },
    {
        "name": "fields",
        "description": "The keys of each alert, in this order, comma-separated; /api/v1/fields "
        "lists them. Without it all; csv, votable and parquet then leave out `links`.",
        "schema": {"type": "string", "examples": ["candid,object_id,jd,ra,dec,magpsf,links"]},
    },
    {
        "name": "cursor",
        "description": "`next` of the answer before, with the same search.",
        "schema": {"type": "string", "maxLength": 600},
    },
    {
        "name": "after",
        "description": "A candid: the answer begins behind this alert, in the order of the search. "
        "To go on with an export that broke off: the last candid that came whole, and `as_of` "
        "(X-As-Of) of the answer, so that no alert is missed or had twice.",
        "schema": {"type": "string", "pattern": "^[0-9]{1,19}$", "examples": [_SHOWN]},
    },
    {
        "name": "as_of",
        "description": "Batch number: the archive as it was after it. Every answer says its own.",
        "schema": {"type": "integer", "format": "int64", "minimum": 0, "examples": [1]},
    },
)


def _named(name: str) -> Json:
    field, operator = wanted = FILTERS[name]
    unit = f" [{field.unit}]" if field.unit else ""
    listed = ", or a comma-separated list" if "," in _SCHEMAS[field.kind].get("pattern", "") else ""
    return {
        "name": name,
        "description": f"{field.meaning}{unit}: {OPERATORS[operator].words}{listed}",
        "schema": _SCHEMAS[field.kind] | {"examples": [_example(wanted)]},
    }


def _example(wanted: Filter) -> Any:
    text, kind = wanted.field.example, wanted.field.kind
    if kind == "number":
        return float(text)
    return {"integer": lambda: int(text), "boolean": lambda: text == "true"}.get(
        kind, lambda: text
    )()


def search_parameters() -> list[Json]:
    """The query parameters of a search, as openapi.json lists them."""
    page = [parameter | {"in": "query", "required": False} for parameter in _PAGE]
    return [*page, *(_named(name) | {"in": "query", "required": False} for name in NAMED)]


def describe(app: FastAPI) -> Json:
    """The document, in a canonical order."""
    document: Json = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version="3.1.0",
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    # The error table answers with it, so no route returns it and FastAPI does not see it.
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = document["components"]["schemas"]
    schemas |= problem.pop("$defs", {}) | {Problem.__name__: problem}
    _strip(document)
    return document


def _strip(node: Any) -> None:
    """Take out what generators stumble over: `itemSchema` is a word of OpenAPI 3.2."""
    if isinstance(node, dict):
        node.pop("itemSchema", None)
        for child in node.values():
            _strip(child)
    elif isinstance(node, list):
        for child in node:
            _strip(child)


def canonical(document: Json) -> str:
    """The text of openapi.json."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(document, option=options).decode()


def main() -> None:
    """Print openapi.json."""
    from app.main import create_app  # noqa: PLC0415 - main imports the routes, which import this

    sys.stdout.write(canonical(create_app().openapi()))


if __name__ == "__main__":
    main()
