"""What routes tell openapi.json about themselves: paths, and answers besides the model."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import Path

from app.alerts.models import Stamp
from app.answers.formats import FORMATS
from app.nights.days import DAY
from app.problems import PROBLEM
from app.search.examples import JOB, NIGHT, OF_FIELD
from app.search.regions import REGION

Json = dict[str, Any]
_PROBLEM_REF: Final[Json] = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_WORDS: Final = {
    400: "The request cannot be read",
    401: "The operator's token is not known, or has been revoked",
    403: "The secret is missing, or is not the right one",
    404: "Not found; the body says what",
    408: "The body did not arrive in time",
    413: "The body is too large",
    415: "Unsupported Content-Type; the body lists the supported ones",
    416: "The range is beyond the end of the file",
    422: "A parameter is unknown, malformed or out of bounds; the body names it",
    429: "Too many requests; Retry-After says when",
    500: "Internal error; it has been logged",
    503: "The database or the object store does not respond, or the query took too long",
}


def problem_responses(*statuses: int) -> dict[int | str, Json]:
    """Responses that are problem documents."""
    return {s: {"description": _WORDS[s], "content": _PROBLEM_REF} for s in statuses}


PROBLEMS: Final = problem_responses(400, 404, 422, 429, 500, 503)


def bytes_responses(*media_types: str) -> dict[int | str, Json]:
    """Responses of a route that answers with bytes, of one of these types."""
    bare = [media_type.partition(";")[0] for media_type in media_types]
    binary = {name: {"schema": {"type": "string", "format": "binary"}} for name in bare}
    described: Json = {"description": "The bytes", "content": binary}
    part: Json = {"description": "The range that was asked for", "content": binary}
    if not set(_RANGED) & binary.keys():
        return {200: described, 304: {"description": "Not modified"}}
    return {
        200: described,
        206: part,
        304: {"description": "Not modified"},
        **problem_responses(416),
    }


def list_responses(
    words: str = "The alerts", told: Sequence[str] | None = None
) -> dict[int | str, Json]:
    """What a list answers beside JSON; `told` are its headers, all of a list of alerts without."""
    written = {name: known for name, known in FORMATS.items() if known.writer is not None}
    content: Json = {
        known.media_type.partition(";")[0]: {
            "schema": {"type": "string"} | ({"format": "binary"} if known.squeezed else {})
        }
        for known in written.values()
    }
    headers: Json = {
        name: {"description": meaning, "schema": {"type": "string"}}
        for name, meaning in _LIST_HEADERS.items()
        if told is None or name in told
    }
    more: Json = {"headers": headers} if headers else {}
    return {
        200: {"description": words, "content": content, **more},
        304: {"description": "Not modified"},
    }


_LIST_HEADERS: Final = {
    "Link": "addresses of the next and the previous page, rel=next and rel=prev",
    "X-As-Of": "number of the batch up to which the archive was seen; not with JSON",
    "X-Truncated": "whether more matched, true or false; not with JSON, nor beyond 1,000 items",
    "X-Next-Cursor": "cursor of the next page; only if X-Truncated is true",
    "X-Cone": "position of `name`, as `ra,dec,radius` for `cone`; only with `name`",
    "X-Count": "number of alerts that match; only with `count`, and not with JSON",
    "X-Count-Kind": "how certain X-Count is: exact, estimate or at least",
}


def with_alert_counts(responses: dict[int | str, Json]) -> dict[int | str, Json]:
    """The same, of a route that answers for the newest of an object's alerts."""
    headers = {
        "X-Alerts-Shown": _header("Number of alerts in the answer, the newest of the object."),
        "X-Alerts-Total": _header("Number of alerts of the object."),
    }
    bodies = (200, 206)
    return {s: r | ({"headers": headers} if s in bodies else {}) for s, r in responses.items()}


def _header(description: str) -> Json:
    return {"description": description, "schema": {"type": "integer"}}


_RANGED: Final = (
    "application/avro",
    "application/fits",
    "application/gzip",
    "image/png",
    FORMATS["parquet"].media_type,
)


def path_parameter(description: str, pattern: str, example: str) -> Any:
    """A parameter of a path, as text; one that does not fit the pattern is answered with 404."""
    extra: Json = {"pattern": pattern} if pattern else {}
    examples: Any = {"one": {"value": example}}
    return Path(description=description, json_schema_extra=extra, openapi_examples=examples)


CandidPath = Annotated[
    str, path_parameter("candidate id of the alert", "^-?[0-9]{1,19}$", OF_FIELD["candid"])
]
ObjectPath = Annotated[
    str, path_parameter("name of the object", "^.{1,64}$", OF_FIELD["object_id"])
]
NightPath = Annotated[
    str,
    path_parameter(
        "the night in UTC: YYYYMMDD, or YYYY-MM-DD as the list has it",
        f"^({DAY})$",
        NIGHT,
    ),
]
StampPath = Annotated[Stamp, path_parameter("which of the three cutouts", "", Stamp.SCIENCE)]
RegionPath = Annotated[
    str,
    path_parameter("`id` of the answer to POST /api/v1/regions", f"^{REGION}$", JOB),
]
JobPath = Annotated[
    str,
    path_parameter(
        "`id` of the answer to POST /api/v1/match/jobs or POST /api/v1/search/jobs",
        "^[A-Za-z0-9_-]{32}$",
        JOB,
    ),
]
WatchPath = Annotated[str, path_parameter("`id` of the watch", "^[A-Za-z0-9_-]{32}$", JOB)]
