"""Watches to be measured, and what SQL says they must have found."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import asyncpg
import httpx
import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord, angular_separation
from numpy.random import Generator
from numpy.typing import NDArray

RADIUS_ARCSEC: Final = 5.0
PIECE: Final = 20_000
"""Positions of an upload that are written as text at a time."""


class Place(NamedTuple):
    """An alert of the archive, from which searches are made."""

    object_id: str
    ra: float
    dec: float


class Asked(NamedTuple):
    """A search as the API takes it, and as SQL that nobody of the app has written."""

    query: dict[str, Any]
    condition: str


def _cone(place: Place, n: int) -> Asked:
    circle = f"{place.ra!r}, {place.dec!r}, 0.5"
    return Asked({"cone": circle.replace(" ", "")}, f"q3c_radial_query(ra, dec, {circle})")


def _bright(place: Place, n: int) -> Asked:
    most, low = 16 + n % 32 / 8, n % 72 * 5
    query = {"magpsf__lt": most, "where": [f"ra__gte:{low}", f"ra__lt:{low + 5}"]}
    return Asked(query, f"magpsf < {most} AND ra >= {low} AND ra < {low + 5}")


def _real(place: Place, n: int) -> Asked:
    least, low = 0.5 + n % 8 / 16, n % 60
    query = {"where": [f"rb__gte:{least}", "filter:r", f"dec__gt:{low}", f"dec__lt:{low + 2}"]}
    return Asked(query, f"rb >= {least} AND filter = 'r' AND dec > {low} AND dec < {low + 2}")


def _object(place: Place, n: int) -> Asked:
    return Asked({"object_id": place.object_id}, f"object_id = '{place.object_id}'")


KINDS: Final = (_cone, _bright, _real, _object)


def searches(places: Sequence[Place], count: int) -> list[Asked]:
    """So many searches, of each kind as many."""
    return [KINDS[n % len(KINDS)](places[n % len(places)], n) for n in range(count)]


async def places_of(connection: "asyncpg.Connection[Any]", count: int) -> list[Place]:
    """Alerts drawn from the archive, the same each time."""
    rows = await connection.fetch(
        "SELECT object_id, ra, dec FROM alert ORDER BY hashint8(candid) LIMIT $1", count
    )
    return [Place(*row) for row in rows]


async def make(client: httpx.AsyncClient, asked: Sequence[Asked], since: int) -> list[str]:
    """The ids of watches of these searches."""
    made = []
    for one in asked:
        answer = await client.post("/api/v1/watches", params=one.query | {"since": since})
        answer.raise_for_status()
        made.append(str(answer.json()["id"]))
    return made


async def unlike(
    connection: "asyncpg.Connection[Any]", made: Sequence[str], asked: Sequence[Asked], since: int
) -> int:
    """How many watches have other hits than SQL says, with the last number that they reached."""
    wrong = 0
    for watch, one in zip(made, asked, strict=True):
        wanted = f"SELECT lco_id FROM alert WHERE lco_id > $2 AND ({one.condition})"  # noqa: S608
        found = "SELECT lco_id FROM app.hit WHERE watch = $1"
        less, more = f"({wanted} EXCEPT {found})", f"({found} EXCEPT {wanted})"
        differing = await connection.fetchval(
            f"SELECT count(*) FROM ({less} UNION ALL {more}) d",  # noqa: S608
            watch,
            since,
        )
        counted = await connection.fetchval(
            "SELECT found = (SELECT count(*) FROM app.hit WHERE watch = $1) "
            "FROM app.watch WHERE id = $1",
            watch,
        )
        wrong += differing > 0 or not counted
    return wrong


class List(NamedTuple):
    """Positions of the sky, in degrees."""

    ra: NDArray[np.float64]
    dec: NDArray[np.float64]

    def pieces(self) -> Iterator[bytes]:
        """The list as CSV."""
        yield b"id,ra,dec\n"
        for n in range(0, len(self.ra), PIECE):
            rows = zip(self.ra[n : n + PIECE], self.dec[n : n + PIECE], strict=True)
            yield "".join(
                f"p{n + m},{a!r},{d!r}\n" for m, (a, d) in enumerate(_floats(rows))
            ).encode()


def _floats(rows: Any) -> Iterator[tuple[float, float]]:
    return ((float(ra), float(dec)) for ra, dec in rows)


def draw_list(rng: Generator, alerts: List, count: int) -> List:
    """Positions over the whole sky, and as many near alerts as there are, within two radii."""
    around = count - len(alerts.ra)
    ra = rng.uniform(0, 360, around)
    dec = np.degrees(np.arcsin(rng.uniform(-1, 1, around)))
    centres = SkyCoord(alerts.ra, alerts.dec, unit="deg")
    near = centres.directional_offset_by(
        rng.uniform(0, 360, len(alerts.ra)) * u.deg,
        rng.uniform(0, 2 * RADIUS_ARCSEC, len(alerts.ra)) * u.arcsec,
    )
    ra, dec = np.append(ra, near.ra.deg % 360), np.append(dec, near.dec.deg)
    mixed = rng.permutation(count)
    return List(ra[mixed], dec[mixed])


def near(alerts: List, positions: List) -> NDArray[np.bool_]:
    """Which alerts are near a position, by astropy's separation of all pairs that may be."""
    order = np.argsort(positions.dec)
    ra, dec = positions.ra[order], positions.dec[order]
    radius = RADIUS_ARCSEC / 3600
    low, high = (np.searchsorted(dec, alerts.dec + edge) for edge in (-radius, radius))
    counts = high - low
    which = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + low[which]
    pairs = (alerts.ra[which], alerts.dec[which], ra[place], dec[place])
    is_near = np.zeros(len(counts), bool)
    is_near[which[np.degrees(angular_separation(*map(np.radians, pairs))) < radius]] = True
    return is_near
