"""Response models of light curves, made from the columns of points.py; as answers/models.py."""

from typing import Any, Final, Literal

from pydantic import Field, RootModel, create_model

from app.alerts.models import WholeAlert
from app.answers.models import Model
from app.objects.points import HEAD, NEVER_NULL, OF_KIND, POINTS, PointKind
from app.search.models import Band, field_of

_EXAMPLES: Final = {"jd": [2458318.5]}


def _fields(names: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a point, without `kind`, which tells the models apart."""
    columns = {n: POINTS[n]._replace(required=POINTS[n].required or n in NEVER_NULL) for n in names}
    fields: dict[str, Any] = {n: field_of(c) for n, c in columns.items() if n != "kind"}
    for name in fields.keys() & {"filter"}:
        fields[name] = (Band | None, fields[name][1])
    for name in fields.keys() & _EXAMPLES:
        fields[name][1].examples = _EXAMPLES[name]
    return fields


_NAMED: Final = "the object whose point it is; only in merged light curves, or where `fields` asks"
_Point = create_model(
    "_Point",
    __base__=Model,
    **_fields(HEAD),
    object_id=(str | None, Field(default=None, description=_NAMED)),
)
_Detected = create_model("_Detected", __base__=_Point, **_fields(OF_KIND[PointKind.DETECTION]))
_Limited = create_model("_Limited", __base__=_Point, **_fields(OF_KIND[PointKind.UPPER_LIMIT]))
_Forced = create_model("_Forced", __base__=_Point, **_fields(OF_KIND[PointKind.FORCED]))


def _kind_required(schema: dict[str, Any]) -> None:
    """With `fields` a point holds its kind and what was chosen (search/models.none_required)."""
    schema["required"] = ["kind"]


class Detection(_Detected, json_schema_extra=_kind_required):
    """An alert of the object. Every key is there, unless `fields` chose some."""

    kind: Literal[PointKind.DETECTION]


class EarlierDetection(_Detected, json_schema_extra=_kind_required):
    """A detection known only from histories, rounded as ZTF rounds them."""

    kind: Literal[PointKind.EARLIER_DETECTION]


class UpperLimit(_Limited, json_schema_extra=_kind_required):
    """An exposure in which nothing was detected."""

    kind: Literal[PointKind.UPPER_LIMIT]


class Forced(_Forced, json_schema_extra=_kind_required):
    """Forced photometry; the value that the newest alert carries."""

    kind: Literal[PointKind.FORCED]


class LightCurvePoint(RootModel[Detection | EarlierDetection | UpperLimit | Forced]):
    """A point of a light curve, told apart by `kind`."""

    root: Detection | EarlierDetection | UpperLimit | Forced = Field(discriminator="kind")


class AlertWithHistory(WholeAlert):
    """One alert and the light curve of its object up to now."""

    history: list[LightCurvePoint]


class LightCurve(Model):
    """What is known of an object's brightness, in order of jd."""

    object_id: str = Field(examples=["ZTF21abiuvdk"])
    points: list[LightCurvePoint]
    object_ids: list[str] = Field(description="the objects whose points these are")
    as_of: int = Field(description="number of the batch up to which the archive was seen")
