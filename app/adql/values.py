"""What an expression of a query is: SQL, its type, and what it depends on."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from app.adql.language import place_of
from app.errors import BadQuery
from archive.columns import Column, Kind

NONE: Final[frozenset[str]] = frozenset()


class Family(StrEnum):
    """Types that may stand for one another."""

    NUMBER = "a number"
    TEXT = "a text"
    BOOLEAN = "true or false"
    TIME = "a time"


_FAMILIES: Final = {
    Kind.INTEGER: Family.NUMBER,
    Kind.BIGINT: Family.NUMBER,
    Kind.REAL: Family.NUMBER,
    Kind.DOUBLE: Family.NUMBER,
    Kind.TEXT: Family.TEXT,
    Kind.BOOLEAN: Family.BOOLEAN,
    Kind.TIME: Family.TIME,
}
WHOLE: Final = (Kind.INTEGER, Kind.BIGINT)


@dataclass(frozen=True, slots=True)
class Value:
    """A value as SQL that can stand anywhere: it has its own parentheses."""

    sql: str
    kind: Kind | None
    """None: it may be of any type."""
    column: Column | None = None
    """The column that it is, as it is."""
    needs: frozenset[str] = NONE
    """The tables on whose rows it depends."""
    text: str | None = None
    """The text that it is, if it is a constant one."""
    number: float | None = None
    """The number that it is, if it is a constant one."""
    name: str = ""
    """What a column of the result is called if the query does not say."""

    @property
    def family(self) -> Family | None:
        """None: any."""
        return None if self.kind is None else _FAMILIES[self.kind]

    def asked_as(self, family: Family, node: Any, what: str) -> "Value":
        """Itself. Raises BadQuery unless it is of this family."""
        if self.family not in (None, family):
            raise BadQuery(f"{what} must be {family}, not {self.family}{place_of(node)}")
        return self

    def described(self, name: str) -> Column:
        """The column of a result in which it stands."""
        kind = self.kind or Kind.TEXT
        if self.column is None:
            return Column(name, kind, "", "", "", is_ascii=False)
        return self.column._replace(name=name, required=False)


def needs_of(*values: Value) -> frozenset[str]:
    """The tables on whose rows any of them depends."""
    return NONE.union(*(value.needs for value in values))


def double(value: Value) -> str:
    """A number as a double."""
    return value.sql if value.kind is Kind.DOUBLE else f"({value.sql})::float8"


def time(value: Value, node: Any) -> Value:
    """A constant text that is compared with a time, as such. Raises BadQuery."""
    if value.text is None:
        return value
    try:
        moment = datetime.fromisoformat(value.text)
    except ValueError:
        raise BadQuery(f"{value.text[:40]!r} is no time{place_of(node)}") from None
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return replace(value, sql=f"'{moment.isoformat()}'::timestamp", kind=Kind.TIME)


def boolean(value: Value) -> Value:
    """A constant that may stand for true or false, as such."""
    word = (value.text or "").strip().lower()
    if value.number in (0, 1) and value.kind is Kind.INTEGER:
        word = "true" if value.number else "false"
    return replace(value, sql=word, kind=Kind.BOOLEAN) if word in ("true", "false") else value
