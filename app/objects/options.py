"""Query parameters of light curves."""

from typing import Annotated

from pydantic import (
    BeforeValidator,
    Field,
    field_validator,
)
from pydantic.json_schema import SkipJsonSchema

from app.answers.options import ListOptions
from app.objects.points import POINTS, PointKind
from app.search.options import AsOf
from app.search.selection import fields_named


def _of_points(given: str) -> str:
    """A list of a point's fields, as it was given."""
    fields_named(given, tuple(POINTS))
    return given


class CurveOptions(AsOf, ListOptions):
    """Which points of a light curve, what of each, in which format."""

    merged: bool = Field(
        default=False,
        description="Join the objects whose mean positions lie within 1.5 arcsec of this one's; "
        "each point then names its object.",
        examples=[True],
    )
    kind: list[PointKind] = Field(
        default=[],
        max_length=len(PointKind),
        description="Only points of these kinds; repeated for more than one.",
        examples=[[PointKind.DETECTION]],
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

    @field_validator("kind", mode="before")
    @classmethod
    def _filled(cls, given: list[str]) -> list[str]:
        return [value for value in given if value.strip()]
