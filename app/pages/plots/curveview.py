"""What a page shows of a light curve: the parameters of its address, which can be shared."""

from enum import StrEnum
from typing import Final, Self
from urllib.parse import urlencode

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError, ValidationInfo, field_validator

from app.errors import BadParameter, BadParameters
from app.objects.options import PointChoice
from app.objects.periods import LEAST_D, MOST_D


class View(StrEnum):
    """Which value of a point is drawn."""

    DIFFERENCE = "difference"
    TOTAL = "total"
    FLUX = "flux"


class Folding(StrEnum):
    """Whether times are folded, and by which period."""

    NO = "no"
    BEST = "best"
    PERIOD = "period"


class CurveView(PointChoice):
    """Which points are shown, which value of each, against time or folded by a period."""

    view: View = View.DIFFERENCE
    fold: Folding = Folding.NO
    period: float | None = Field(default=None, ge=LEAST_D, le=MOST_D, validate_default=True)

    @field_validator("period")
    @classmethod
    def _given(cls, given: float | None, info: ValidationInfo) -> float | None:
        if given is None and info.data.get("fold") is Folding.PERIOD:
            raise ValueError("needed where fold=period: the period in days")
        return given

    @classmethod
    def read(cls, request: Request, *others: str) -> Self:
        """The parameters of an address; it may have `others`. Raises as a route of FastAPI."""
        given = {n: v for n, v in request.query_params.multi_items() if v.strip()}
        lists = {n: request.query_params.getlist(n) for n in _LISTS if n in given}
        again = [n for n in given if n not in _LISTS and len(_filled(request, n)) > 1]
        if again:
            raise BadParameters([BadParameter(name, "given more than once") for name in again])
        own = {n: v for n, v in given.items() if n not in others}
        try:
            return cls.model_validate(own | lists)
        except ValidationError as error:
            # As FastAPI says it of what it reads itself.
            told = [one | {"loc": ("query", *one["loc"])} for one in error.errors()]
            raise RequestValidationError(told) from None

    @property
    def selection(self) -> str:
        """The chosen points as parameters of the API."""
        return urlencode([(name, value) for name in _LISTS for value in getattr(self, name)])


_LISTS: Final = ("kind", "filter")


def _filled(request: Request, name: str) -> list[str]:
    return [value for value in request.query_params.getlist(name) if value.strip()]
