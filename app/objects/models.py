"""Models of objects and their lists."""

from typing import Any, Final

from pydantic import Field, create_model

from app.answers.models import Model
from app.objects.groups import COLUMNS as GROUP_COLUMNS
from app.objects.summaries import BRIGHTEST, OBJECT_COLUMNS, TIMES
from app.search.models import Band, field_of, none_required
from archive.columns import Column

_AS_OF: Final = "number of the batch up to which the archive was seen"


class ObjectLinks(Model):
    """Addresses of an object's parts."""

    self: str
    alerts: str
    lightcurve: str
    cutouts_png: str
    cutouts_zip: str
    page: str = Field(description="the same for people")


def _fields(columns: tuple[Column, ...]) -> dict[str, Any]:
    fields: dict[str, Any] = {column.name: field_of(column) for column in columns}
    for name in fields.keys() & {"brightest_filter"}:
        fields[name] = (Band | None, fields[name][1])
    return fields


WholeObject = create_model(
    "WholeObject",
    __base__=Model,
    __doc__="One object: what its alerts say together, wherever they are.",
    **_fields(OBJECT_COLUMNS),
    links=(ObjectLinks, Field(description="addresses of the object's parts")),
)
ObjectSummary = create_model(
    "ObjectSummary",
    __base__=WholeObject,
    __doc__="An object of a list: every key is there, unless `fields` chose some.",
    __cls_kwargs__={"json_schema_extra": none_required},
)
_Seen = create_model("_Seen", __base__=Model, **_fields((*TIMES, *BRIGHTEST)))


class SeenIn(_Seen):
    """What an object's alerts in one filter say."""

    filter: Band | None
    alerts: int = Field(description="number of alerts")


class ObjectWithFilters(WholeObject):
    """One object, filter by filter too."""

    filters: list[SeenIn]
    as_of: int = Field(description=_AS_OF)


class GroupLinks(Model):
    """Addresses of an object's parts."""

    object: str
    lightcurve: str
    page: str = Field(description="the same for people")


Group = create_model(
    "Group",
    __base__=Model,
    __doc__="What the alerts of one object that match a search say together.",
    **_fields(GROUP_COLUMNS),
    links=(GroupLinks, Field(description="addresses of the object's parts")),
)


class GroupList(Model):
    """A page of objects, by their newest match."""

    items: list[Group]
    next: str | None = Field(description="cursor of the next page; null on the last")
    truncated: bool = Field(description="whether more may match than this answer holds")
    as_of: int = Field(description=_AS_OF)


class ObjectList(Model):
    """A page of objects, by name."""

    items: list[ObjectSummary]
    next: str | None = Field(description="cursor of the next page; null on the last")
    prev: str | None = Field(description="cursor of the page before; null on the first")
    truncated: bool = Field(description="whether more matched than this answer holds")
    as_of: int = Field(description=_AS_OF)


class Peak(Model):
    """A period that the periodogram is high at."""

    period: float = Field(description="period [d]", examples=[0.5678])
    power: float = Field(description="how much of the scatter a sine of this period takes, 0 to 1")
    false_alarm_probability: float = Field(
        description="chance that noise alone gives a peak as high somewhere in the range"
    )


class PeriodRange(Model):
    """The periods that were tried."""

    shortest: float = Field(description="shortest period [d]")
    longest: float = Field(description="longest period [d]")
    frequencies: int = Field(description="how many, evenly spaced in frequency")


class Periodogram(Model):
    """The periods of an object's brightness."""

    object_id: str = Field(examples=["ZTF21abiuvdk"])
    fluxes: int = Field(description="measured fluxes that were searched, one for each exposure")
    left_out: int = Field(description="older ones, beyond the number that one search takes")
    range: PeriodRange | None = Field(description="null where the fluxes are too few")
    peaks: list[Peak] = Field(description="the highest peaks, the highest first")
    as_of: int = Field(description=_AS_OF)
