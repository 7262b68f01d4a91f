"""Models of alerts and their lists: what openapi.json says, and what tests hold answers against.

An alert's fields come from the archive's column list, so a column is written once. The hot path
builds the same shapes as plain dicts (items.py) and never goes through these.
"""

from enum import StrEnum
from typing import Any, Final, Literal

from pydantic import Field, create_model

from app.alerts.asking.explaining import Way
from app.answers.models import Model
from app.jobs.models import JobStatus
from app.search.models import Band, Instant, field_of, none_required
from app.search.selection import ALERT_COLUMNS, ALERT_KEYS, ON_REQUEST


class Stamp(StrEnum):
    """The three cutouts of an alert."""

    SCIENCE = "science"
    TEMPLATE = "template"
    DIFFERENCE = "difference"


class Links(Model):
    """Addresses of an alert's parts; null where the packet has none or it is withheld."""

    self: str
    object: str
    avro: str | None
    science: str | None
    template: str | None
    difference: str | None


_OWN: Final[dict[str, Any]] = {
    "filter": (Band | None, Field(description="band of the exposure")),
    "links": (Links, Field(description="addresses of the alert's parts")),
}


def _alert_fields() -> dict[str, Any]:
    return {n: _OWN[n] if n in _OWN else field_of(ALERT_COLUMNS[n]) for n in ALERT_KEYS}


def _on_request() -> dict[str, Any]:
    """Fields that are there only where `fields` names them: what Pydantic calls a default."""
    described = {n: field_of(ALERT_COLUMNS[n]) for n in ON_REQUEST}
    return {
        n: (kind | None, Field(None, description=f"{words.description}; only on request"))
        for n, (kind, words) in described.items()
    }


WholeAlert = create_model(
    "WholeAlert",
    __base__=Model,
    __doc__="One alert: a detection on a difference image, every key always there.",
    **_alert_fields(),
)
Alert = create_model(
    "Alert",
    __base__=WholeAlert,
    __doc__="An alert of a list: every key is there, unless `fields` chose some.",
    __cls_kwargs__={"json_schema_extra": none_required},
    **_on_request(),
)


class CountKind(StrEnum):
    """How certain a count is: `estimate` is rounded; `at least` is a lower bound."""

    EXACT = "exact"
    ESTIMATE = "estimate"
    AT_LEAST = "at least"


class Place(Model):
    """Where a name is."""

    name: str = Field(description="the object's own name at its source", examples=["M 101"])
    ra: float = Field(description="right ascension, ICRS [deg]", examples=[210.80225])
    dec: float = Field(description="declination, ICRS [deg]", examples=[54.348944])
    radius: float = Field(description="radius of a search around it [deg]")
    source: str = Field(
        description="source: coordinates, MARS (its own alerts), OpenNGC, CDS Sesame or SIMBAD"
    )


class Explanation(Model):
    """How a search was answered."""

    way: Way = Field(
        description="index: an index leads to the alerts; walk: down an index until the page is "
        "full; columns: a scan of the columnar copy; table: a scan of the whole table"
    )
    words: str = Field(description="the same in words")
    looks_at: int | None = Field(
        description="number of alerts that have to be looked at, at most; null if not known"
    )
    columns_as_of: int | None = Field(
        description="last batch of the columnar copy; null without one"
    )
    cheaper: list[str] = Field(description="what would be cheaper")


class AlertList(Model):
    """A page of alerts."""

    items: list[Alert]
    next: str | None = Field(description="cursor of the next page; null on the last")
    prev: str | None = Field(description="cursor of the page before; null on the first")
    truncated: bool = Field(description="whether more alerts matched than this answer holds")
    as_of: int = Field(description="number of the batch up to which the archive was seen")
    count: int | None = Field(
        default=None, description="number of alerts that match; only with `count`"
    )
    count_kind: CountKind | None = Field(default=None, description="how certain `count` is")
    explain: Explanation | None = Field(
        default=None, description="how the search was answered; only with `explain`"
    )
    place: Place | None = Field(default=None, description="position of `name`; only with `name`")


class FileFormat(StrEnum):
    """How the file of a search job is written."""

    JSON_LINES = "jsonl"
    CSV = "csv"
    VOTABLE = "votable"
    PARQUET = "parquet"


class Suffix(StrEnum):
    """How the file of a search job ends."""

    PARQUET = "parquet"
    CSV = "csv"
    VOTABLE = "vot"
    JSON_LINES = "jsonl"


class SearchJob(Model):
    """A search that runs in the background."""

    id: str = Field(description="id of the job; anyone who knows it can read and delete the job")
    kind: Literal["search"] = Field(description="what the job does; a match has no such key")
    status: JobStatus
    query: str = Field(description="the query string of the search, its name and place resolved")
    format: FileFormat
    done: int = Field(description="number of alerts read so far")
    expected: int | None = Field(
        description="how many alerts there will be, as far as is known; at most `cap`"
    )
    is_estimate: bool = Field(description="whether `expected` is an estimate")
    alerts: int | None = Field(description="alerts in the result; null until the job is done")
    cap: int = Field(description="most alerts that the result may hold: `limit`, or this server's")
    truncated: bool | None = Field(
        description="whether more alerts matched than `cap`; null until the job is done"
    )
    next: str | None = Field(
        description="cursor with which another job goes on behind a truncated result"
    )
    as_of: int = Field(description="number of the batch up to which the archive is seen")
    error: str | None = Field(description="why the job failed")
    created: Instant = Field(description="RFC 3339, UTC")
    ended: Instant | None = Field(description="RFC 3339, UTC; null until then")
    expires: Instant = Field(description="when job and result are deleted, RFC 3339, UTC")
    size: int | None = Field(description="bytes of the result; null until the job is done")
    result: str | None = Field(description="address of the result; null until then")
