"""An alert's fields in groups, with unit and meaning, as pages list them."""

from typing import Final, NamedTuple

from app.alerts.models import Alert
from app.surveys.ztf.groups import FIELD_GROUPS
from archive.surveys.ztf.columns import CANDIDATE, DERIVED


class Field(NamedTuple):
    """A key of the typed API's alert."""

    name: str
    unit: str
    meaning: str


_COLUMNS: Final = {c.name: c for c in (*DERIVED, *CANDIDATE)}


def _field(name: str) -> Field:
    if name in _COLUMNS:
        column = _COLUMNS[name]
        return Field(name, column.unit, column.meaning)
    return Field(name, "", Alert.model_fields[name].description or "")


GROUPS: Final = {
    title: tuple(_field(name) for name in names.split()) for title, names in FIELD_GROUPS.items()
}
"""Title -> fields; every key of an alert but its links, once."""
