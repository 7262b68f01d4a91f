"""The statistics of the whole archive, in the typed API."""

from typing import Final

from fastapi import APIRouter, Depends, Request, Response

from app.answers.bodies import send_json
from app.openapi.described import PROBLEMS
from app.routes.dependencies import OverviewDependency, no_parameters
from app.statistics.models import Statistics

_NONE_YET: Final = "There is no columnar catalog, or it is being counted for the first time"
router = APIRouter(
    prefix="/api/v1/statistics",
    tags=["statistics"],
    responses={**PROBLEMS, 503: {**PROBLEMS[503], "description": _NONE_YET}},
)


@router.get("", response_model=Statistics, dependencies=[Depends(no_parameters)])
async def get_statistics(request: Request, overview: OverviewDependency) -> Response:
    """The whole archive in numbers: nights, magnitudes, scores, the sky, objects, bodies, growth.

    Everything is counted exactly, in the columnar catalog, up to its last batch `as_of`; JSON only.
    The numbers change when the catalog does; while a new one is counted, they are those of the one
    before. Without a catalog the answer is 503.
    """
    statistics = await overview.present()
    return send_json(request, statistics.model_dump(mode="json"))
