"""Parts of a packet as answers: stamps as FITS, with a WCS, and as pictures."""

import asyncio
from http import HTTPStatus
from typing import Final

import asyncpg
from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from isal import igzip

from app.answers.negotiation import accepts_gzip, is_not_modified
from app.answers.stored import Piece, await_first_chunk, headers_of, send_made
from app.stamps.astrometry import WCS, PixelPlace, with_wcs
from app.stamps.options import Look
from app.stamps.pictures import GZIP_MAGIC, RENDERER, draw_stamp, expand_fits
from archive.objects import ObjectStore
from archive.surveys.ztf.tables import STAMPS

FITS: Final = "application/fits"
GZIP: Final = "application/gzip"
_LEVEL: Final = 1
"""Of ISA-L, as for JSON."""


def piece_of(row: asyncpg.Record, part: str) -> Piece:
    """Where a part of an alert's packet lies, from a row of queries.places."""
    missing = (
        f"the packet of alert {row['candid']} has no {part} cutout"
        if part in STAMPS
        else f"the original packet of alert {row['candid']} is withheld: "
        "it contains rows that are not public"
    )
    content = f"{row['payload_hash'].hex()[:24]}-{part}"
    return Piece(row["key"], row[f"{part}_offset"], row[f"{part}_length"], content, missing)


async def send_fits(request: Request, store: ObjectStore, piece: Piece, name: str) -> Response:
    """The FITS image: its gzip untouched for clients that take it, else expanded."""
    key, offset, length = piece.place()
    gzipped = accepts_gzip(request)
    etag = f'"{piece.content}-fits{"-gzip" if gzipped else ""}"'
    headers = headers_of(etag, name) | {"Vary": "Accept-Encoding"}
    if is_not_modified(request, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if gzipped:
        # A HEAD, too, must know whether the stored bytes are gzip.
        asked = len(GZIP_MAGIC) if request.scope.get("head") else length
        first, body = await await_first_chunk(store.stream(key, offset, asked))
        if first.startswith(GZIP_MAGIC):
            headers |= {"Content-Encoding": "gzip", "Content-Length": str(length)}
        return StreamingResponse(body, headers=headers, media_type=FITS)
    image = await asyncio.to_thread(expand_fits, await store.get(key, offset, length))
    return Response(image, headers=headers, media_type=FITS)


async def send_with_wcs(
    request: Request,
    store: ObjectStore,
    piece: Piece,
    place: PixelPlace,
    *,
    name: str,
    media_type: str,
) -> Response:
    """The FITS image with a WCS in its header, or that file gzipped, as the media type says."""
    key, offset, length = piece.place()
    encoded = media_type == FITS and accepts_gzip(request)
    gzipped = encoded or media_type == GZIP
    form = "fits-gzip" if encoded else "gz" if gzipped else "fits"
    headers = headers_of(f'"{piece.content}-wcs{WCS}-{form}"', name)
    if media_type == FITS:
        headers["Vary"] = "Accept-Encoding"
    if encoded:
        headers["Content-Encoding"] = "gzip"

    def made(stamp: bytes) -> bytes:
        image = with_wcs(expand_fits(stamp), place)
        return igzip.compress(image, _LEVEL, mtime=0) if gzipped else image

    async def make() -> bytes:
        return await asyncio.to_thread(made, await store.get(key, offset, length))

    return await send_made(request, make, headers, media_type)


async def send_picture(
    request: Request, store: ObjectStore, piece: Piece, name: str, look: Look
) -> Response:
    """The stamp as PNG."""
    key, offset, length = piece.place()
    headers = headers_of(f'"{piece.content}-png{RENDERER}-{look.tag}"', name, "inline")

    async def make() -> bytes:
        return await asyncio.to_thread(draw_stamp, await store.get(key, offset, length), look)

    return await send_made(request, make, headers, "image/png")
