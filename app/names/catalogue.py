"""NGC, IC and Messier, offline, from OpenNGC by way of PyOngc.

The data are Mattia Verga's OpenNGC, CC-BY-SA-4.0 (https://github.com/mattiaverga/OpenNGC); CREDIT
is shown with them.
"""

import asyncio
import math
import re
from functools import lru_cache
from typing import Final, NamedTuple

from pyongc import ongc

CREDIT: Final = "NGC, IC and Messier positions: OpenNGC by Mattia Verga, CC-BY-SA-4.0"
_NUMBER: Final = re.compile(
    r"(?:(?P<messier>m|messier)|(?P<catalogue>ngc|ic))\s*0*(?P<number>[1-9]\d{0,3})\s?"
    r"(?P<part>[a-z]{0,2})",
    re.ASCII | re.IGNORECASE,
)


class Entry(NamedTuple):
    """An object of the catalogue: its names, ICRS position and half its major axis, in degrees."""

    name: str
    ra: float
    dec: float
    half_axis: float | None


async def look_up(name: str) -> Entry | None:
    """The object of this name, by number (`m101`, `NGC 224`) or common name; None if there is none.

    PyOngc opens its SQLite file for each look-up and reads all of it for a Messier number (0.3 to
    50 ms): this runs in a thread, once for each object.
    """
    match = _NUMBER.fullmatch(name)
    if match is None:
        number = (await common_names()).get(_plain(name))
    elif match["messier"]:
        number = None if match["part"] else f"M{match['number']}"
    else:
        number = f"{match['catalogue']}{match['number']}{match['part']}".upper()
    return await asyncio.to_thread(_entry, number) if number else None


async def common_names() -> dict[str, str]:
    """Every common name, in small letters -> the number of its object."""
    return await asyncio.to_thread(_common_names)


def _plain(name: str) -> str:
    return " ".join(name.lower().split())


@lru_cache(maxsize=1)
def _common_names() -> dict[str, str]:
    return {
        _plain(name): found.name
        for found in ongc.listObjects(withname=True)
        for name in found.identifiers[3] or ()
    }


@lru_cache(maxsize=4096)
def _entry(number: str) -> Entry | None:
    found = ongc.get(number)
    # Some numbers belong to objects that do not exist.
    if found is None or found.rad_coords is None:
        return None
    ra, dec = (math.degrees(float(angle)) for angle in found.rad_coords)
    axis = found.dimensions[0]
    messier, _, _, common, _ = found.identifiers
    plain = re.sub(r"(?<=\D)0+(?=\d)", "", messier or found.name)
    named = re.sub(r"(?<=[A-Z])(?=\d)", " ", plain, count=1)
    return Entry(
        f"{named} ({common[0]})" if common else named, ra % 360, dec, axis / 120 if axis else None
    )
