"""The document openapi.json, with what FastAPI cannot know of it."""

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.answers.models import Problem
from app.match.models import MatchRequest
from app.openapi.described import Json
from app.openapi.generators import prepare_for_generators
from app.openapi.headers import add_headers
from app.openapi.regions import FORM, FORM_SCHEMA
from app.openapi.search_jobs import QUERY, query_schema
from app.openapi.webhooks import ADDRESSED, ADDRESSED_SCHEMA, WANTED, WANTED_SCHEMA


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
    if base := app.state.settings.base_path:
        document["servers"] = [{"url": base}]
    # FastAPI does not see them: the error table answers with the one, the other is read by hand.
    schemas = document["components"]["schemas"]
    for unseen in (Problem, MatchRequest):
        schema = unseen.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {}) | {unseen.__name__: schema}
    schemas |= {QUERY: query_schema(), FORM: FORM_SCHEMA, WANTED: WANTED_SCHEMA}
    schemas |= {ADDRESSED: ADDRESSED_SCHEMA}
    add_headers(document)
    prepare_for_generators(document)
    return document


def canonical_text(document: Json) -> str:
    """The text of openapi.json."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(document, option=options).decode()
