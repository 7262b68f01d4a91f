"""Style sheets, scripts and pictures of the pages."""

import asyncio
from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from app.answers.negotiation import accepts_gzip, is_not_modified
from app.answers.stored import IMMUTABLE
from app.errors import NotFound
from app.pages import assets

router = APIRouter(include_in_schema=False)


@router.get("/static/{path:path}")
async def get_static(request: Request, path: str) -> Response:
    """A file of the app: cached for ever under an address with its hash, else revalidated."""
    if (known := assets.find_asset(path)) is None:
        raise NotFound("no such file")
    name, for_ever = known
    shrinks = assets.shrinks(name)
    # Only the first request for a large script waits 0.1 s for its compression.
    data, etag = await asyncio.to_thread(assets.read_asset, name, shrinks and accepts_gzip(request))
    headers = {"ETag": etag, "Cache-Control": IMMUTABLE if for_ever else "no-cache"}
    if shrinks:
        headers["Vary"] = "Accept-Encoding"
    if is_not_modified(request, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if etag.endswith('-gzip"'):
        headers["Content-Encoding"] = "gzip"
    return Response(data, headers=headers, media_type=assets.media_type(name))
