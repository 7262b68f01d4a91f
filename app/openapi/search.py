"""The query parameters of a search, as openapi.json lists them."""

from typing import Any, Final

from app.alerts.asking.counting import EXACT_S
from app.answers.formats import FORMATS
from app.objects.lists import MAX_OBJECTS
from app.search.examples import OF_FIELD
from app.search.filters import OPERATORS, Filter
from app.search.options import AS_OF_WORDS
from app.search.regions import MAX_ACROSS, MAX_VERTICES, RADIUS_FORM, REGION
from app.search.search import COUNTS, DEFAULT_LIMIT, MAX_EXPORT, MAX_LIMIT
from app.search.values import MOMENT, NUMBER
from app.search.vocabulary import FILTERS, NAMED
from archive.surveys.ztf.tables import FILTER_OF_FID

Json = dict[str, Any]


def of_form(form: str, most: int = 200) -> Json:
    """The schema of a text of some form; a blank one is absent, so it may be blank."""
    return {"type": "string", "maxLength": most, "pattern": f"^({form})?$"}


_SCHEMAS: Final[dict[str, Json]] = {
    "number": {"type": "number"},
    "integer": {"type": "integer", "format": "int64"},
    "string": {"type": "string", "maxLength": 200},
    "boolean": {"type": "boolean"},
    "id": {"type": "string", "pattern": "^(-?[0-9]{1,19}(,-?[0-9]{1,19})*)?$"},
    "time": of_form(MOMENT),
    "band": {"type": "string", "enum": list(FILTER_OF_FID.values())},
}
_SHOWN: Final = OF_FIELD["candid"]
_LIMIT: Final[Json] = {"type": "integer", "minimum": 1, "default": DEFAULT_LIMIT}


def _format_words(what: str) -> str:
    return (
        "Format of the answer; it overrides Accept. Formats other than JSON are sent as a file, "
        f"more than 1,000 {what} as a stream. A stream that breaks off is never a whole file: the "
        "transfer ends with an error, a VOTable has no end, a Parquet file no footer, CSV and JSON "
        "Lines no last line end. An answer that was cut by `limit` says so: in X-Truncated and "
        "X-Next-Cursor, in an INFO of a VOTable, in the metadata of a Parquet file, and with more "
        f"than 1,000 {what} in the last line of CSV (it begins with #; delete it for stilts and "
        "TOPCAT) or JSON Lines. Continue with the cursor"
    )


# Examples stand in the schemas: Swagger UI fills a parameter's own one into its form, and forty
# filled in at once find nothing.
_PAGE: Final[tuple[Json, ...]] = (
    {
        "name": "cone",
        "description": "Alerts closer than a radius to a position: `ra,dec,radius` in degrees, at "
        "most 10; the radius may end in `d`, `'` or `\"`.",
        "schema": of_form(f"{NUMBER},{NUMBER},{RADIUS_FORM}") | {"examples": ['0.8143,16.1457,2"']},
    },
    {
        "name": "polygon",
        "description": "Alerts within a polygon of great circles: `ra1,dec1,ra2,dec2,...` in "
        f"degrees, 3 to {MAX_VERTICES} vertices in either direction, at most {MAX_ACROSS:g} "
        "degrees across; its sides must not cross or touch. With `cone` as well: alerts in both.",
        "schema": of_form(f"{NUMBER},{NUMBER}(,{NUMBER},{NUMBER}){{2,{MAX_VERTICES}}}", 4000)
        | {"examples": ["0,16,2,16,2,17,0,17"]},
    },
    {
        "name": "region",
        "description": "Alerts in a region that was sent before: the `id` of an answer to POST "
        "/api/v1/regions. One of more than 4,000 square degrees needs a time range of at most 31 "
        "days. With a cone or polygon as well: alerts in both.",
        "schema": of_form(REGION),
    },
    {
        "name": "name",
        "description": "Alerts around a named object, as /api/v1/resolve finds it: `name,radius`, "
        "the radius as in `cone`; without a radius the resolver's. `place` and X-Cone give the "
        "position.",
        "schema": {"type": "string", "maxLength": 200, "examples": ["M31,0.5"]},
    },
    {
        "name": "where",
        "description": "Any filter on any field, as `<field>__<operator>:<value>`; operators are "
        "gt, gte, lt, lte, in (comma-separated) and isnull (true or false); `<field>:<value>` for "
        "equality.",
        "schema": {
            "type": "array",
            "items": {"type": "string", "pattern": "^([a-z0-9_]+:.+)?$"},
            "maxItems": 64,
            "examples": [["chipsf__lt:5", "ssnamenr__isnull:true"]],
        },
    },
    {
        "name": "sort",
        "description": "Field to sort by; `-` in front for descending. Fields other than jd, time, "
        "candid, object_id and lco_id are sorted by the columnar copy; while there is none they "
        "need a cone, a polygon, a small region, a name, an object, a list of candids or a time "
        "range of at most 7 days.",
        "schema": of_form("-?[a-z0-9_]+") | {"default": "-jd", "examples": ["-jd"]},
    },
    {
        "name": "limit",
        "description": f"Alerts in one answer; at most {MAX_LIMIT} as JSON, {MAX_EXPORT} in any "
        "other format.",
        "schema": _LIMIT | {"maximum": MAX_EXPORT},
        "example": 10,
    },
    {
        "name": "format",
        "description": f"{_format_words('alerts')}, or with `after`.",
        "schema": {"type": "string", "enum": list(FORMATS), "examples": ["csv"]},
    },
    {
        "name": "fields",
        "description": "The keys of each alert, in this order, comma-separated; /api/v1/fields "
        "lists them. Default: all; csv, votable and parquet then omit `links`.",
        "schema": {"type": "string", "examples": ["candid,object_id,jd,ra,dec,magpsf,links"]},
    },
    {
        "name": "cursor",
        "description": "`next` or `prev` of another answer, with the same search.",
        "schema": of_form("[A-Za-z0-9_-]+", 600),
    },
    {
        "name": "explain",
        "description": "Whether the answer says in `explain` by which way it was found, how many "
        "alerts had to be looked at, and what would be cheaper; JSON only.",
        "schema": {"type": "boolean", "default": False, "examples": [False]},
    },
    {
        "name": "count",
        "description": "How to count all alerts that match, for `count` in the answer: exact may "
        f"take {EXACT_S:g} s, and becomes an estimate after that; `count_kind` says which it is.",
        "schema": {"type": "string", "enum": list(COUNTS), "examples": ["exact"]},
    },
    {
        "name": "after",
        "description": "A candid: the answer begins after this alert, in the order of the search. "
        "To continue an export that broke off, give the last candid that arrived complete, and "
        "`as_of` (X-As-Of) of that answer, so that no alert is missed or repeated.",
        "schema": {"type": "string", "pattern": "^([0-9]{1,19})?$", "examples": [_SHOWN]},
    },
    {
        "name": "as_of",
        "description": AS_OF_WORDS,
        "schema": {"type": "integer", "format": "int64", "minimum": 0, "examples": [1]},
    },
)


def _named(name: str) -> Json:
    field, operator = wanted = FILTERS[name]
    unit = f" [{field.unit}]" if field.unit else ""
    listed = ", or a comma-separated list" if field.kind == "id" else ""
    bounds = dict(zip(("minimum", "maximum"), field.bounds or (), strict=False))
    return {
        "name": name,
        "description": f"{field.meaning}{unit}: {OPERATORS[operator].words}{listed}",
        "schema": _SCHEMAS[field.kind] | bounds | {"examples": [_example(wanted)]},
    }


def _example(wanted: Filter) -> Any:
    text, kind = wanted.example, wanted.field.kind
    if kind == "number":
        return float(text)
    return {"integer": lambda: int(text), "boolean": lambda: text == "true"}.get(
        kind, lambda: text
    )()


def search_parameters() -> list[Json]:
    """The query parameters of a search, as openapi.json lists them."""
    page = [parameter | {"in": "query", "required": False} for parameter in _PAGE]
    return [*page, *(_named(name) | {"in": "query", "required": False} for name in NAMED)]


_NOT_GROUPED: Final = ("sort", "fields", "explain", "count", "after")


def group_parameters() -> list[Json]:
    """The query parameters of a search whose matches are grouped by object."""
    limit: Json = {"description": f"Objects in one answer; at most {MAX_LIMIT}."}
    limit |= {"schema": _LIMIT | {"maximum": MAX_LIMIT}}
    cursor: Json = {"description": "`next` of another answer, with the same search."}
    otherwise = {"limit": limit, "cursor": cursor}
    found = [p for p in search_parameters() if p["name"] not in _NOT_GROUPED]
    return [p | otherwise.get(p["name"], {}) for p in found]


_OF_OBJECTS: Final = {
    "cone": "Objects with an alert closer than a radius to a position: `ra,dec,radius` in degrees, "
    "at most 10; the radius may end in `d`, `'` or `\"`.",
    "limit": f"Objects in one answer; at most {MAX_LIMIT} as JSON, {MAX_OBJECTS} in any other "
    "format.",
    "cursor": "`next` or `prev` of another answer, with the same search.",
    "format": f"{_format_words('objects')}.",
    "fields": "The keys of each object, in this order, comma-separated. Default: all; csv, "
    "votable and parquet then omit `links`.",
    "as_of": AS_OF_WORDS,
    "ssnamenr": "Objects with an alert of this solar-system body: its designation as ZTF writes it "
    "(`433`, `2019AB1`) or as usual (`433 Eros`, `2019 AB1`, `67P/Churyumov-Gerasimenko`).",
}

_OTHERWISE: Final[dict[str, Json]] = {
    # Without a cone or a body there is no list, so Swagger UI's form begins with one.
    "cone": {"example": '0.8143,16.1457,2"'},
    "limit": {"schema": _LIMIT | {"maximum": MAX_OBJECTS}},
    "fields": {"schema": {"type": "string", "examples": ["object_id,alerts,ra,dec,links"]}},
}


def object_parameters() -> list[Json]:
    """The query parameters of a list of objects."""
    found = [p for p in search_parameters() if p["name"] in _OF_OBJECTS]
    described = [p | {"description": _OF_OBJECTS[p["name"]]} for p in found]
    return [p | _OTHERWISE.get(p["name"], {}) for p in described]
