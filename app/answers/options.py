"""Query parameters that many routes share, as FastAPI reads and describes them."""

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from app.answers.formats import FORMATS, JSON, read_format
from app.errors import BadParameters, unknown_parameters


class Options(BaseModel):
    """Parameters by name; blank values count as absent. Raises BadParameters for unknown names."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, given: dict[str, Any]) -> dict[str, Any]:
        filled = {n: v for n, v in given.items() if not isinstance(v, str) or v.strip()}
        if errors := unknown_parameters(filled, cls.model_fields):
            raise BadParameters(errors)
        return filled


class ListOptions(Options):
    """The format of a list: `format` or, without it, the one that Accept prefers (lists.py)."""

    format: Annotated[str | SkipJsonSchema[None], BeforeValidator(read_format)] = Field(
        default=None,
        json_schema_extra={"enum": list(FORMATS)},
        description=f"Format of the answer; it overrides Accept; the default is {JSON}. "
        "Formats other than JSON are sent as a file.",
        examples=["csv"],
    )
