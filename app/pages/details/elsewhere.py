"""Links to the same object at other services, one line each."""

from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote

from app.pages.html import format_longitude
from app.surveys.ztf.linkouts import SERVICES, Link

_EVENING: Final = timedelta(hours=12)
"""A night at Kitt Peak, seven hours behind UTC, is called by the day on which it begins there."""


def links(object_id: str, ra: float, dec: float) -> list[Link]:
    """Links for an object of this name at this position [deg]."""
    values = {
        "id": quote(object_id, safe=""),
        "ra": format_longitude(ra, 6),
        # Nothing south of the equator is left of what rounds to it: no -0.
        "dec": f"{round(dec, 6) + 0.0:.6f}",
        "date": f"{datetime.now(UTC) - _EVENING:%Y-%m-%d}",
    }
    return [link._replace(address=link.address.format_map(values)) for link in SERVICES]
