"""Links to the same object at other services, one line each."""

from datetime import UTC, datetime
from urllib.parse import quote

from app.pages.html import format_longitude
from app.surveys.ztf.linkouts import SERVICES, Link


def links(object_id: str, ra: float, dec: float) -> list[Link]:
    """Links for an object of this name at this position [deg]."""
    values = {
        "id": quote(object_id, safe=""),
        "ra": format_longitude(ra, 6),
        "dec": f"{dec:.6f}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    return [link._replace(address=link.address.format_map(values)) for link in SERVICES]
