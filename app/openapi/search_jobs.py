"""What openapi.json says of the query of a search job."""

from typing import Any, Final

from app.alerts.jobs import DEFAULT_FORMAT, FILES, NOT_OF_JOBS
from app.openapi.match import REFUSED_BODIES
from app.openapi.search import search_parameters
from app.search.bodies import FORM

Json = dict[str, Any]
QUERY: Final = "SearchQuery"
_EXAMPLE: Final[Json] = {"magpsf__lt": 18, "where": ["rb__gte:0.5"], "format": "parquet"}
_FORM_EXAMPLE: Final = "magpsf__lt=18&where=rb__gte:0.5&format=csv"
_OTHERWISE: Final[Json] = {
    "limit": {
        "type": "integer",
        "minimum": 1,
        "description": "Most alerts in the result; default, and at most, what this server allows "
        "(`cap` of the job).",
    },
    "format": {
        "type": "string",
        "enum": list(FILES),
        "default": DEFAULT_FORMAT,
        "description": "Format of the result.",
    },
}


def query_schema() -> Json:
    """The schema of a query as an object."""
    properties = {
        one["name"]: one["schema"] | {"description": one["description"]}
        for one in search_parameters()
        if one["name"] not in NOT_OF_JOBS
    }
    return {
        "type": "object",
        "title": QUERY,
        "description": "The parameters of GET /api/v1/alerts, by name; filters that are not "
        "listed here go into `where`. A list stands for values with commas between them.",
        "properties": properties | _OTHERWISE,
        "additionalProperties": False,
        "examples": [_EXAMPLE],
    }


def query_body() -> Json:
    """The body of POST /api/v1/search/jobs."""
    schema = {"$ref": f"#/components/schemas/{QUERY}"}
    return {
        "description": "The query as a JSON object or a form; it may also stand in the address, as "
        "the query string of /api/v1/alerts does.",
        "required": False,
        "content": {
            "application/json": {"schema": schema},
            FORM: {"schema": schema, "example": _FORM_EXAMPLE},
        },
    }


def job_responses() -> dict[int | str, Json]:
    """What POST /api/v1/search/jobs answers: where its answer leads, and how a body is refused."""
    job = {"job": "$response.body#/id"}
    result = job | {"suffix": FILES[DEFAULT_FORMAT]}
    links: Json = {
        "Progress": {"operationId": "get_job", "parameters": job},
        "Result": {"operationId": "get_search_result", "parameters": result},
    }
    return {202: {"description": "The job", "links": links}, **REFUSED_BODIES}
