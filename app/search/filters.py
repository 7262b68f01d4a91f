"""The vocabulary: every filter is a field and an operator, and both are one line here.

A filter's name is `<field>` (equality) or `<field>__<operator>`. FILTERS holds them all; from it
come the clauses of a search, the parameters in openapi.json and the nearest known name in an error.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Double,
    Text,
    and_,
    any_,
    bindparam,
    func,
    literal_column,
    or_,
)
from sqlalchemy.sql.elements import Grouping
from sqlalchemy.types import TypeEngine

from app.search.examples import OF_FIELD, OF_FILTER
from app.search.values import (
    Parse,
    Value,
    read_angle_within,
    read_band,
    read_integer,
    read_mjd,
    read_moment,
    read_number,
    read_single,
    read_text,
    read_truth,
)
from archive.columns import CANDIDATE, DERIVED, Column, Kind
from archive.tables import alert

MAX_LIST: Final = 1000


class Operator(NamedTuple):
    """How a column is compared; `many` takes a comma-separated list."""

    words: str
    clause: Callable[[ColumnElement[Any], ColumnElement[Any]], ColumnElement[bool]]
    many: bool = False


def _within(circle: ColumnElement[Any]) -> ColumnElement[bool]:
    # Without parentheses PostgreSQL takes the subscript for part of the parameter's type.
    ra, dec, edge = (Grouping(circle)[literal_column(str(n))] for n in (1, 2, 3))
    near: ColumnElement[bool] = func.q3c_sindist(alert.c.ra, alert.c.dec, ra, dec) < edge
    return near


OPERATORS: Final[dict[str, Operator]] = {
    "": Operator("equal to", lambda column, value: column == value),
    "gt": Operator("greater than", lambda column, value: column > value),
    "gte": Operator("greater than or equal to", lambda column, value: column >= value),
    "lt": Operator("less than", lambda column, value: column < value),
    "lte": Operator("less than or equal to", lambda column, value: column <= value),
    "in": Operator("one of", lambda column, value: column == any_(value), many=True),
    "isnull": Operator("without a value", lambda column, value: column.is_(None) == value),
    # Of [upper, lower]: 0 below the first threshold, 2 from the second on.
    "outside": Operator("outside", lambda c, value: func.width_bucket(c, value) != 1, many=True),
    # Of [ra, dec, sin²(radius / 2)], as the cone's exact test: for a cone beside the first.
    "within": Operator("closer than a radius to", lambda _, circle: _within(circle), many=True),
    "bits": Operator("with a bit of", lambda column, value: column.bitwise_and(value) != 0),
}
_UNORDERED: Final = ("", "in", "isnull")


class Field(NamedTuple):
    """What can be searched: its columns (any of them may match) and how a value is read."""

    name: str
    meaning: str
    unit: str
    columns: tuple[str, ...]
    parse: Parse
    bound: TypeEngine[Any]
    held: type
    """The type of a stored value."""
    operators: tuple[str, ...]
    kind: str
    """`number`, `integer`, `string`, `boolean`, `id` or `time`: the word in openapi.json."""
    example: str
    bounds: tuple[float, float] | None = None
    """The least and the greatest value that a search may name."""


class Filter(NamedTuple):
    """One name of the vocabulary."""

    field: Field
    operator: str

    @property
    def name(self) -> str:
        return f"{self.field.name}__{self.operator}" if self.operator else self.field.name

    @property
    def example(self) -> str:
        """A value that makes sense."""
        if self.operator == "isnull":
            return "true"
        return OF_FILTER.get(self.name, self.field.example)

    @property
    def narrow(self) -> bool:
        """Whether an index leads from this filter to its few rows."""
        return self.field.name in _NARROW and self.operator in ("", "in")

    def read(self, text: str) -> "Clause":
        """The clause that a request's text asks for. Raises ValueError with what is wrong."""
        if self.operator == "isnull":
            return Clause(self, read_truth(text))
        if OPERATORS[self.operator].many or (self.operator == "" and self.field.name in _LISTS):
            parts = [part for part in text.split(",") if part.strip()]
            if not 1 <= len(parts) <= MAX_LIST:
                raise ValueError(f"must be a comma-separated list of 1 to {MAX_LIST} values")
            return Clause(Filter(self.field, "in"), [self.field.parse(part) for part in parts])
        return Clause(self, self.field.parse(text))

    def sql(self, key: str) -> ColumnElement[bool]:
        """The clause, its value left open as the parameter `key`."""
        columns = [alert.c[name] for name in self.field.columns]
        if self.operator == "isnull":
            # A field of several columns is null when none of them has a value.
            missing = and_(*(column.is_(None) for column in columns))
            return missing == bindparam(key, type_=Boolean())
        operator, bound = OPERATORS[self.operator], self.field.bound
        parameter = bindparam(key, type_=ARRAY(bound) if operator.many else bound)
        return or_(*(operator.clause(column, parameter) for column in columns))


class Clause(NamedTuple):
    """A filter with its value."""

    filter: Filter
    value: Value | list[Value]


_LISTS: Final = ("object_id", "candid", "objectidps")
"""Fields of ids: their equality takes a list too."""
_NARROW: Final = ("object_id", "candid", "ssnamenr")
"""Fields whose equality leaves so few rows that they can be sorted by anything."""

_KINDS: Final[dict[Kind, tuple[Parse, TypeEngine[Any], type, str, str]]] = {
    # A REAL column is compared with a double bound that was rounded to float32.
    Kind.REAL: (read_single, Double(), float, "number", "0.5"),
    Kind.DOUBLE: (read_number, Double(), float, "number", "0.5"),
    Kind.INTEGER: (read_integer, BigInteger(), int, "integer", "1"),
    Kind.BIGINT: (read_integer, BigInteger(), int, "integer", "1"),
    Kind.TEXT: (read_text, Text(), str, "string", "ZTF"),
    Kind.BOOLEAN: (read_truth, Boolean(), bool, "boolean", "true"),
}
_ROUND, _LATITUDE = (0.0, 360.0), (-90.0, 90.0)
_ORDERED: Final = ("", "gt", "gte", "lt", "lte", "in", "isnull")


def _field(column: Column) -> Field:
    parse, bound, held, kind, example = _KINDS[column.kind]
    operators = _UNORDERED if column.kind is Kind.BOOLEAN else _ORDERED
    described = (column.name, column.meaning, column.unit, (column.name,))
    shown = OF_FIELD.get(column.name, example)
    return Field(*described, parse, bound, held, operators, kind, shown)


def _fields() -> dict[str, Field]:
    fields = {c.name: _field(c) for c in (*DERIVED, *CANDIDATE)}
    jd = fields["jd"]
    fields["time"] = jd._replace(
        name="time",
        meaning="start of exposure, RFC 3339 or a date, UTC",
        unit="",
        parse=read_moment,
        kind="time",
        example=OF_FIELD["time"],
    )
    fields["mjd"] = jd._replace(
        name="mjd",
        meaning="start of exposure, modified Julian date, UTC",
        parse=read_mjd,
        example=OF_FIELD["mjd"],
    )
    for name, bounds in {"ra": _ROUND, "l": _ROUND, "dec": _LATITUDE, "b": _LATITUDE}.items():
        fields[name] = fields[name]._replace(parse=read_angle_within(*bounds), bounds=bounds)
    fields["filter"] = fields["filter"]._replace(parse=read_band, operators=_UNORDERED, kind="band")
    for name in ("candid", "objectidps1", "objectidps2", "objectidps3"):
        fields[name] = fields[name]._replace(kind="id")
    fields["objectidps"] = fields["objectidps1"]._replace(
        name="objectidps",
        meaning="id of any of the three closest Pan-STARRS1 sources",
        columns=("objectidps1", "objectidps2", "objectidps3"),
        operators=_UNORDERED,
    )
    for name, meaning in (
        ("batch", "batch that stored the alert"),
        ("lco_id", "small number for links"),
    ):
        numbered = (read_integer, BigInteger(), int, _ORDERED, "integer", "1")
        fields[name] = Field(name, meaning, "", (name,), *numbered)
    return fields


FIELDS: Final[dict[str, Field]] = _fields()
FILTERS: Final[dict[str, Filter]] = {
    (f := Filter(field, operator)).name: f
    for field in FIELDS.values()
    for operator in field.operators
}

NAMED: Final[tuple[str, ...]] = tuple(
    """object_id candid objectidps filter ra__gt ra__lt dec__gt dec__lt l__gt l__lt b__gt b__lt
    time__gt time__gte time__lt time__lte jd__gt jd__gte jd__lt jd__lte mjd__gt mjd__gte mjd__lt
    mjd__lte magpsf__gte magpsf__lte sigmapsf__lte magap__gte magap__lte distnr__gte distnr__lte
    deltamaglatest__gte deltamaglatest__lte deltamagref__gte deltamagref__lte rb__gte drb__gte
    classtar__gte classtar__lte fwhm__lte nbad__lte elong__lte isdiffpos ssnamenr""".split()
)
"""What openapi.json lists by name, as MARS's form did; all others go through `where`."""
