"""Models of batch matches and their jobs."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, RootModel

from app.alerts.models import Alert, SearchJob
from app.answers.models import Model
from app.jobs.models import JobStatus
from app.search.models import Instant
from app.search.regions import MAX_RADIUS, MIN_RADIUS, RADIUS_FORM


class Radius(
    RootModel[
        Annotated[float, Field(ge=MIN_RADIUS, le=MAX_RADIUS)]
        | Annotated[str, Field(max_length=200, pattern=f"^({RADIUS_FORM})?$")]
    ]
):
    """How far from a position."""


class PositionId(RootModel[Annotated[str, Field(max_length=200)] | float]):
    """Your name for a position; a number is read as its digits."""


class Position(BaseModel):
    """A position to be matched; other keys are ignored."""

    id: PositionId | None = Field(
        None, description="your name for it; without one its index", examples=["a"]
    )
    ra: float = Field(ge=0, le=360, description="right ascension, J2000 [deg]", examples=[0.8143])
    dec: float = Field(ge=-90, le=90, description="declination, J2000 [deg]", examples=[16.1457])
    radius: Radius | None = Field(
        None,
        description="degrees, at most 10, or a text that ends in `d`, `'` or `\"`; without one the "
        "parameter `radius`",
        examples=['2"'],
    )


_EXAMPLE: Final[dict[str, Any]] = {
    "positions": [
        {"id": "first", "ra": 0.8143, "dec": 16.1457, "radius": '2"'},
        {"id": "second", "ra": 359.9, "dec": -1.5, "radius": 0.001},
    ]
}


class MatchRequest(BaseModel):
    """Positions to be matched; a bare list is accepted too."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    positions: list[Position] = Field(min_length=1)


class Match(Alert):
    """An alert near a position."""

    separation_arcsec: float = Field(description="distance from the position [arcsec]")


class MatchedPosition(Model):
    """A position with the alerts near it."""

    index: int = Field(description="place of the position in the list, from 0")
    id: str = Field(description="its id, or its index if it has none")
    ra: float = Field(description="as given [deg]")
    dec: float = Field(description="as given [deg]")
    radius: float = Field(description="as given, in degrees")
    truncated: bool = Field(description="whether more alerts matched than are listed")
    matches: list[Match] = Field(description="nearest first")


class MatchList(Model):
    """Every position in order, each with the alerts near it."""

    items: list[MatchedPosition]
    truncated: bool = Field(description="whether any of the positions is truncated")
    as_of: int = Field(description="number of the batch up to which the archive was seen")


class Job(Model):
    """A batch match that runs in the background."""

    id: str = Field(description="id of the job; anyone who knows it can read and delete the job")
    status: JobStatus
    positions: int = Field(description="number of positions")
    done: int = Field(description="number of positions matched so far")
    matches: int | None = Field(description="alerts found; null until the job is done")
    as_of: int = Field(description="number of the batch up to which the archive is seen")
    error: str | None = Field(description="why the job failed")
    created: Instant = Field(description="RFC 3339, UTC")
    ended: Instant | None = Field(description="RFC 3339, UTC; null until then")
    expires: Instant = Field(description="when job and result are deleted, RFC 3339, UTC")
    size: int | None = Field(description="bytes of the result; null until the job is done")
    result: str | None = Field(description="address of the Parquet file; null until then")


class AnyJob(RootModel[Job | SearchJob]):
    """A match or a search that runs in the background; a search has `kind`."""
