"""Response models: what openapi.json says of the answers, and what tests hold them against.

An alert's fields come from the archive's column list, so a column is written once. The hot path
builds the same shapes as plain dicts (formats.py) and never goes through these.
"""

from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, create_model

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
_JD: Final = 2458318.5
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


def _none_required(schema: dict[str, Any]) -> None:
    """With `fields` an alert holds what was chosen, so generated clients must not insist on more.

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
    __cls_kwargs__={"json_schema_extra": _none_required},
    **_on_request(),
)


class Point(Model):
    """What every point of a light curve has."""

    jd: float = Field(description="start of exposure, Julian date, UTC [d]", examples=[_JD])
    mjd: float = Field(description="start of exposure, modified Julian date, UTC [d]")
    mjd_mid: float | None = Field(description="middle of exposure; null before schema 3.1 [d]")
    time: Instant = Field(description="start of exposure, RFC 3339, UTC")
    filter: Band | None
    pid: int = Field(description="processing id of the exposure's quadrant")
    object_id: str | None = Field(
        default=None, description="the object whose point it is; only in merged light curves"
    )


class _Detected(Point):
    candid: str
    magpsf: float | None = Field(description="magnitude of the difference [mag]")
    sigmapsf: float | None = Field(description="1-sigma error of magpsf [mag]")
    isdiffpos: bool | None = Field(description="true: brighter than the reference")
    total_mag: float | None = Field(description="magnitude of source and difference [mag]")
    total_mag_err: float | None = Field(description="1-sigma error of total_mag [mag]")
    corrected: bool = Field(description="a reference source lies within 1.4 pixels")
    dubious: bool = Field(description="faded without a reference source, or no consistent one")
    flux_ujy: float | None = Field(description="flux of the difference, signed [uJy]")
    flux_ujy_err: float | None = Field(description="1-sigma error of flux_ujy [uJy]")
    rb: float | None
    drb: float | None


class Detection(_Detected):
    """An alert of the object."""

    kind: Literal["detection"]


class EarlierDetection(_Detected):
    """A detection known only from histories, rounded as ZTF rounds them."""

    kind: Literal["earlier_detection"]


class UpperLimit(Point):
    """An exposure in which nothing was detected."""

    kind: Literal["upper_limit"]
    diffmaglim: float = Field(description="5-sigma limit of the difference image [mag]")


class Forced(Point):
    """Forced photometry; the value that the newest alert carries."""

    kind: Literal["forced"]
    flux_ujy: float | None = Field(description="flux of the difference, signed [uJy]")
    flux_ujy_err: float | None = Field(description="1-sigma error of flux_ujy [uJy]")
    snr: float | None = Field(description="flux_ujy / flux_ujy_err")
    mag: float | None = Field(description="magnitude where |snr| > 3 [mag]")
    mag_err: float | None = Field(description="1-sigma error of mag [mag]")
    limit_mag: float | None = Field(description="5-sigma limit where |snr| <= 3 [mag]")
    procstatus: str | None = Field(description="0 clean, 56 warning, 55 and 61 no flux")
    from_candid: str = Field(description="the alert that carried the value")


class LightCurvePoint(RootModel[Detection | EarlierDetection | UpperLimit | Forced]):
    """A point of a light curve, told apart by `kind`."""

    root: Detection | EarlierDetection | UpperLimit | Forced = Field(discriminator="kind")


class AlertWithHistory(WholeAlert):
    """One alert and the light curve of its object up to now."""

    history: list[LightCurvePoint]


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
    """All nights, newest first."""

    items: list[Night]


class FieldType(StrEnum):
    """Type of a field in JSON; 64-bit ids are strings there."""

    INTEGER = "integer"
    NUMBER = "number"
    STRING = "string"
    BOOLEAN = "boolean"
    OBJECT = "object"


class FieldOfAlert(Model):
    """One line of the dictionary."""

    name: str = Field(examples=["magpsf"])
    type: FieldType = Field(description="type in JSON")
    stored: str | None = Field(description="type in the archive", examples=["real"])
    unit: str | None = Field(examples=["mag"])
    ucd: str | None = Field(description="UCD1+ of the IVOA", examples=["phot.mag"])
    meaning: str
    sentinel: str | None = Field(description='what ZTF sends for "there is none"; null here')
    since: str | None = Field(description="first version of ZTF's schema that has it")
    operators: list[str] = Field(
        description="with which it can be searched; the empty one is equality",
        examples=[["", "gt", "gte", "lt", "lte", "in", "isnull"]],
    )
    answered: bool = Field(description="whether an alert has it without being asked")
    selectable: bool = Field(description="whether `fields` may name it")


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
