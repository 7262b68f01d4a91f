"""The pages of regions: the form that sends one, and a region on the sky with its newest alerts."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlencode

import numpy as np
from fastapi import Request, Response

from app.alerts.jobs import FILES
from app.pages.html import POLICY, SAMP, render
from app.pages.plots.skymap import HEIGHT, WIDTH, SkyChart, draw_sky, project

if TYPE_CHECKING:
    from mocpy import MOC

WINDOW: Final = ("time__gte", "time__lt")
"""Fields that limit what a region's page shows."""
SHOWN: Final = 100
"""Alerts on the page."""
MAP_ORDER: Final = 5
"""Of the cells on the map: 1.8 degrees, 3.7 pixels wide."""
_LEVELS: Final = ("0.5", "0.9", "0.95", "0.99")


class Dot(NamedTuple):
    """An alert on the map, in the pixels of the SVG."""

    x: float
    y: float
    said: str


def draw_region(moc: "MOC") -> SkyChart:
    """The map of the sky with the cells that the region touches."""
    coarse = moc.degrade_to_order(MAP_ORDER) if moc.max_order > MAP_ORDER else moc
    shift = 2 * (29 - MAP_ORDER)
    counts = np.zeros(12 * 4**MAP_ORDER, np.int64)
    for low, high in coarse.to_depth29_ranges.astype(np.int64) >> shift:
        counts[low:high] = 1
    return draw_sky(MAP_ORDER, counts.tolist())


def draw_dots(items: Sequence[Mapping[str, Any]]) -> list[Dot]:
    """Alerts on that map."""
    ra, dec = (np.array([item[name] for item in items], float) for name in ("ra", "dec"))
    across, down = project((ra + 180) % 360 - 180, np.sin(np.radians(dec)))
    places = zip(across.round(1).tolist(), down.round(1).tolist(), items, strict=True)
    return [Dot(x, y, str(item["object_id"])) for x, y, item in places]


def form_page(request: Request, refused: str = "", status: int = 200) -> Response:
    """The form; `refused` says why nothing came of it."""
    return render(request, "regions.html", status=status, refused=refused, levels=_LEVELS)


def region_page(
    request: Request,
    region: Mapping[str, Any],
    moc: "MOC",
    *,
    items: Sequence[Mapping[str, Any]],
    more: bool,
    window: Mapping[str, str],
    refused: str,
    secret: str,
) -> Response:
    """A region: `items` are its newest alerts, `refused` says why they cannot be shown.

    `secret` is that of a region that has just been sent.
    """
    query = {"region": region["id"], **window}
    return render(
        request,
        "region.html",
        status=HTTPStatus.CREATED if secret else HTTPStatus.OK,
        policy={**POLICY, **SAMP},
        headers={"Cache-Control": "no-store"},
        region=region,
        chart=draw_region(moc),
        dots=draw_dots(items),
        sky_size=(WIDTH, HEIGHT),
        items=items,
        more=more,
        window=window,
        refused=refused,
        secret=secret,
        query=query,
        alerts=f"/api/v1/alerts?{urlencode(query, safe=':')}",
        files=FILES,
    )
