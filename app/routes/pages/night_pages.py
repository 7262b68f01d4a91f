"""The pages of the ledger and of a night."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from app.alerts.asking.as_of import settle_as_of
from app.errors import NotFound
from app.nights import days
from app.nights.options import NightsShown
from app.pages.html import PLOTTED, render
from app.pages.plots import nightplot
from app.routes.dependencies import (
    ArchiveDependency,
    LedgerDependency,
    NightCountsDependency,
    no_parameters,
    no_repeats,
)

router = APIRouter(include_in_schema=False)


@router.get("/nights/", dependencies=[Depends(no_repeats)])
async def get_nights_page(
    request: Request,
    options: Annotated[NightsShown, Query()],
    archive: ArchiveDependency,
    ledger: LedgerDependency,
) -> Response:
    """The nights of the ledger, newest first."""
    page = await ledger.listed(archive, options.before, options.limit)
    return render(
        request,
        "nights.html",
        items=page.items,
        next=page.next,
        before=options.before,
        limit=options.limit,
        outcomes=days.OUTCOMES,
    )


@router.get("/nights/{night}/", dependencies=[Depends(no_parameters)])
async def get_night_page(
    request: Request,
    night: str,
    archive: ArchiveDependency,
    ledger: LedgerDependency,
    counts: NightCountsDependency,
) -> Response:
    """A night: the outcome of its packets, its alerts over time and on the sky."""
    day = days.read_night(night)
    packets = await ledger.one(archive, day)
    counted = await counts.of(archive, day, await settle_as_of(archive, None))
    if packets is None and not counted.items:
        raise NotFound(f"no alerts from {day}, and no such night in the ledger")
    earlier, later = await days.read_neighbours(archive, day)
    return render(
        request,
        "night.html",
        policy=PLOTTED,
        night=days.compact_date(day),
        day=day,
        ledger=packets,
        outcomes=days.OUTCOMES,
        earlier=earlier,
        later=later,
        counted=counted,
        **nightplot.draw_night(day, counted),
    )
