"""How alerts of a survey are asked for and answered, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from archive.survey import Survey


@dataclass(frozen=True, eq=False, kw_only=True)
class Wording:
    """What a survey's columns do not say of themselves."""

    survey: Survey
    title: str
    """The survey's name as people write it."""
    examples: Mapping[str, str]
    """Field -> a value that makes sense; a field that is not here has one of its type."""
    filter_examples: Mapping[str, str] = field(default_factory=dict)
    """Filter -> value, where a lower and an upper bound want different ones."""
    joint: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """Field -> its meaning, and the columns of ids any of which it may match."""
    body: str = ""
    """The field, with an index, that names a body of the solar system."""
    first: tuple[str, ...] = ()
    """Keys of an alert that come behind those that every survey has."""
    on_request: tuple[str, ...] = ("lco_id",)
    """Keys that an answer has only where `fields` names them."""
    named: tuple[str, ...] = ()
    """Filters that openapi.json lists by name; all others go through `where`."""
