"""CAST: ADQL's types, and what they are in PostgreSQL."""

from typing import Final

from sqlglot import exp

from app.adql.language import place_of
from app.adql.values import Value
from app.errors import BadQuery
from archive.columns import Kind

_TYPES: Final = {
    exp.DataType.Type.SMALLINT: ("smallint", Kind.INTEGER),
    exp.DataType.Type.INT: ("integer", Kind.INTEGER),
    exp.DataType.Type.BIGINT: ("bigint", Kind.BIGINT),
    exp.DataType.Type.FLOAT: ("real", Kind.REAL),
    exp.DataType.Type.DOUBLE: ("float8", Kind.DOUBLE),
    exp.DataType.Type.CHAR: ("text", Kind.TEXT),
    exp.DataType.Type.VARCHAR: ("text", Kind.TEXT),
    exp.DataType.Type.TIMESTAMP: ("timestamp", Kind.TIME),
}
_MAX_LENGTH: Final = 10_000


def cast(value: Value, node: exp.Cast) -> Value:
    """A value as another type. Raises BadQuery."""
    wanted = node.args["to"]
    known = _TYPES.get(wanted.this) if isinstance(wanted, exp.DataType) else None
    if known is None:
        raise BadQuery(
            f"CAST to {wanted.sql()[:40]} is not supported{place_of(node)}: write SMALLINT, "
            "INTEGER, BIGINT, REAL, DOUBLE PRECISION, CHAR, VARCHAR or TIMESTAMP"
        )
    name, kind = known
    if sizes := wanted.expressions:
        length = sizes[0].this.name if len(sizes) == 1 and kind is Kind.TEXT else ""
        if not length.isdecimal() or not 0 < int(length) <= _MAX_LENGTH:
            raise BadQuery(f"this length of a type is not supported{place_of(node)}")
        name = f"varchar({int(length)})"
    return Value(f"(({value.sql})::{name})", kind, value.column, value.needs)
