"""IN_UNIT: a number in another unit, by astropy's VOUnits.

Units are those of columns, and of what is computed of them as far as its unit follows: a bare
number has none, and beside + or - it says nothing.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from app import late
from app.adql.language import Node, place_of
from app.adql.values import Family, Value, double
from app.errors import BadQuery
from archive.columns import DOUBLE, Column, Kind

if TYPE_CHECKING:
    from astropy.units import UnitBase as Unit

Read = Callable[[Node], Value]
_MOST_POWER: Final = 8
"""More is no unit of anything, and its conversion no number."""
_LIKE_ITS_ARGUMENT: Final = (
    "ABS",
    "AVG",
    "CEILING",
    "FLOOR",
    "MAX",
    "MIN",
    "ROUND",
    "SUM",
    "TRUNCATE",
)


def in_unit(node: exp.Anonymous, read: Read) -> Value:
    """A number in another unit. Raises BadQuery."""
    if len(node.expressions) != 2 or (wanted := read(node.expressions[1]).text) is None:
        raise BadQuery(f"IN_UNIT takes a number and a unit as text{place_of(node)}")
    inner = node.expressions[0]
    value = read(inner).asked_as(Family.NUMBER, node, "what IN_UNIT converts")
    unit = _unit_of(inner, read)
    if unit is None:
        raise BadQuery(
            f"IN_UNIT takes a column that has a unit, or what is computed of such{place_of(node)}"
        )
    try:
        factor = _factor(unit, wanted)
    except ValueError as error:
        raise BadQuery(f"IN_UNIT: {error}{place_of(node)}") from None
    column = Column("", DOUBLE, "", "", "") if value.column is None else value.column
    sql = f"({double(value)} * {factor!r}::float8)"
    return Value(sql, Kind.DOUBLE, column._replace(unit=wanted), value.needs, name="in_unit")


def _unit_of(node: Node, read: Read) -> "Unit | None":
    """The unit of an expression; None if it has none that is known."""
    if isinstance(node, exp.Paren | exp.Neg):
        return _unit_of(node.this, read)
    if isinstance(node, exp.Add | exp.Sub):
        a, b = _unit_of(node.this, read), _unit_of(node.expression, read)
        return a if a == b else None
    if isinstance(node, exp.Mul | exp.Div):
        a, b = _unit_of_factor(node.this, read), _unit_of_factor(node.expression, read)
        if a is None or b is None:
            return None
        return a * b if isinstance(node, exp.Mul) else a / b
    name = str(node.this).upper() if isinstance(node, exp.Anonymous) else ""
    if name in (*_LIKE_ITS_ARGUMENT, "SQRT", "POWER"):
        inner, *others = node.expressions
        powers = {"SQRT": 0.5, "POWER": read(others[0]).number if others else None}
        return _raised(powers.get(name, 1), _unit_of(inner, read))
    column = read(node).column
    return _read(column.unit) if column is not None and column.unit else None


def _raised(power: float | None, unit: "Unit | None") -> "Unit | None":
    """A power of a unit; None if one of them is not known, or the power is beyond all units."""
    if power is None or unit is None or abs(power) > _MOST_POWER:
        return None
    return unit**power


def _unit_of_factor(node: Node, read: Read) -> "Unit | None":
    """The unit of a factor: a number has none, and changes none."""
    return (
        late.units.dimensionless_unscaled if read(node).number is not None else _unit_of(node, read)
    )


@lru_cache(maxsize=256)
def _read(unit: str) -> "Unit | None":
    try:
        read: Unit = late.units.Unit(unit, format="vounit", parse_strict="raise")
    except (ValueError, TypeError):
        return None
    return read


@lru_cache(maxsize=256)
def _factor(unit: "Unit", wanted: str) -> float:
    target = _read(wanted)
    if target is None:
        raise ValueError(f"{wanted[:40]!r} is no unit of VOUnits")
    try:
        factor = float(unit.to(target))
        if not 0 < factor < math.inf:
            raise ValueError(f"no number takes {unit} to {wanted[:40]}")
        return factor
    except late.units.UnitConversionError:
        raise ValueError(f"what is in {unit} cannot be given in {wanted[:40]}") from None
