"""Models of nights and what their fields saw."""

from typing import Final

from pydantic import Field, create_model

from app.answers.models import Model
from app.nights.fieldcounts import FIELD_COUNT_COLUMNS
from app.search.models import Band, field_of

_NEXT: Final = "the night before which the next page begins, as `before` takes it; null on the last"


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


FieldCount = create_model(
    "FieldCount",
    __base__=Model,
    __doc__="What the alerts of one night say of one field in one filter.",
    **{column.name: field_of(column) for column in FIELD_COUNT_COLUMNS}
    | {"filter": (Band | None, Field(description="band of the exposures"))},
)


class FieldCountList(Model):
    """A night's alerts by field and filter: in order of field, and of g, r, i; null comes last."""

    night: str = Field(description="the UTC day of exposure", examples=["2026-11-23"])
    alerts: int = Field(description="number of alerts")
    exposures: int = Field(description="exposures with an alert")
    items: list[FieldCount]
    as_of: int = Field(description="number of the batch up to which the archive was seen")
