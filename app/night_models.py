"""Response models of the nights; as models.py, apart for its length."""

from pydantic import Field

from app.models import Band, Model

_NEXT = "the night before which the next page begins, as `before` takes it; null on the last"


class Outcomes(Model):
    """Packets by what came of them: received = stored + duplicate + private + rejected."""

    received: int
    stored: int
    duplicate: int
    private: int
    rejected: int


class Topic(Outcomes):
    """One topic, tarball or folder of a night."""

    topic: str


class Night(Outcomes):
    """What the ledger says of one night."""

    night: str = Field(description="the night, UTC", examples=["2026-11-23"])
    topics: list[Topic]


class NightList(Model):
    """A page of nights, newest first."""

    items: list[Night]
    next: str | None = Field(description=_NEXT, examples=["20261123"])
    truncated: bool = Field(description="whether the ledger has more, older nights")


class FieldCount(Model):
    """What the alerts of one night say of one field in one filter."""

    field: int | None = Field(description="field of ZTF's grid", examples=[565])
    filter: Band | None
    alerts: int = Field(description="number of alerts")
    exposures: int = Field(description="exposures with an alert: distinct jd")
    quadrants: int = Field(description="readout channels with an alert, of 64: distinct rcid")
    diffmaglim_median: float | None = Field(
        description="median 5-sigma limit of the quadrant exposures with an alert [mag]"
    )
    first_jd: float = Field(description="first exposure, Julian date, UTC [d]")
    first_time: str = Field(description="first exposure, RFC 3339, UTC")
    last_jd: float = Field(description="last exposure, Julian date, UTC [d]")
    last_time: str = Field(description="last exposure, RFC 3339, UTC")
    ra: float = Field(description="mean right ascension of the alerts, J2000 [deg]")
    dec: float = Field(description="mean declination of the alerts, J2000 [deg]")


class FieldCountList(Model):
    """A night's alerts by field and filter: in order of field, and of g, r, i; null comes last."""

    night: str = Field(description="the UTC day of exposure", examples=["2026-11-23"])
    alerts: int = Field(description="number of alerts")
    exposures: int = Field(description="exposures with an alert")
    items: list[FieldCount]
    as_of: int = Field(description="number of the batch up to which the archive was seen")
