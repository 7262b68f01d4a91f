"""The nights of the typed API: the ledger, and what was seen of which field."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from app.alerts.asking.as_of import settle_as_of
from app.alerts.output.exports import send_alerts
from app.answers.bodies import next_link, send_json
from app.answers.formats import FORMATS
from app.answers.lists import send_list
from app.errors import NotFound
from app.nights import days
from app.nights.fieldcounts import table_of
from app.nights.models import FieldCountList, Night, NightList
from app.nights.options import CountsOptions, NightAlerts, NightsOptions
from app.openapi.described import PROBLEMS, NightPath, bytes_responses, list_responses
from app.routes.dependencies import (
    ArchiveDependency,
    LedgerDependency,
    NightCountsDependency,
    SettingsDependency,
    no_parameters,
    no_repeats,
)

router = APIRouter(prefix="/api/v1/nights", tags=["nights"], responses=PROBLEMS)


@router.get(
    "",
    response_model=NightList,
    responses=list_responses("The nights", ("Link", "X-Truncated", "X-Next-Cursor")),
    dependencies=[Depends(no_repeats)],
)
async def list_nights(
    request: Request,
    options: Annotated[NightsOptions, Query()],
    archive: ArchiveDependency,
    ledger: LedgerDependency,
    settings: SettingsDependency,
) -> Response:
    """What became of every packet, by night and topic, newest first.

    A packet's night is taken from the name of its topic or tarball; for other files it is the UTC
    day on which they were ingested. In CSV, VOTable and Parquet a row is one topic of one night.
    """
    page = await ledger.listed(archive, options.before, options.limit)
    body: dict[str, Any] = {
        "items": page.items,
        "next": page.next,
        "truncated": page.next is not None,
    }
    return send_list(
        request,
        options.format,
        days.NIGHTS_TABLE,
        body,
        rows=days.read_topics(page.items),
        headers=next_link(request, settings.public_url, "before", page.next),
    )


@router.get("/{night}", response_model=Night, dependencies=[Depends(no_parameters)])
async def get_night(
    request: Request, night: NightPath, archive: ArchiveDependency, ledger: LedgerDependency
) -> Response:
    """What became of every packet of one night in UTC: YYYYMMDD, or YYYY-MM-DD as in the list."""
    day = days.read_night(night)
    if (item := await ledger.one(archive, day)) is None:
        raise NotFound(f"the ledger has no night {night!r}")
    return send_json(request, item)


@router.get(
    "/{night}/alerts.parquet",
    response_class=Response,
    responses=bytes_responses(FORMATS["parquet"].media_type),
    dependencies=[Depends(no_repeats)],
)
async def get_night_alerts(
    request: Request,
    night: NightPath,
    options: Annotated[NightAlerts, Query()],
    archive: ArchiveDependency,
) -> Response:
    """All alerts of a night with all columns, however many, newest first, as one Parquet file.

    A night is the UTC day of `jd`, as in `fields`.
    """
    day = days.read_night(night)
    answer = await send_alerts(request, archive, days.search_night(day, options.as_of), {})
    name = f"ztf-{days.compact_date(day)}.parquet"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@router.get(
    "/{night}/fields",
    response_model=FieldCountList,
    responses=list_responses("The fields", ("X-As-Of", "X-Truncated")),
    dependencies=[Depends(no_repeats)],
)
async def list_night_fields(
    *,
    request: Request,
    night: NightPath,
    options: Annotated[CountsOptions, Query()],
    archive: ArchiveDependency,
    ledger: LedgerDependency,
    counts: NightCountsDependency,
) -> Response:
    """The alerts of a night by field and filter: numbers, exposures, depth, position.

    Here a night is the UTC day of `jd`, 0h to 0h, independent of the name of the topic: a search
    with `time__gte` and `time__lt` of that day, `filter` and `where=field:…` finds the same alerts.
    In the ledger a night is taken from the name of the topic.
    """
    day = days.read_night(night)
    as_of = await settle_as_of(archive, options.as_of)
    counted = await counts.of(archive, day, as_of)
    if not counted.items and await ledger.one(archive, day) is None:
        raise NotFound(f"no alerts from {day}, and no night {night!r} in the ledger")
    body: dict[str, Any] = {
        "night": day.isoformat(),
        "alerts": counted.alerts,
        "exposures": sum(item["exposures"] for item in counted.items),
        "items": counted.items,
        "as_of": as_of,
    }
    return send_list(request, options.format, table_of(day), body)
