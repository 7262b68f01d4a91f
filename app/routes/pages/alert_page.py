"""The page of an alert, and the frames that it opens on a click: JS9 and Aladin Lite."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from app.alerts.access.archive import Archive
from app.alerts.asking import queries
from app.alerts.output.items import alert_items
from app.errors import NotFound, no_alert
from app.pages.details.alertpage import API
from app.pages.html import POLICY, render
from app.routes.dependencies import ArchiveDependency
from app.search.values import read_integer
from archive.surveys.ztf.tables import STAMPS

router = APIRouter(include_in_schema=False)

_FRAMED: Final = {**POLICY, "frame-src": "'none'", "frame-ancestors": "'self'"}
JS9_POLICY: Final = _FRAMED | {
    # It runs cfitsio as WebAssembly and writes styles as it builds its menus and windows.
    "script-src": "'self' 'wasm-unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    "font-src": "'self'",
}
_CDS: Final = "https://*.unistra.fr"
SKY_POLICY: Final = _FRAMED | {
    # Aladin Lite carries its WebAssembly and fonts as data: addresses, and its images are at CDS.
    "script-src": "'self' 'wasm-unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": f"'self' data: blob: {_CDS}",
    "connect-src": f"'self' data: blob: {_CDS}",
    "worker-src": "'self' blob:",
    "font-src": "'self' data:",
}


@router.get("/js9/{candid}/")
async def get_js9(request: Request, candid: str, archive: ArchiveDependency) -> Response:
    """JS9 with an alert's cutouts."""
    alert = await _alert(archive, candid)
    kinds = [kind for kind in STAMPS if alert["links"][kind]]
    if not kinds:
        raise NotFound(f"the packet of alert {alert['candid']} has no cutouts")
    return render(request, "js9.html", policy=JS9_POLICY, candid=alert["candid"], kinds=kinds)


@router.get("/sky/{candid}/")
async def get_sky(request: Request, candid: str, archive: ArchiveDependency) -> Response:
    """Aladin Lite around an alert."""
    return render(request, "sky.html", policy=SKY_POLICY, alert=await _alert(archive, candid))


async def _alert(archive: Archive, text: str) -> Mapping[str, Any]:
    try:
        number = read_integer(text)
    except ValueError:
        raise no_alert(text) from None
    (alert,) = alert_items([await queries.read_alert(archive, number)], API)
    return alert
