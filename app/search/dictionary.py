"""The dictionary: what is known of each field, from the column list and the filters."""

from typing import Any, Final

from app.answers.tabular import Table
from app.search.filters import Field
from app.search.selection import ALERT_COLUMNS, ALERT_KEYS, ALERT_LINKS, SELECTABLE
from app.search.vocabulary import FIELDS
from archive.columns import BOOLEAN, TEXT, Column, Kind

_TYPES: Final[dict[Kind, str]] = {
    Kind.INTEGER: "integer",
    Kind.BIGINT: "integer",
    Kind.REAL: "number",
    Kind.DOUBLE: "number",
    Kind.TEXT: "string",
    Kind.BOOLEAN: "boolean",
    Kind.TIME: "string",
}

_EXPLAINED: Final = (
    ("name", TEXT, "meta.id;meta.main", "the field's name"),
    ("type", TEXT, "meta.code.class", "type in JSON; 64-bit ids are strings there"),
    ("stored", TEXT, "meta.code.class", "type in the archive"),
    ("unit", TEXT, "meta.unit", "unit of its values"),
    ("ucd", TEXT, "meta.ucd", "UCD1+ of the IVOA"),
    ("meaning", TEXT, "meta.note", "what it is"),
    ("sentinel", TEXT, "meta.code", 'what ZTF sends for "there is none"; null here'),
    ("since", TEXT, "meta.version", "first version of ZTF's schema that has it"),
    ("operators", TEXT, "meta.code", "operators for searching by it; the empty one is equality"),
    ("answered", BOOLEAN, "meta.code", "whether an alert has it without `fields`"),
    ("selectable", BOOLEAN, "meta.code", "whether `fields` may name it"),
)
_REQUIRED: Final = ("name", "type", "meaning", "answered", "selectable")
COLUMNS_OF_FIELD: Final = tuple(
    Column(
        *(name, kind, "", ucd, meaning),
        required=name in _REQUIRED,
        since="",
        is_ascii=name != "meaning",
    )
    for name, kind, ucd, meaning in _EXPLAINED
)
"""What is told of a field."""
FIELDS_TABLE: Final = Table("fields", "Every field that an alert of MARS has", COLUMNS_OF_FIELD)


def _line(name: str, column: Column | None, field: Field | None) -> dict[str, Any]:
    """One field; `objectidps` is only searched by, `links` only answered."""
    as_text = (column is not None and column.as_text) or (field is not None and field.kind == "id")
    kind = _TYPES[column.kind] if column else "object"
    return {
        "name": name,
        "type": "string" if as_text else kind,
        "stored": column.kind.value if column and name not in _MADE else None,
        "unit": column.unit or None if column else None,
        "ucd": column.ucd or None if column else None,
        "meaning": column.meaning if column else field.meaning if field else _LINKS,
        "sentinel": None if column is None or column.sentinel is None else str(column.sentinel),
        "since": column.since or None if column else None,
        "operators": list(field.operators) if field else [],
        "answered": name in ALERT_KEYS,
        "selectable": name in SELECTABLE,
    }


_MADE: Final = ("mjd", "time")
_LINKS: Final = f"addresses of the alert's parts; in tables as {', '.join(ALERT_LINKS)}"

DICTIONARY: Final[list[dict[str, Any]]] = [
    _line(name, ALERT_COLUMNS.get(name), FIELDS.get(name))
    for name in dict.fromkeys((*SELECTABLE, *FIELDS))
]
"""The fields of an answer in its order, then what else can be searched by."""
