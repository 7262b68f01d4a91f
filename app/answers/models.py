"""The base of models of answers, and the problem document."""

from pydantic import BaseModel, ConfigDict, Field


class Model(BaseModel):
    """A body whose keys are exactly the declared ones."""

    model_config = ConfigDict(extra="forbid")


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
