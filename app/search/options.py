"""How much of the archive a request sees, as a parameter."""

from typing import Annotated, Final

from pydantic import (
    BeforeValidator,
    Field,
)
from pydantic.json_schema import SkipJsonSchema

from app.answers.options import Options
from app.search.values import read_integer

AS_OF_WORDS: Final = (
    "Batch number: answer from the archive as it was after that batch. Every answer names its own."
)


def _batch(given: str) -> int:
    """As in a search: pydantic itself would accept more spellings of an integer."""
    if (value := read_integer(given)) < 0:
        raise ValueError("must be a batch number, 0 or more")
    return value


class AsOf(Options):
    """How much of the archive a request sees."""

    as_of: Annotated[int | SkipJsonSchema[None], BeforeValidator(_batch)] = Field(
        default=None,
        json_schema_extra={"format": "int64", "minimum": 0},
        description=AS_OF_WORDS,
        examples=[1],
    )
