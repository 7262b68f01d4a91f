"""What openapi.json says of batch matches."""

from typing import Any, Final

from app.answers.formats import FORMATS
from app.match.models import MatchRequest
from app.match.uploads import VOTABLE
from app.openapi.described import problem_responses
from app.openapi.search import of_form, search_parameters
from app.search.regions import RADIUS_FORM
from app.search.search import DEFAULT_LIMIT, MAX_LIMIT

Json = dict[str, Any]
_NOT_HERE: Final = (
    *("cone", "polygon", "region", "name", "sort", "cursor", "after", "count", "explain"),
)
_RADIUS: Final[Json] = {
    "name": "radius",
    "in": "query",
    "required": False,
    "description": "Radius for positions that have none: degrees, at most 10; it may end in `d`, "
    "`'` or `\"`.",
    "schema": of_form(RADIUS_FORM) | {"examples": ['1.5"']},
}
_LIMIT: Final[Json] = {
    "name": "limit",
    "in": "query",
    "required": False,
    "description": "Maximum number of alerts for each position, nearest first.",
    "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    "example": 10,
}
_CSV: Final = 'id,ra,dec,radius\nfirst,0.8143,16.1457,2"\nsecond,359.9,-1.5,0.001\n'
_VOTABLE: Final = (
    '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE>'
    '<FIELD name="id" datatype="char" arraysize="*"/><FIELD name="ra" datatype="double"/>'
    '<FIELD name="dec" datatype="double"/><FIELD name="radius" datatype="double" unit="arcsec"/>'
    "<DATA><TABLEDATA><TR><TD>first</TD><TD>0.8143</TD><TD>16.1457</TD><TD>2</TD></TR>"
    "</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
)


def match_parameters(*without: str) -> list[Json]:
    """The query parameters of a match: those of a search that make sense, and the radius."""
    of_search = [p for p in search_parameters() if p["name"] not in (*_NOT_HERE, *without)]
    return [_RADIUS, *(_LIMIT if p["name"] == "limit" else p for p in of_search)]


def match_body() -> Json:
    """The positions, in one of three spellings."""
    text: Json = {"type": "string"}
    return {
        "description": "The positions. A table needs columns `ra` and `dec`, by name or, in a "
        "VOTable (TABLEDATA), by UCD; columns `id` and `radius` are optional. The body may "
        "come with `Content-Encoding: gzip`.",
        "required": True,
        "content": {
            # Its example stands in the schema, or Java's generator warns that it leaves it out.
            "application/json": {
                "schema": {"$ref": f"#/components/schemas/{MatchRequest.__name__}"}
            },
            "text/csv": {"schema": text, "example": _CSV},
            VOTABLE: {"schema": text | {"format": "binary"}, "example": _VOTABLE},
        },
    }


def match_responses() -> dict[int | str, Json]:
    """What a match answers besides JSON, and how its body can be refused."""
    written = [known for known in FORMATS.values() if known.writer is not None]
    content: Json = {
        known.media_type.partition(";")[0]: {
            "schema": {"type": "string"} | ({"format": "binary"} if known.squeezed else {})
        }
        for known in written
    }
    as_of = {
        "description": "number of the batch up to which the archive was seen",
        "schema": _NUMBER,
    }
    told = {"description": "The matches", "content": content, "headers": {"X-As-Of": as_of}}
    return {200: told, **REFUSED_BODIES}


_NUMBER: Final[Json] = {"type": "integer"}
REFUSED_BODIES: Final = problem_responses(408, 413, 415)
