"""Parts of a packet as answers: stamps as FITS, with a WCS, and as pictures."""

import asyncio
from collections.abc import Callable
from typing import Final

import asyncpg
from fastapi import Request, Response
from isal import igzip

from app.answers.negotiation import accepts_gzip
from app.answers.stored import Piece, headers_of, send_made
from app.stamps.astrometry import WCS, with_wcs
from app.stamps.kept import Picture
from app.stamps.options import Look
from app.stamps.pictures import GZIP_MAGIC, RENDERER, draw_stamp, expand_fits
from app.surveys.ztf.camera import PixelPlace
from archive.objects import ObjectStore
from archive.surveys.ztf.tables import STAMPS

FITS: Final = "application/fits"
GZIP: Final = "application/gzip"
_LEVEL: Final = 1
"""Of ISA-L, as for JSON."""


def piece_of(row: asyncpg.Record, part: str) -> Piece:
    """Where a part of an alert's packet lies, from a row of queries.read_places."""
    missing = (
        f"the packet of alert {row['candid']} has no {part} cutout"
        if part in STAMPS
        else f"the original packet of alert {row['candid']} is withheld: "
        "it contains rows that are not public"
    )
    content = f"{row['payload_hash'].hex()[:24]}-{part}"
    return Piece(row["key"], row[f"{part}_offset"], row[f"{part}_length"], content, missing)


async def send_fits(request: Request, store: ObjectStore, piece: Piece, name: str) -> Response:
    """The FITS image, whole or a range of it: its gzip untouched for clients that take it."""
    key, offset, length = piece.place()
    gzipped = accepts_gzip(request)
    headers = headers_of(f'"{piece.content}-fits{"-gzip" if gzipped else ""}"', name)
    headers["Vary"] = "Accept-Encoding"

    async def make() -> bytes:
        stamp = await store.get(key, offset, length)
        if not gzipped:
            return await asyncio.to_thread(expand_fits, stamp)
        if stamp.startswith(GZIP_MAGIC):
            headers["Content-Encoding"] = "gzip"
        return stamp

    return await send_made(request, make, headers, FITS)


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


async def send_picture(request: Request, picture: Picture, name: str) -> Response:
    """A picture that is there already."""

    async def make() -> bytes:
        return picture.png

    return await send_made(request, make, _picture_headers(picture.etag, name), "image/png")


async def draw_picture(
    request: Request,
    store: ObjectStore,
    piece: Piece,
    *,
    name: str,
    look: Look,
    keep: Callable[[Picture], None],
) -> Response:
    """The stamp as PNG; `keep` is called with what is drawn."""
    key, offset, length = piece.place()
    etag = f'"{piece.content}-png{RENDERER}-{look.tag}"'

    async def make() -> bytes:
        stamp = await store.get(key, offset, length)
        png = await asyncio.to_thread(draw_stamp, stamp, look)
        keep(Picture(etag, png))
        return png

    return await send_made(request, make, _picture_headers(etag, name), "image/png")


def _picture_headers(etag: str, name: str) -> dict[str, str]:
    return headers_of(etag, name, "inline")
