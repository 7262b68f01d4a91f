"""Query parameters of light curves."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator
from pydantic.json_schema import SkipJsonSchema

from app.answers.options import ListOptions, Options
from app.objects.lightcurve import Point
from app.objects.periods import LEAST_D, MOST_D, SHORTEST_D
from app.objects.points import POINTS, PointKind
from app.search.models import Band
from app.search.options import AsOf
from app.search.selection import fields_named


def _of_points(given: str) -> str:
    """A list of a point's fields, as it was given."""
    fields_named(given, tuple(POINTS))
    return given


# Beside the None of an optional field openapi.json would not have its bounds.
_Days = Annotated[float, Field(ge=LEAST_D, le=MOST_D)]


class PointChoice(Options):
    """Which points of a light curve are meant: all without any."""

    kind: list[PointKind] = Field(
        default=[],
        max_length=len(PointKind),
        description="Only points of these kinds; repeated for more than one.",
        examples=[[PointKind.DETECTION]],
    )
    filter: list[Band] = Field(
        default=[],
        max_length=len(Band),
        description="Only points in these filters; repeated for more than one.",
        examples=[[Band.G]],
    )

    @field_validator("kind", "filter", mode="before")
    @classmethod
    def _filled(cls, given: list[str]) -> list[str]:
        return [value for value in given if value.strip()]

    def choose(self, points: Sequence[Point]) -> list[Point]:
        """The points that are meant."""
        return [
            point
            for point in points
            if (not self.kind or point["kind"] in self.kind)
            and (not self.filter or point["filter"] in self.filter)
        ]


class CurveOptions(AsOf, ListOptions, PointChoice):
    """Which points of a light curve, what of each, in which format."""

    merged: bool = Field(
        default=False,
        description="Join the objects whose mean positions lie within 1.5 arcsec of this one's; "
        "each point then names its object.",
        examples=[True],
    )
    fields: Annotated[str | SkipJsonSchema[None], BeforeValidator(_of_points)] = Field(
        default=None,
        description="The columns of the table, in this order, comma-separated. In JSON and JSON "
        "Lines the keys of each point: those that its kind has, and always `kind`. Default: all. "
        f"They are {', '.join(POINTS)}.",
        examples=["mjd,filter,magpsf,sigmapsf,diffmaglim"],
    )

    @property
    def chosen(self) -> tuple[str, ...]:
        """The names among `fields`; none means all."""
        return fields_named(self.fields, tuple(POINTS)) if self.fields else ()


class PeriodOptions(AsOf, PointChoice):
    """In which points of a light curve a period is looked for, and between which bounds."""

    min_period: _Days | SkipJsonSchema[None] = Field(
        default=None,
        description=f"Shortest period [days]; default: {SHORTEST_D}, or more if that were too many "
        "trial periods.",
        examples=[0.2],
    )
    max_period: _Days | SkipJsonSchema[None] = Field(
        default=None,
        description="Longest period [days]; default: the time that the measured fluxes cover.",
        examples=[100.0],
    )
