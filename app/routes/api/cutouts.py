"""The bytes of alerts: original packets, and stamps as FITS, picture, strip and zip file."""

import asyncio
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from app.alerts.access.archive import Archive
from app.alerts.asking import queries
from app.answers.stored import Piece, headers_of, send_file, send_made, send_stream
from app.objects import finding
from app.openapi.described import (
    PROBLEMS,
    CandidPath,
    ObjectPath,
    StampPath,
    bytes_responses,
    with_alert_counts,
)
from app.routes.dependencies import (
    ArchiveDependency,
    PicturesDependency,
    SettingsDependency,
    StoreDependency,
    candid_of,
    no_parameters,
    no_repeats,
)
from app.stamps.fetching import fetch_in_order
from app.stamps.options import FitsOptions, Look, StripLook, ZipOptions
from app.stamps.pictures import RENDERER
from app.stamps.sending import (
    FITS,
    GZIP,
    draw_picture,
    piece_of,
    send_fits,
    send_picture,
    send_with_wcs,
)
from app.stamps.strips import STRIP, draw_strip
from app.stamps.zips import ZIP, write_manifest, zip_stamps
from app.surveys.ztf.camera import PixelPlace

router = APIRouter(prefix="/api/v1", tags=["cutouts"], responses=PROBLEMS)
ONCE: Final = [Depends(no_repeats)]
_STAMP: Final = "/alerts/{candid}/cutouts/{kind}"
_OBJECT: Final = "/objects/{object_id:object}/cutouts"


@router.get(
    "/alerts/{candid}/avro",
    response_class=Response,
    responses=bytes_responses("application/avro"),
    dependencies=[Depends(no_parameters)],
)
async def get_avro(
    request: Request, candid: CandidPath, archive: ArchiveDependency, store: StoreDependency
) -> Response:
    """The original packet, byte for byte."""
    number = candid_of(candid)
    piece, _ = await _piece(archive, number, "packet")
    return await send_file(request, store, piece, f"{number}.avro", "application/avro")


@router.get(
    _STAMP + ".fits", response_class=Response, responses=bytes_responses(FITS), dependencies=ONCE
)
async def get_cutout_fits(
    *,
    request: Request,
    candid: CandidPath,
    kind: StampPath,
    options: Annotated[FitsOptions, Query()],
    archive: ArchiveDependency,
    store: StoreDependency,
) -> Response:
    """A cutout as a FITS image; sent with Content-Encoding gzip if the client accepts it.

    ZTF's image has no WCS; `wcs=true` adds one.
    """
    number = candid_of(candid)
    piece, place = await _piece(archive, number, kind)
    if options.wcs:
        name = f"{number}_{kind}_wcs.fits"
        return await send_with_wcs(request, store, piece, place, name=name, media_type=FITS)
    return await send_fits(request, store, piece, f"{number}_{kind}.fits")


@router.get(
    _STAMP + ".fits.gz", response_class=Response, responses=bytes_responses(GZIP), dependencies=ONCE
)
async def get_cutout_fits_gz(
    *,
    request: Request,
    candid: CandidPath,
    kind: StampPath,
    options: Annotated[FitsOptions, Query()],
    archive: ArchiveDependency,
    store: StoreDependency,
) -> Response:
    """A cutout as the gzipped FITS file that the packet holds; with `wcs=true` compressed anew."""
    number = candid_of(candid)
    piece, place = await _piece(archive, number, kind)
    if options.wcs:
        name = f"{number}_{kind}_wcs.fits.gz"
        return await send_with_wcs(request, store, piece, place, name=name, media_type=GZIP)
    return await send_file(request, store, piece, f"{number}_{kind}.fits.gz", GZIP)


@router.get(
    _STAMP + ".png",
    response_class=Response,
    responses=bytes_responses("image/png"),
    dependencies=ONCE,
)
async def get_cutout_png(
    *,
    request: Request,
    candid: CandidPath,
    kind: StampPath,
    look: Annotated[Look, Query()],
    archive: ArchiveDependency,
    store: StoreDependency,
    pictures: PicturesDependency,
) -> Response:
    """A cutout as picture, north up and east left, to a few degrees; more near the pole.

    Pixels without a value are blue in grey pictures and grey in coloured ones.
    """
    number = candid_of(candid)
    name = f"{number}_{kind}.png"
    if kept := pictures.find(number, kind, look):
        return await send_picture(request, kept, name)
    piece, _ = await _piece(archive, number, kind)
    keep = partial(pictures.keep, number, kind, look)
    return await draw_picture(request, store, piece, name=name, look=look, keep=keep)


@router.get(
    _OBJECT + ".png",
    response_class=Response,
    responses=with_alert_counts(bytes_responses("image/png")),
    dependencies=ONCE,
)
async def get_object_cutouts_png(
    *,
    request: Request,
    object_id: ObjectPath,
    look: Annotated[StripLook, Query()],
    archive: ArchiveDependency,
    store: StoreDependency,
    settings: SettingsDependency,
) -> Response:
    """An object's cutouts as one picture: a row for each alert in time order.

    The columns are science, template and difference, each drawn with its own limits; beside them
    are the time, the band, magpsf and the sign of the difference. It shows the newest alerts, up to
    `limit`; see the headers X-Alerts-Shown and X-Alerts-Total.
    """
    rows = await queries.read_stamps(archive, finding.read_object_id(object_id), look.limit)
    version = f"{RENDERER}.{STRIP}-{look.tag}"
    headers = _of_object(rows, version, "inline", ".png", settings.cache_max_age_s)

    async def make() -> bytes:
        alerts = [alert async for alert in fetch_in_order(store, rows)]
        return await asyncio.to_thread(draw_strip, alerts, look)

    return await send_made(request, make, headers, "image/png")


@router.get(
    _OBJECT + ".zip",
    response_class=Response,
    responses=with_alert_counts(bytes_responses("application/zip")),
    dependencies=ONCE,
)
async def get_object_cutouts_zip(
    *,
    request: Request,
    object_id: ObjectPath,
    options: Annotated[ZipOptions, Query()],
    archive: ArchiveDependency,
    store: StoreDependency,
    settings: SettingsDependency,
) -> Response:
    """An object's cutouts as a zip file of `<candid>_<kind>.fits.gz`, the packets' own bytes.

    Its `manifest.csv` lists every cutout of every alert, also those that a packet does not hold. It
    holds the newest alerts, up to `limit`; see X-Alerts-Shown and X-Alerts-Total.
    """
    rows = await queries.read_stamps(archive, finding.read_object_id(object_id), options.limit)
    index = write_manifest(rows)
    headers = _of_object(rows, f"{ZIP}-{index}", "attachment", ".zip", settings.cache_max_age_s)
    chunks = zip_stamps(index, fetch_in_order(store, rows))
    return await send_stream(request, chunks, headers, "application/zip")


async def _piece(archive: Archive, candid: int, part: str) -> tuple[Piece, PixelPlace]:
    """The place of a part of an alert's packet, the error text if it is missing; its position."""
    row = await queries.read_places(archive, candid)
    return piece_of(row, part), PixelPlace(*(row[name] for name in PixelPlace._fields))


def _of_object(
    rows: Sequence[Mapping[str, Any]], version: str, shown: str, ending: str, max_age_s: int
) -> dict[str, str]:
    """Headers of content made from an object's alerts, which changes with the next alert."""
    content = hashlib.sha256(version.encode())
    for row in rows:
        content.update(row["payload_hash"])
    name = re.sub(r"[^A-Za-z0-9._+-]", "_", rows[0]["object_id"][:64]) + "_cutouts" + ending
    return headers_of(f'"{content.hexdigest()[:24]}"', name, shown) | {
        "Cache-Control": f"public, max-age={max_age_s}",
        "X-Alerts-Shown": str(len(rows)),
        "X-Alerts-Total": str(rows[0]["total"]),
    }
