"""Tables that come with a query: VOTables in any serialization, as columns of PostgreSQL.

They are read by astropy. It would also follow the address in a STREAM, to any place that this
server reaches, so what has one is refused before.
"""

import io
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from xml.parsers import expat

from app import late
from app.adql.told import Upload
from app.errors import BadQuery
from archive.columns import BIGINT, BOOLEAN, DOUBLE, INTEGER, REAL, TEXT, TIME, Column, Kind

if TYPE_CHECKING:
    from astropy.io.votable.tree import Field, TableElement

MAX_BYTES: Final = 20_000_000
"""Of all parts of a request together."""
MAX_ROWS: Final = 100_000
MAX_COLUMNS: Final = 500
_MAX_TEXT: Final = 10_000
_TYPES: Final[dict[str, tuple[Kind, str]]] = {
    "boolean": (BOOLEAN, "bool"),
    "unsignedByte": (INTEGER, "int4"),
    "short": (INTEGER, "int4"),
    "int": (INTEGER, "int4"),
    "long": (BIGINT, "int8"),
    "float": (REAL, "float4"),
    "double": (DOUBLE, "float8"),
    "char": (TEXT, "text"),
    "unicodeChar": (TEXT, "text"),
}


class Uploaded(NamedTuple):
    """A table that came with a query."""

    upload: Upload
    arrays: list[list[Any]]
    """Its values, column by column."""


def read_upload(name: str, data: bytes) -> Uploaded:
    """A table from a VOTable. Raises BadQuery."""
    _check_xml(name, data)
    try:
        table = late.votable.parse(io.BytesIO(data), verify="ignore").get_first_table()
    except Exception as error:  # whatever astropy finds wrong in it
        raise BadQuery(f"the table {name} cannot be read as a VOTable: {_line(error)}") from None
    rows = len(table.array)
    if rows > MAX_ROWS:
        raise BadQuery(f"the table {name} has {rows:,} rows: at most {MAX_ROWS:,} are allowed")
    if len(table.fields) > MAX_COLUMNS:
        raise BadQuery(f"the table {name} has more than {MAX_COLUMNS} columns")
    return _columns_of(name, table)


def _columns_of(name: str, table: "TableElement") -> Uploaded:
    columns, types, arrays = [], [], []
    for n, field in enumerate(table.fields):
        # Arrays cannot be asked for in ADQL: they are left out.
        if (known := _TYPES.get(field.datatype)) and (known[0] is TEXT or not _is_array(field)):
            kind, sql_type = known
            array = table.array[table.array.dtype.names[n]].tolist()
            if field.xtype == "timestamp" and (times := _times(array)):
                kind, sql_type, array = TIME, "timestamp", times
            meaning = (field.description or "").strip()
            unit = "" if field.unit is None else str(field.unit)
            own = str(field.name or field.ID)
            columns.append(Column(own, kind, unit, field.ucd or "", meaning))
            types.append(sql_type)
            is_ascii = field.datatype == "char" and all(map(str.isascii, map(str, array)))
            columns[-1] = columns[-1]._replace(is_ascii=is_ascii)
            arrays.append([_value(one, kind, name) for one in array])
    if not columns:
        raise BadQuery(f"the table {name} has no column that can be used")
    return Uploaded(Upload(name, tuple(columns), tuple(types)), arrays)


def _times(texts: Sequence[Any]) -> list[Any] | None:
    """Times in UTC; None if one of them is none, so that all stay texts."""
    try:
        moments = [datetime.fromisoformat(str(text)) if text else None for text in texts]
    except ValueError:
        return None
    return [
        one and one.astimezone(UTC).replace(tzinfo=None) if one and one.tzinfo else one
        for one in moments
    ]


def _is_array(field: "Field") -> bool:
    return field.arraysize not in (None, "", "1")


def _value(value: Any, kind: Kind, name: str) -> Any:
    """A value as the driver takes it; what is no number is missing."""
    if value is None:
        return None
    if kind is TEXT:
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        if "\0" in text or len(text) > _MAX_TEXT:
            raise BadQuery(f"a text in the table {name} is too long, or has a NUL character")
        return text
    if kind in (REAL, DOUBLE) and not math.isfinite(value):
        return None
    return value


def _check_xml(name: str, data: bytes) -> None:
    """Raise BadQuery for what is no XML, or wants something from elsewhere."""
    parser = expat.ParserCreate()

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag.rpartition(":")[2].upper() == "STREAM" and "href" in attributes:
            raise BadQuery(f"the table {name} lies elsewhere (STREAM href): send its rows inline")

    def doctype(*_: Any) -> None:
        raise BadQuery(f"the table {name} has a DOCTYPE, which no VOTable has")

    parser.StartElementHandler, parser.StartDoctypeDeclHandler = start, doctype
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise BadQuery(f"the table {name} is no XML: {_line(error)}") from None
    except (LookupError, ValueError) as error:
        raise BadQuery(f"the table {name}: {_line(error)}; write it in UTF-8") from None


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def arguments_of(uploads: Sequence[Uploaded], names: Sequence[str]) -> list[list[Any]]:
    """The parameters of a statement on the tables of these names."""
    known = {one.upload.name: one.arrays for one in uploads}
    return [array for name in names for array in known[name]]
