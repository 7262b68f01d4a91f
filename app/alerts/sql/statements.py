"""SQL text that is made once and run on the driver's own connection."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Select,
)
from sqlalchemy.dialects.postgresql import asyncpg

_DIALECT: Final = asyncpg.dialect()  # type: ignore[no-untyped-call]


class Statement(NamedTuple):
    """SQL text for asyncpg, and the names of its parameters in order with their fixed values."""

    sql: str
    names: tuple[str, ...]
    fixed: Mapping[str, Any]
    costly: bool = False
    """Whether it waits at the gate: it looks at more of the archive than an index leads to."""

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        return [values[name] if name in values else self.fixed[name] for name in self.names]


def compile_statement(statement: Select[Any]) -> Statement:
    """Compile for asyncpg once and for all."""
    done = statement.compile(dialect=_DIALECT)
    return Statement(str(done), tuple(done.positiontup or ()), done.params)
