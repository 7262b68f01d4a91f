"""Regions for tests, and mocpy's own test, which is what answers are held against."""

from collections.abc import Sequence
from typing import Any

import astropy.units as u
import httpx
import numpy as np
from mocpy import MOC

REGIONS = "/api/v1/regions"


async def send(client: httpx.AsyncClient, moc: MOC | str, **more: Any) -> str:
    """Send a MOC as text; its id."""
    text = moc if isinstance(moc, str) else moc.serialize("str")
    answer = await client.post(
        REGIONS, content=text, headers={"Content-Type": "text/plain"}, params=more
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def disc(ra: float, dec: float, radius: float, order: int = 9) -> MOC:
    """A disc of cells [deg]."""
    return MOC.from_cone(ra * u.deg, dec * u.deg, radius=radius * u.deg, max_depth=order)


def holds(moc: MOC, places: Sequence[tuple[float, float]]) -> np.ndarray:
    """Whether each place (ra, dec) [deg] lies in a MOC, by mocpy."""
    ra, dec = np.array(places, float).reshape(-1, 2).T
    inside: np.ndarray = moc.contains_lonlat(ra * u.deg, dec * u.deg)
    return inside
