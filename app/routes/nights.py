"""The ledger, night by night."""

from datetime import datetime

from fastapi import APIRouter, Depends, Request, Response

from app import queries
from app.answers import send_json
from app.dependencies import ArchiveDependency, no_parameters
from app.errors import NotFound
from app.formats import night_items
from app.models import Night, NightList
from app.openapi import PROBLEMS, NightPath

router = APIRouter(
    prefix="/api/v1/nights",
    tags=["nights"],
    responses=PROBLEMS,
    dependencies=[Depends(no_parameters)],
)


@router.get("", response_model=NightList)
async def list_nights(request: Request, archive: ArchiveDependency) -> Response:
    """What came of every packet, night by night and topic by topic, newest first."""
    rows = await queries.nights(archive)
    return send_json(request, {"items": night_items(rows, queries.OUTCOMES)})


@router.get("/{night}", response_model=Night)
async def get_night(request: Request, night: NightPath, archive: ArchiveDependency) -> Response:
    """What came of every packet of one night in UTC: YYYYMMDD, or YYYY-MM-DD as the list has it."""
    missing = NotFound(f"the ledger has no night {night[:16]!r}")
    try:
        # strptime alone takes months and days of one digit.
        day = datetime.strptime(night, "%Y-%m-%d" if "-" in night else "%Y%m%d").date()
    except ValueError:
        raise missing from None
    if night.replace("-", "") != f"{day:%Y%m%d}" or not (
        rows := await queries.nights(archive, day)
    ):
        raise missing
    (item,) = night_items(rows, queries.OUTCOMES)
    return send_json(request, item)
