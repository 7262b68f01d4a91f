"""XML of VOSI, UWS and VOResource, from templates/vo: each is valid by IVOA's schema of it."""

from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from archive.columns import TEXT, Column, Kind

XML: Final = "text/xml; charset=utf-8"
_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1] / "templates" / "vo"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TYPES: Final[dict[Kind, str]] = {
    Kind.INTEGER: "int",
    Kind.BIGINT: "long",
    Kind.REAL: "float",
    Kind.DOUBLE: "double",
    Kind.BOOLEAN: "boolean",
}


def render(name: str, **values: Any) -> str:
    """A document, from the template of its name."""
    return _TEMPLATES.get_template(f"{name}.xml").render(values)


def votable_type(column: Column) -> tuple[str, str | None]:
    """A column's datatype and arraysize, as tap_schema has them."""
    if column.kind is TEXT:
        return ("char" if column.is_ascii else "unicodeChar"), "*"
    return _TYPES[column.kind], None
