"""IN_UNIT: a column in another unit, by astropy's VOUnits."""

from functools import lru_cache

from astropy import units

from app.adql.language import Node, place_of
from app.adql.values import Family, Value, double
from app.errors import BadQuery
from archive.columns import Kind


def in_unit(given: list[Value], node: Node) -> Value:
    """A column in another unit. Raises BadQuery."""
    if len(given) != 2 or given[1].text is None:
        raise BadQuery(f"IN_UNIT takes a column and a unit as text{place_of(node)}")
    value, wanted = given[0].asked_as(Family.NUMBER, node, "what IN_UNIT converts"), given[1].text
    if value.column is None or not value.column.unit:
        raise BadQuery(f"IN_UNIT takes a column that has a unit{place_of(node)}")
    try:
        factor = _factor(value.column.unit, wanted)
    except ValueError as error:
        raise BadQuery(f"IN_UNIT: {error}{place_of(node)}") from None
    column = value.column._replace(unit=wanted)
    sql = f"({double(value)} * {factor!r}::float8)"
    return Value(sql, Kind.DOUBLE, column, value.needs)


@lru_cache(maxsize=256)
def _factor(unit: str, wanted: str) -> float:
    try:
        target = units.Unit(wanted, format="vounit", parse_strict="raise")
    except (ValueError, TypeError):
        raise ValueError(f"{wanted[:40]!r} is no unit of VOUnits") from None
    try:
        return float(units.Unit(unit, format="vounit").to(target))
    except units.UnitConversionError:
        raise ValueError(f"a column in {unit} cannot be given in {wanted[:40]}") from None
