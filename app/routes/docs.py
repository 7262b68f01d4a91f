"""Swagger UI, served from our own files under a policy that lets nothing else in."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response

router = APIRouter(include_in_schema=False)
PAGE: Final = (Path(__file__).parents[1] / "static" / "docs.html").read_bytes()
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)


@router.get("/docs")
async def get_docs() -> Response:
    """The page."""
    headers = {"Content-Security-Policy": POLICY}
    return Response(PAGE, headers=headers, media_type="text/html; charset=utf-8")
