"""Query parameters of nights and their counts."""

from datetime import date
from typing import Annotated

from pydantic import (
    BeforeValidator,
    Field,
    WithJsonSchema,
)
from pydantic.json_schema import SkipJsonSchema

from app.answers.options import ListOptions, Options
from app.nights import days
from app.search.examples import NIGHT
from app.search.options import AsOf


def _day(given: str) -> date:
    return days.read_day(given.strip())


class NightsShown(Options):
    """Which nights of the ledger."""

    limit: int = Field(
        default=days.DEFAULT_LIMIT,
        ge=1,
        le=days.MAX_LIMIT,
        description="Maximum number of nights, the newest ones.",
        examples=[30],
    )
    before: Annotated[
        date | SkipJsonSchema[None],
        BeforeValidator(_day),
        WithJsonSchema({"type": "string", "pattern": f"^({days.DAY})?$", "examples": [NIGHT]}),
    ] = Field(
        default=None,
        description="Only nights before this one, YYYYMMDD or YYYY-MM-DD: for the next page.",
    )


class NightsOptions(ListOptions, NightsShown):
    """Which nights of the ledger, and how they come."""


class CountsOptions(ListOptions, AsOf):
    """How a night's counts come, and how much of the archive is seen."""


class NightAlerts(AsOf):
    """How much of the archive is seen."""
