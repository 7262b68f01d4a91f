"""A page without any dress, until pages.py takes its place."""

from collections.abc import Mapping
from html import escape

from fastapi import Response


def plain_page(
    title: str, text: str, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """HTML that says what it is and shows a text as it stands."""
    page = (
        f'<!doctype html><html lang="en"><title>{escape(title)}</title>'
        f"<h1>{escape(title)}</h1><pre>{escape(text)}</pre></html>"
    )
    fixed = {"Cache-Control": "no-store", "Vary": "Accept"}
    return Response(page, status, fixed | dict(headers or {}), "text/html")
