"""What openapi.json says of regions."""

from typing import Any, Final

from app.openapi.described import bytes_responses
from app.openapi.match import REFUSED_BODIES
from app.regions.reading import DEFAULT_LEVEL, MAX_BYTES, MAX_CELLS, MAX_RANGES
from app.regions.writing import SPELLINGS

Json = dict[str, Any]
_LEVEL: Final[Json] = {
    "type": "number",
    "exclusiveMinimum": 0,
    "exclusiveMaximum": 1,
    "default": DEFAULT_LEVEL,
    "examples": [0.5],
}
_WORDS: Final = "Probability that the region of a skymap holds; of a MOC nothing is cut."
LEVEL_PARAMETER: Final[Json] = {
    "name": "credible_level",
    "in": "query",
    "required": False,
    "description": _WORDS,
    "schema": _LEVEL,
}
_BYTES: Final[Json] = {"type": "string", "format": "binary"}
_CELLS: Final[Json] = {
    "type": "object",
    "description": "cells by their order",
    "additionalProperties": {"type": "array", "items": {"type": "integer"}},
}
_TEXT: Final[Json] = {"type": "string", "description": "a MOC as text or JSON"}
FORM: Final = "RegionForm"
FORM_SCHEMA: Final[Json] = {
    "type": "object",
    "title": FORM,
    "description": "A region, in a form.",
    "properties": {
        "file": _BYTES | {"description": "a MOC or a skymap"},
        "moc": _TEXT,
        "credible_level": _LEVEL | {"description": _WORDS},
    },
    "additionalProperties": False,
}


def region_body() -> Json:
    """The body of POST /api/v1/regions."""
    return {
        "description": f"A MOC or a multi-order skymap, {MAX_BYTES:,} bytes and {MAX_RANGES:,} "
        f"ranges of cells at most (as text or JSON {MAX_CELLS:,} cells): as it is, or in a form as "
        "`file` or, as text, as `moc`.",
        "required": True,
        "content": {
            "text/plain": {"schema": {"type": "string"}, "example": "6/21000-21003 7/84020"},
            "application/json": {
                "schema": _CELLS,
                "example": {"6": [21000, 21001], "7": [84020]},
            },
            "application/fits": {"schema": _BYTES},
            "multipart/form-data": {"schema": {"$ref": f"#/components/schemas/{FORM}"}},
        },
    }


def region_responses() -> dict[int | str, Json]:
    """Where the answer leads, and how a body is refused."""
    links: Json = {
        "Region": {"operationId": "get_region", "parameters": {"region": "$response.body#/id"}},
        "Alerts": {"operationId": "list_alerts", "parameters": {"region": "$response.body#/id"}},
    }
    return {201: {"description": "The region", "links": links}, **REFUSED_BODIES}


def moc_responses() -> dict[int | str, Json]:
    """The MOC of a region in each of its spellings."""
    told = bytes_responses(*(known.media_type for known in SPELLINGS.values()))
    told[200]["content"]["application/json"] = {"schema": _CELLS}
    return told
