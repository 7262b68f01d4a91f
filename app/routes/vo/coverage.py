"""The coverage of the archive as a MOC."""

from typing import Final

from fastapi import APIRouter, Request, Response

from app.answers.negotiation import send_bytes
from app.errors import BadQuery
from app.regions.writing import SPELLINGS, MocSuffix
from app.routes.dependencies import OverviewDependency
from app.vo.coverage import coverage_of
from app.vo.parameters import named

router = APIRouter(prefix="/vo/moc", include_in_schema=False)
_FORMATS: Final = {"fits": MocSuffix.FITS, "json": MocSuffix.JSON, "ascii": MocSuffix.TEXT}


@router.get("")
async def get_coverage(request: Request, overview: OverviewDependency) -> Response:
    """The cells with an alert, of those that the columnar copy has counted.

    FORMAT may be fits, json or ascii. Raises BadQuery, and what Overview.present raises.
    """
    wanted = named(request.query_params.multi_items()).get("FORMAT", "fits")
    if wanted.lower() not in _FORMATS:
        raise BadQuery(f"FORMAT must be {', '.join(_FORMATS)}, not {wanted[:40]!r}")
    suffix = _FORMATS[wanted.lower()]
    sky = (await overview.present()).sky
    covered = tuple(pixel for pixel, count in enumerate(sky.counts) if count)
    spelling = SPELLINGS[suffix]
    name = f'attachment; filename="mars-coverage.{suffix}"'
    told = {"Content-Disposition": name, "Cache-Control": "public, max-age=60"}
    content = spelling.write(coverage_of(sky.order, covered))
    return send_bytes(request, content, spelling.media_type, told)
