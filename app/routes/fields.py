"""The dictionary."""

from fastapi import APIRouter, Depends, Request, Response

from app.answers import send_json
from app.dependencies import no_parameters
from app.dictionary import DICTIONARY
from app.models import Dictionary
from app.openapi import PROBLEMS

router = APIRouter(
    prefix="/api/v1/fields",
    tags=["fields"],
    responses=PROBLEMS,
    dependencies=[Depends(no_parameters)],
)


@router.get("", response_model=Dictionary)
async def list_fields(request: Request) -> Response:
    """Every field of an alert: type, unit, UCD, meaning, sentinel, and how it can be searched."""
    return send_json(request, {"items": DICTIONARY})
