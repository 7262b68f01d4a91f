"""Names: their positions, and the redirect of the search box."""

from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response

from app.addresses import object_address
from app.alerts.models import Place
from app.answers.bodies import send_json
from app.names.catalogue import CREDIT
from app.names.designations import Kind
from app.names.resolver import read_name, resolve, resolve_reading, tell_number
from app.openapi.described import PROBLEMS
from app.pages.html import redirect
from app.routes.dependencies import NamesDependency, allow_only, no_repeats
from app.search.sphere import round_longitude
from app.search.values import MAX_TEXT

router = APIRouter()

_NAME: Final = Query(
    description="Coordinates (`10.68 41.27`, `00:42:44.3 +41:16:09`, `J004244.3+411609`), an "
    "object id, a candid, an lco_id, a Messier, NGC or IC number, or any name that SIMBAD, NED or "
    "VizieR knows; `r=` and a radius may follow.",
    min_length=1,
    max_length=MAX_TEXT,
    openapi_examples={"galaxy": {"value": "m101"}},
)


@router.get(
    "/api/v1/resolve",
    response_model=Place,
    response_description=f"The place. ({CREDIT}.)",
    tags=["names"],
    responses=PROBLEMS,
    dependencies=[Depends(allow_only("name")), Depends(no_repeats)],
)
async def resolve_name(
    request: Request, names: NamesDependency, name: Annotated[str, _NAME]
) -> Response:
    """The position of a name.

    The position of an object id is the mean of its alerts. A solar-system body has no fixed
    position: the answer is a 404 that says how to find its alerts.
    """
    place = await resolve(names, name)
    return send_json(request, place._asdict())


@router.get("/search", include_in_schema=False, dependencies=[Depends(allow_only("q"))])
async def search_box(request: Request, names: NamesDependency, q: str = "") -> Response:
    """Redirect to the page of the typed text: an alert, an object, or a list of alerts."""
    headers = {"Cache-Control": "no-store"}
    return redirect(request, await _page(names, q), HTTPStatus.SEE_OTHER, headers)


async def _page(names: NamesDependency, typed: str) -> str:
    """The path and query of that page."""
    if not typed.strip():
        return "/"
    reading = read_name("q", typed)
    if reading.kind is Kind.OBJECT:
        return object_address(reading.text)
    number = reading.kind is Kind.LCO_ID
    kind = await tell_number(names, reading.text) if number else reading.kind
    if kind in (Kind.CANDID, Kind.LCO_ID):
        return f"/{reading.text}/"
    if kind is Kind.BODY:
        return "/?" + urlencode({"ssnamenr": reading.text})
    place = await resolve_reading(names, reading)
    cone = f"{round_longitude(place.ra, 7)},{round(place.dec, 7)},{place.radius:.6g}"
    return "/?" + urlencode({"cone": cone}, safe=",")
