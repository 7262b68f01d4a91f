"""Response models: what openapi.json says of the answers, and what tests hold them against.

An alert's fields come from the archive's column list, so a column is written once. The hot path
builds the same shapes as plain dicts (formats.py) and never goes through these.
"""

from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, create_model

from app.dictionary import COLUMNS_OF_FIELD
from app.selection import ALERT_KEYS, COLUMNS, ON_REQUEST
from app.tabular import AS_TEXT
from archive.columns import Column, Kind


class Model(BaseModel):
    """A body whose keys are exactly the declared ones."""

    model_config = ConfigDict(extra="forbid")


class Band(StrEnum):
    """ZTF's filters."""

    G = "g"
    R = "r"
    I = "i"  # noqa: E741 - the band's name


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


Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
_TYPES: Final[dict[Kind, Any]] = {
    Kind.INTEGER: Annotated[int, Field(json_schema_extra={"format": "int32"})],
    Kind.BIGINT: int,
    Kind.REAL: Annotated[float, Field(json_schema_extra={"format": "float"})],
    Kind.DOUBLE: float,
    Kind.TEXT: str,
    Kind.BOOLEAN: bool,
    Kind.TIME: Instant,
}
_OWN: Final[dict[str, Any]] = {
    "filter": (Band | None, Field(description="band of the exposure")),
    "links": (Links, Field(description="addresses of the alert's parts")),
}


def field_of(column: Column) -> tuple[Any, Any]:
    """A column as pydantic has it: its type, and what is told of it."""
    kind = str if column.name in AS_TEXT else _TYPES[column.kind]
    unit = f" [{column.unit}]" if column.unit else ""
    missing = "" if column.sentinel is None else "; null where ZTF has none"
    described = Field(description=f"{column.meaning}{unit}{missing}")
    return (kind if column.required else kind | None), described


def _alert_fields() -> dict[str, Any]:
    return {n: _OWN[n] if n in _OWN else field_of(COLUMNS[n]) for n in ALERT_KEYS}


def _on_request() -> dict[str, Any]:
    """Fields that are there only where `fields` names them: what Pydantic calls a default."""
    described = {n: field_of(COLUMNS[n]) for n in ON_REQUEST}
    return {
        n: (kind | None, Field(None, description=f"{words.description}; only on request"))
        for n, (kind, words) in described.items()
    }


def none_required(schema: dict[str, Any]) -> None:
    """With `fields` an item holds what was chosen, so generated clients must not insist on more.

    Our own models do: an answer without `fields` has every key, and the tests hold it to that.
    """
    schema.pop("required")


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
    """How sure a count is: an estimate is the planner's, rounded; `at least` a bound."""

    EXACT = "exact"
    ESTIMATE = "estimate"
    AT_LEAST = "at least"


class Place(Model):
    """Where a name is."""

    name: str = Field(description="the object's own name at its source", examples=["M 101"])
    ra: float = Field(description="right ascension, ICRS [deg]", examples=[210.80225])
    dec: float = Field(description="declination, ICRS [deg]", examples=[54.348944])
    radius: float = Field(description="radius that a search around it should have, or has [deg]")
    source: str = Field(
        description="who says so: coordinates, MARS (its own alerts), OpenNGC, CDS Sesame or SIMBAD"
    )


class AlertList(Model):
    """A page of alerts."""

    items: list[Alert]
    next: str | None = Field(description="cursor of the next page; null on the last")
    prev: str | None = Field(description="cursor of the page before; null on the first")
    truncated: bool = Field(description="whether more matched than this answer holds")
    as_of: int = Field(description="number of the batch up to which the archive was seen")
    count: int | None = Field(default=None, description="alerts that match; only where asked for")
    count_kind: CountKind | None = Field(default=None, description="how sure `count` is")
    place: Place | None = Field(default=None, description="where `name` was found; only with it")


class FieldType(StrEnum):
    """Type of a field in JSON; 64-bit ids are strings there."""

    INTEGER = "integer"
    NUMBER = "number"
    STRING = "string"
    BOOLEAN = "boolean"
    OBJECT = "object"


_EXPLAINED: Final = {c.name: field_of(c) for c in COLUMNS_OF_FIELD}
FieldOfAlert = create_model(
    "FieldOfAlert",
    __base__=Model,
    __doc__="One line of the dictionary.",
    **_EXPLAINED
    | {
        "type": (FieldType, _EXPLAINED["type"][1]),
        "operators": (list[str], _EXPLAINED["operators"][1]),
    },
)


class Dictionary(Model):
    """Every field that an alert has or can be searched by."""

    items: list[FieldOfAlert]


class ParameterError(Model):
    """One parameter that could not be used."""

    parameter: str
    reason: str
    nearest: str | None = None


class Problem(BaseModel):
    """Problem details, RFC 9457."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    errors: list[ParameterError] | None = None
    suggestions: list[str] | None = Field(default=None, description="known names that are near")
