"""Regions of the sky: sent here, and told; lists take them as `region`."""

from functools import partial
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from app.answers.bodies import send_json
from app.answers.negotiation import send_bytes
from app.incoming import read_in_turn
from app.openapi.described import PROBLEMS, RegionPath, path_parameter, problem_responses
from app.openapi.regions import LEVEL_PARAMETER, moc_responses, region_body, region_responses
from app.regions.models import KeptRegion, NewRegion, describe_region
from app.regions.reading import read_region
from app.regions.writing import SPELLINGS, MocSuffix
from app.routes.api.region_forms import Sent, read_sent
from app.routes.dependencies import (
    ArchiveDependency,
    ClientDependency,
    RegionsDependency,
    SettingsDependency,
    no_parameters,
    secret_of,
)

router = APIRouter(prefix="/api/v1/regions", tags=["regions"], responses=PROBLEMS)
ALONE: Final = [Depends(no_parameters)]
_FRESH: Final = {"Cache-Control": "no-store"}
EndingPath = Annotated[MocSuffix, path_parameter("how the file of the MOC ends", "", "fits")]


@router.post(
    "",
    response_model=NewRegion,
    status_code=HTTPStatus.CREATED,
    responses=region_responses(),
    openapi_extra={"parameters": [LEVEL_PARAMETER], "requestBody": region_body()},
)
async def create_region(
    *,
    request: Request,
    sent: Annotated[Sent, Depends(read_sent())],
    client: ClientDependency,
    archive: ArchiveDependency,
    regions: RegionsDependency,
    settings: SettingsDependency,
) -> Response:
    """Keep a region of the sky, to search with it: `region=<id>` on lists and search jobs.

    The body is a MOC, as text, JSON or FITS, or a multi-order skymap of a gravitational-wave event
    as FITS, from which the smallest region with the probability `credible_level` is taken. It may
    be sent as it is or as a part of a form. The answer holds, this once, the secret with which the
    region is deleted; its `id` is all that is needed to use it.
    """
    read = await read_in_turn(partial(read_region, level=sent.level), sent.data)
    row, secret = await regions.add(archive, client, read)
    told = describe_region(row, read.moc, settings.public_url) | {"secret": secret}
    answer = send_json(request, told, _FRESH)
    answer.status_code = HTTPStatus.CREATED
    answer.headers["Location"] = told["links"]["self"]
    return answer


@router.get("/{region}", response_model=KeptRegion, dependencies=ALONE)
async def get_region(
    request: Request, region: RegionPath, regions: RegionsDependency, settings: SettingsDependency
) -> Response:
    """A region that was sent before: its size, and for how long it is kept."""
    row, moc = await regions.read(region)
    return send_json(request, describe_region(row, moc, settings.public_url), _FRESH)


@router.delete(
    "/{region}",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=ALONE,
    responses=problem_responses(403),
)
async def delete_region(
    request: Request, region: RegionPath, regions: RegionsDependency
) -> Response:
    """Delete a region; its secret stands in `Authorization: Bearer`.

    Some seconds later searches with it find no region any more, and a watch in it finds no further
    alerts.
    """
    await regions.remove(region, secret_of(request))
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.get(
    "/{region}/moc.{ending}",
    response_class=Response,
    responses=moc_responses(),
    dependencies=ALONE,
)
async def get_region_moc(
    request: Request, region: RegionPath, ending: EndingPath, regions: RegionsDependency
) -> Response:
    """The MOC of a region, in each of its spellings."""
    _, moc = await regions.read(region)
    spelling = SPELLINGS[ending]
    name = f'attachment; filename="region.{ending}"'
    return send_bytes(
        request, spelling.write(moc), spelling.media_type, _FRESH | {"Content-Disposition": name}
    )
