"""The dictionary."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from app.answers.lists import send_list
from app.answers.options import ListOptions
from app.openapi.described import PROBLEMS, list_responses
from app.routes.dependencies import no_repeats
from app.search.dictionary import DICTIONARY, FIELDS_TABLE
from app.search.models import Dictionary

router = APIRouter(
    prefix="/api/v1/fields",
    tags=["fields"],
    responses=PROBLEMS,
    dependencies=[Depends(no_repeats)],
)


@router.get("", response_model=Dictionary, responses=list_responses("The fields", ("X-Truncated",)))
async def list_fields(request: Request, options: Annotated[ListOptions, Query()]) -> Response:
    """Every field of an alert: type, unit, UCD, meaning, sentinel, and how it can be searched.

    In tables the operators are joined by commas.
    """
    return send_list(request, options.format, FIELDS_TABLE, {"items": DICTIONARY})
