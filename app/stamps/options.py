"""Query parameters of stamps: how they are drawn, and how many."""

from enum import StrEnum
from typing import Final

from pydantic import (
    Field,
)

from app.answers.options import Options

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


class FitsOptions(Options):
    """Contents of a FITS file."""

    wcs: bool = Field(
        default=False,
        description="Add a TAN WCS to the header, computed from the alert's position; its COMMENT "
        "cards give its accuracy. The pixels are unchanged.",
        examples=[True],
    )


class Look(Options):
    """How a stamp is drawn."""

    size: int = Field(
        default=189,
        ge=32,
        le=MAX_SIZE,
        description="Pixels of the picture's longer side; 189 is three for each of a stamp's 63.",
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
        description="Maximum number of alerts, the newest ones.",
        examples=[10],
    )


class ZipOptions(Options):
    """Contents of an object's zip file."""

    limit: int = Field(
        default=MAX_ZIP,
        ge=1,
        le=MAX_ZIP,
        description="Maximum number of alerts in the file, the newest ones.",
        examples=[10],
    )
