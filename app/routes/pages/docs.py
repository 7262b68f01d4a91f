"""Swagger UI, served from our own files under a policy that lets nothing else in."""

import re
from typing import Final

import orjson
from fastapi import APIRouter, Request, Response

from app.alerts.asking import searching
from app.errors import DATABASE_ERRORS
from app.openapi.document import canonical_text
from app.pages.html import POLICY, format_fixed, format_longitude, render
from app.routes.resources import resources_of
from app.search import examples
from app.search.search import parse_search
from app.search.selection import HAS
from archive.errors import MarsError

router = APIRouter(include_in_schema=False)
DOCS_POLICY: Final = {
    **POLICY,
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "frame-src": "'none'",
}
_NEWEST: Final = parse_search([("fields", "candid,object_id,ra,dec,links"), ("limit", "100")])


@router.get("/docs")
async def get_docs(request: Request) -> Response:
    """The page."""
    return render(request, "docs.html", policy=DOCS_POLICY)


@router.get("/docs/openapi.json")
async def get_docs_document(request: Request) -> Response:
    """openapi.json for the page: its forms are filled with values that this archive holds."""
    text = canonical_text(request.app.openapi())
    own = {shown: _in_json(kept) for shown, kept in (await _own(request)).items()}
    # All at once: inserted text must not be replaced again.
    text = re.sub("|".join(map(re.escape, own)), lambda found: own[found[0]], text)
    return Response(text, headers={"Cache-Control": "no-cache"}, media_type="application/json")


def _in_json(text: str) -> str:
    """A text as it stands between the quotes of JSON."""
    return orjson.dumps(text).decode()[1:-1]


async def _own(request: Request) -> dict[str, str]:
    """Example -> the value to show instead. Jobs have none: users enter their own."""
    resources = resources_of(request)
    found = {examples.JOB: ""}
    try:
        _, rows = await searching.find_alerts(resources.archive, _NEWEST)
        nights = (await resources.ledger.listed(resources.archive, None, 1)).items
    except (MarsError, *DATABASE_ERRORS):
        return found  # The page describes the API all the same.
    whole = next((row for row in rows if all(row[name] for name in HAS)), None)
    if row := whole or next(iter(rows), None):
        found[examples.OF_FIELD["candid"]] = str(row["candid"])
        found[examples.OF_FIELD["object_id"]] = row["object_id"]
        position = format_longitude(row["ra"], 6), format_fixed(row["dec"], 6)
        found |= dict(zip(examples.POSITION, position, strict=True))
    if nights:
        found[examples.NIGHT] = nights[0]["night"].replace("-", "")
    return found
