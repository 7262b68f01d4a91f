"""The page of statistics."""

import asyncio

from fastapi import APIRouter, Depends, Request, Response

from app.alerts.asking.as_of import settle_as_of
from app.errors import ColumnsUnavailable, NoCatalog, reason_of
from app.pages.html import render
from app.pages.plots.statisticsplot import draw_statistics
from app.routes.dependencies import ArchiveDependency, OverviewDependency, no_parameters
from app.statistics.growth import read_growth

router = APIRouter(include_in_schema=False)


@router.get("/statistics/", dependencies=[Depends(no_parameters)])
async def get_statistics_page(
    request: Request, archive: ArchiveDependency, overview: OverviewDependency
) -> Response:
    """The whole archive in pictures; without a catalog what the ledger knows by itself."""
    try:
        statistics = await overview.present()
        shown = await asyncio.to_thread(draw_statistics, statistics, statistics.growth, None)
    except (NoCatalog, ColumnsUnavailable) as error:
        growth = await read_growth(archive, await settle_as_of(archive, None))
        shown = draw_statistics(None, growth, reason_of(error))
    return render(request, "statistics.html", **shown)
