"""Models of single fields: an alert's columns as pydantic has them, and the dictionary."""

from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import Field, create_model

from app.answers.models import Model
from app.search.dictionary import COLUMNS_OF_FIELD
from archive.columns import Column, Kind


class Band(StrEnum):
    """ZTF's filters."""

    G = "g"
    R = "r"
    I = "i"  # noqa: E741 - the band's name


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


def field_of(column: Column) -> tuple[Any, Any]:
    """A column as pydantic has it: its type, and what is told of it."""
    kind = str if column.as_text else _TYPES[column.kind]
    unit = f" [{column.unit}]" if column.unit else ""
    missing = "" if column.sentinel is None else "; null where ZTF has none"
    described = Field(description=f"{column.meaning}{unit}{missing}")
    return (kind if column.required else kind | None), described


def none_required(schema: dict[str, Any]) -> None:
    """With `fields` an item holds what was chosen, so generated clients must not insist on more.

    Our own models do: an answer without `fields` has every key, and the tests hold it to that.
    """
    schema.pop("required")


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
