"""TAP's descriptions of itself: VOSI, and examples by DALI."""

from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from app.adql.told import FUNCTIONS
from app.answers.negotiation import send_bytes
from app.errors import DATABASE_ERRORS, BadQuery, NotFound, reason_of
from app.routes.dependencies import SettingsDependency, get_tap
from app.vo.documents import XML, render, votable_type
from app.vo.examples import EXAMPLES
from app.vo.parameters import DEFAULT_ROWS, MAX_ROWS
from app.vo.tables import BY_NAME, KEYS, SCHEMAS, TABLES
from app.vo.uploads import MAX_BYTES
from archive.errors import MarsError

router = APIRouter(prefix="/vo/tap", include_in_schema=False)
FEATURES: Final = {
    "adqlgeo": (
        "AREA BOX CENTROID CIRCLE CONTAINS COORD1 COORD2 COORDSYS DISTANCE INTERSECTS POINT "
        "POLYGON REGION"
    ).split(),
    "udf": FUNCTIONS,
    "adql-string": ["LOWER", "UPPER", "ILIKE"],
    "adql-offset": ["OFFSET"],
    "adql-common-table": ["WITH"],
    "adql-sets": ["UNION", "EXCEPT", "INTERSECT"],
    "adql-type": ["CAST"],
    "adql-unit": ["IN_UNIT"],
}


def _send(request: Request, text: str, media_type: str = XML) -> Response:
    return send_bytes(request, text.encode(), media_type, {"Cache-Control": "public, max-age=60"})


@router.get("/capabilities")
async def get_capabilities(request: Request, settings: SettingsDependency) -> Response:
    """What the service can do, and its limits."""
    told: dict[str, Any] = {
        "tap": f"{settings.public_url}/vo/tap",
        "features": FEATURES,
        "retention": round(settings.job_days * 86_400),
        "longest": round(settings.job_statement_timeout_s),
        "default_rows": DEFAULT_ROWS,
        "hard_rows": MAX_ROWS,
        "upload_bytes": MAX_BYTES,
    }
    return _send(request, render("capabilities", **told))


@router.get("/availability")
async def get_availability(request: Request) -> Response:
    """Whether the service answers queries now."""
    try:
        await get_tap(request)
        note = ""
    except (MarsError, *DATABASE_ERRORS) as error:
        note = reason_of(error)
    text = render("availability", available=not note, note=note)
    return Response(text, HTTPStatus.OK, {"Cache-Control": "no-store"}, XML)


@router.get("/tables")
async def get_tables(request: Request) -> Response:
    """All tables; with detail=min without their columns."""
    given = {name.lower(): value for name, value in request.query_params.multi_items()}
    if (detail := given.get("detail", "max").lower()) not in ("min", "max"):
        raise BadQuery("detail must be min or max")
    told: dict[str, Any] = {"schemas": SCHEMAS, "tables": TABLES, "keys": KEYS}
    text = render("tables", detailed=detail == "max", type_of=votable_type, **told)
    return _send(request, text)


@router.get("/tables/{name}")
async def get_table(request: Request, name: str) -> Response:
    """One table, with its columns."""
    if name not in BY_NAME:
        raise NotFound(f"there is no table {name[:64]!r}")
    table = BY_NAME[name]
    text = render("table", table=table, keys=KEYS, detailed=True, type_of=votable_type)
    return _send(request, text)


@router.get("/examples")
async def get_examples(request: Request, settings: SettingsDependency) -> Response:
    """Queries to begin with, as XHTML with RDFa: TOPCAT and pyvo show them."""
    text = render("examples", examples=EXAMPLES, tap=f"{settings.public_url}/vo/tap")
    return _send(request, text, "application/xhtml+xml; charset=utf-8")
