"""Query parameters of downloads, as FastAPI reads and describes them."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from app import nights
from app.errors import BadParameters, unknown
from app.examples import NIGHT
from app.media import FORMATS, JSON, format_named
from app.points import POINTS, PointKind
from app.selection import fields_named
from app.values import integer

MAX_SIZE: Final = 1024
MAX_STRIP_SIZE: Final = 189
MAX_STRIP: Final = 100
"""Alerts in a strip: with the size above, its bound on pixels (13 million)."""
MAX_ZIP: Final = 1000


class Stretch(StrEnum):
    """How brightness follows the pixel between the limits."""

    ASINH = "asinh"
    LINEAR = "linear"
    SQRT = "sqrt"
    LOG = "log"


class ColorMap(StrEnum):
    """Colours from the faintest to the brightest pixel."""

    GREY = "grey"
    VIRIDIS = "viridis"
    MAGMA = "magma"
    INFERNO = "inferno"


class Limits(StrEnum):
    """Which pixel values are the darkest and the brightest shown."""

    ZSCALE = "zscale"
    MINMAX = "minmax"
    PERCENTILE = "percentile"


def _batch(given: str) -> int:
    """As in a search: pydantic's own reading knows more spellings of an integer."""
    if (value := integer(given)) < 0:
        raise ValueError("not a batch number")
    return value


class Options(BaseModel):
    """Parameters by name: a blank value is absent. Raises BadParameters for unknown names."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, given: dict[str, Any]) -> dict[str, Any]:
        filled = {n: v for n, v in given.items() if not isinstance(v, str) or v.strip()}
        if errors := unknown(filled, cls.model_fields):
            raise BadParameters(errors)
        return filled


class ListOptions(Options):
    """In which format a list comes: `format` or, without it, what Accept likes best (lists.py)."""

    format: Annotated[str | SkipJsonSchema[None], BeforeValidator(format_named)] = Field(
        default=None,
        json_schema_extra={"enum": list(FORMATS)},
        description=f"Format of the answer; it beats Accept, and without either it is {JSON}. "
        "Other formats than JSON come as a file.",
        examples=["csv"],
    )


class AsOf(Options):
    """How much of the archive is to be seen."""

    as_of: Annotated[int | SkipJsonSchema[None], BeforeValidator(_batch)] = Field(
        default=None,
        json_schema_extra={"format": "int64", "minimum": 0},
        description="Batch number: the archive as it was after it. Every answer says its own.",
        examples=[1],
    )


def _day(given: str) -> date:
    return nights.day_of(given.strip())


class NightsShown(Options):
    """Which nights of the ledger."""

    limit: int = Field(
        default=nights.DEFAULT_LIMIT,
        ge=1,
        le=nights.MAX_LIMIT,
        description="Nights in the answer, the newest.",
        examples=[30],
    )
    before: Annotated[
        date | SkipJsonSchema[None],
        BeforeValidator(_day),
        WithJsonSchema({"type": "string", "pattern": f"^({nights.DAY})?$", "examples": [NIGHT]}),
    ] = Field(
        default=None,
        description="Only nights before this one, YYYYMMDD or YYYY-MM-DD: the page after it.",
    )


class NightsOptions(ListOptions, NightsShown):
    """Which nights of the ledger, and how they come."""


class CountsOptions(ListOptions, AsOf):
    """How a night's counts come, and how much of the archive is seen."""


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
        description="The columns of the table, in this order, comma-separated; as JSON and JSON "
        "Lines the keys of each point, as far as its kind has them, and always its kind. Without "
        f"it all. There are {', '.join(POINTS)}.",
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


class FitsOptions(Options):
    """What a FITS file is to hold."""

    wcs: bool = Field(
        default=False,
        description="Add a TAN WCS to the header, computed from the alert's position; its COMMENT "
        "cards say how well it is known. The pixels stay as they are.",
        examples=[True],
    )


class Look(Options):
    """How a stamp is drawn."""

    size: int = Field(
        default=189,
        ge=32,
        le=MAX_SIZE,
        description="Pixels of the picture's longer side; 189 are three for each of a stamp's 63.",
        examples=[315],
    )
    stretch: Stretch = Field(
        default=Stretch.ASINH, description=Stretch.__doc__, examples=[Stretch.ASINH]
    )
    cmap: ColorMap = Field(
        default=ColorMap.GREY,
        description=f"{ColorMap.__doc__} Pixels without a value are blue in grey pictures and grey "
        "in coloured ones.",
        examples=[ColorMap.VIRIDIS],
    )
    limits: Limits = Field(
        default=Limits.ZSCALE,
        description=f"{Limits.__doc__} `zscale` is IRAF's; `percentile` leaves out 0.5 % at "
        "either end.",
        examples=[Limits.PERCENTILE],
    )

    @property
    def tag(self) -> str:
        """The same text for the same picture of a stamp."""
        return "-".join(str(value) for value in self.model_dump().values())


class StripLook(Look):
    """How an object's stamps are drawn as one picture."""

    size: int = Field(
        default=126,
        ge=32,
        le=MAX_STRIP_SIZE,
        description="Pixels of each stamp's side.",
        examples=[126],
    )
    limit: int = Field(
        default=50,
        ge=1,
        le=MAX_STRIP,
        description="Alerts shown; of more, the newest.",
        examples=[10],
    )


class ZipOptions(Options):
    """How much of an object a zip file is to hold."""

    limit: int = Field(
        default=MAX_ZIP,
        ge=1,
        le=MAX_ZIP,
        description="Alerts whose stamps are in the file; of more, the newest.",
        examples=[10],
    )
