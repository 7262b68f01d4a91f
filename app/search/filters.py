"""The vocabulary: every filter is a field and an operator, and both are one line here.

A filter's name is `<field>` (equality) or `<field>__<operator>`. From them come the clauses of a
search, the parameters in openapi.json and the nearest known name in an error.
"""

from collections.abc import Callable, Mapping
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

from app.search.solarsystem import spell_body
from app.search.values import (
    Parse,
    Value,
    read_angle_within,
    read_band_of,
    read_integer,
    read_mjd,
    read_moment,
    read_number,
    read_single,
    read_stored,
    read_truth,
)
from app.surveys.wording import Wording
from archive.columns import Column, Kind

MAX_LIST: Final = 1000


class Operator(NamedTuple):
    """How a column is compared; `many` takes a comma-separated list."""

    words: str
    clause: Callable[[ColumnElement[Any], ColumnElement[Any]], ColumnElement[bool]]
    many: bool = False


def _within(table: Any, circle: ColumnElement[Any]) -> ColumnElement[bool]:
    # Without parentheses PostgreSQL takes the subscript for part of the parameter's type.
    ra, dec, edge = (Grouping(circle)[literal_column(str(n))] for n in (1, 2, 3))
    near: ColumnElement[bool] = func.q3c_sindist(table.ra, table.dec, ra, dec) < edge
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
    "within": Operator(
        "closer than a radius to", lambda column, circle: _within(column.table.c, circle), many=True
    ),
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
    listed: bool = False
    """A field of ids: its equality takes a list too."""
    narrow: bool = False
    """Its equality leaves so few rows that they can be sorted by anything."""
    spell: Callable[[str], str | None] | None = None
    """A name as people write it -> as the survey does."""
    shown: tuple[tuple[str, str], ...] = ()
    """Operators that have an example of their own, and it."""

    def read_equals(self, text: str) -> list[Value]:
        """What a stored value may equal: of a text it as it is, without blanks, as ZTF spells it.

        Raises ValueError.
        """
        value = self.parse(text)
        if self.kind != "string":
            return [value]
        proper = self.spell(text) if self.spell else None
        return list(dict.fromkeys((text, value, proper or value)))


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
        return dict(self.field.shown).get(self.operator, self.field.example)

    @property
    def narrow(self) -> bool:
        """Whether an index leads from this filter to its few rows."""
        return self.field.narrow and self.operator in ("", "in")

    def read(self, text: str) -> "Clause":
        """The clause that a request's text asks for. Raises ValueError with what is wrong."""
        if self.operator == "isnull":
            return Clause(self, read_truth(text))
        if OPERATORS[self.operator].many or (self.operator == "" and self.field.listed):
            parts = [part for part in text.split(",") if part.strip()]
            if not 1 <= len(parts) <= MAX_LIST:
                raise ValueError(f"must be a comma-separated list of 1 to {MAX_LIST} values")
            values = [value for part in parts for value in self.field.read_equals(part)]
            return Clause(self.any_of, values)
        return self.read_one(text)

    def read_one(self, text: str) -> "Clause":
        """The clause for a text that is no list, commas or not. Raises ValueError."""
        if self.operator:
            return Clause(self, self.field.parse(text))
        values = self.field.read_equals(text)
        return Clause(self, values[0]) if len(values) == 1 else Clause(self.any_of, values)

    @property
    def any_of(self) -> "Filter":
        """The filter of the same field that takes a list."""
        return Filter(self.field, "in")

    def sql(self, table: Any, key: str) -> ColumnElement[bool]:
        """The clause on the columns of a table, its value left open as the parameter `key`."""
        columns = [table[name] for name in self.field.columns]
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

    @property
    def values(self) -> list[Value]:
        """The value, or each of a list."""
        return self.value if isinstance(self.value, list) else [self.value]


_KINDS: Final[dict[Kind, tuple[Parse, TypeEngine[Any], type, str, str]]] = {
    # A REAL column is compared with a double bound that was rounded to float32.
    Kind.REAL: (read_single, Double(), float, "number", "0.5"),
    Kind.DOUBLE: (read_number, Double(), float, "number", "0.5"),
    Kind.INTEGER: (read_integer, BigInteger(), int, "integer", "1"),
    Kind.BIGINT: (read_integer, BigInteger(), int, "integer", "1"),
    Kind.TEXT: (read_stored, Text(), str, "string", "ZTF"),
    Kind.BOOLEAN: (read_truth, Boolean(), bool, "boolean", "true"),
}
_ROUND, _LATITUDE = (0.0, 360.0), (-90.0, 90.0)
_ORDERED: Final = ("", "gt", "gte", "lt", "lte", "in", "isnull")


def _field(column: Column, wording: Wording) -> Field:
    name = column.name
    parse, bound, held, kind, example = _KINDS[column.kind]
    operators = _UNORDERED if column.kind is Kind.BOOLEAN else _ORDERED
    own = name in ("object_id", wording.survey.key)
    field = Field(
        name,
        column.meaning,
        column.unit,
        (name,),
        parse,
        bound,
        held,
        operators,
        "id" if column.as_text else kind,
        example,
        listed=own,
        narrow=own or name == wording.body,
        spell=spell_body if name == wording.body else None,
    )
    if name in _BOUNDS:
        return field._replace(parse=read_angle_within(*_BOUNDS[name]), bounds=_BOUNDS[name])
    if name == "filter":
        bands = wording.survey.bands
        parse = read_band_of(bands)
        return field._replace(parse=parse, operators=_UNORDERED, kind="band", example=bands[0])
    return field


_BOUNDS: Final = {"ra": _ROUND, "l": _ROUND, "dec": _LATITUDE, "b": _LATITUDE}
_BATCH: Final = Column("batch", Kind.BIGINT, "", "", "batch that stored the alert")
_LCO_ID: Final = Column("lco_id", Kind.BIGINT, "", "", "small number for links")


def make_fields(wording: Wording) -> dict[str, Field]:
    """What alerts of a survey can be searched by, by name."""
    survey = wording.survey
    fields = {c.name: _field(c, wording) for c in (*survey.derived, *survey.sent)}
    jd = fields["jd"]
    fields["time"] = jd._replace(
        name="time",
        meaning="start of exposure, RFC 3339 or a date, UTC",
        unit="",
        parse=read_moment,
        kind="time",
    )
    fields["mjd"] = jd._replace(
        name="mjd", meaning="start of exposure, modified Julian date, UTC", parse=read_mjd
    )
    for name, (meaning, columns) in wording.joint.items():
        first = fields[columns[0]]
        fields[name] = first._replace(
            name=name, meaning=meaning, columns=columns, operators=_UNORDERED, listed=True
        )
    fields |= {c.name: _field(c, wording) for c in (_BATCH, _LCO_ID)}
    return {name: _with_examples(field, wording) for name, field in fields.items()}


def _with_examples(field: Field, wording: Wording) -> Field:
    names = {f"{field.name}__{operator}": operator for operator in field.operators}
    shown = ((names[n], text) for n, text in wording.filter_examples.items() if n in names)
    example = wording.examples.get(field.name, field.example)
    return field._replace(example=example, shown=tuple(shown))


def make_filters(fields: Mapping[str, Field]) -> dict[str, Filter]:
    """Every filter of these fields, by name."""
    filters = (Filter(f, operator) for f in fields.values() for operator in f.operators)
    return {one.name: one for one in filters}
