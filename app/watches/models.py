"""Models of watches."""

from enum import StrEnum

from pydantic import Field

from app.answers.models import Model
from app.search.models import Instant


class Part(StrEnum):
    """What a watch may be without."""

    FILTERS = "filters"
    POSITIONS = "positions"


class WatchLinks(Model):
    """Addresses of a watch."""

    self: str
    page: str = Field(description="for people")
    alerts: str = Field(description="its alerts, the newest first")
    stream: str = Field(description="its alerts as they come, as server-sent events")
    atom: str = Field(description="the newest of them, as an Atom feed")


class Watch(Model):
    """A search, or a list of positions, that is watched."""

    id: str = Field(description="anyone who knows it can read the watch")
    query: str = Field(description="its filters, as the query string of a list; a name is resolved")
    positions: int = Field(description="number of positions, one of which an alert must be near")
    upto: int = Field(description="number (`lco_id`) up to which all alerts have been looked at")
    hits: int = Field(description="alerts that matched and are kept, the newest 10,000 at most")
    created: Instant = Field(description="RFC 3339, UTC")
    expires: Instant = Field(description="when it is deleted unless it is read, RFC 3339, UTC")
    links: WatchLinks


class NewWatch(Watch):
    """A watch that has just been made."""

    secret: str = Field(
        description="the only key to change or delete the watch, shown this once: send it as "
        "`Authorization: Bearer`"
    )
