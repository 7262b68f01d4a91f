"""The tables that all surveys share, as SQLAlchemy Core sees them, and how one of alerts is made.

`sql/schema.sql` is the truth, with comments.

A test compares the two name by name and type by type.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import (
    REAL,
    BigInteger,
    Boolean,
    Column,
    Computed,
    Date,
    DateTime,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
    types,
)
from sqlalchemy.dialects.postgresql import JSONB

from archive.columns import Column as AlertColumn
from archive.columns import Kind

metadata = MetaData()

SQL_TYPE: Final[dict[Kind, type[types.TypeEngine[Any]]]] = {
    Kind.INTEGER: Integer,
    Kind.BIGINT: BigInteger,
    Kind.REAL: REAL,
    Kind.DOUBLE: Double,
    Kind.TEXT: Text,
    Kind.BOOLEAN: Boolean,
}


def alert_table(
    metadata: MetaData,
    name: str,
    *,
    key: str,
    sent: Sequence[AlertColumn],
    derived: Sequence[AlertColumn],
    stamps: Sequence[str],
    generated: Collection[str] = (),
) -> Table:
    """A survey's table of alerts, `key` the column of their ids; the database makes `generated`."""
    made = [c.name for c in derived if c.name in generated]
    return Table(
        name,
        metadata,
        Column("lco_id", BigInteger, nullable=False),
        Column("batch", BigInteger, nullable=False),
        *(
            Column(c.name, SQL_TYPE[c.kind], primary_key=c.name == key, nullable=not c.required)
            for c in (*sent, *derived)
            if c.name not in made
        ),
        *(Column(name, Text, Computed("", persisted=True)) for name in made),
        Column("sentinels", BigInteger, nullable=False),
        Column("extra", JSONB),
        Column("payload_hash", LargeBinary, nullable=False),
        Column("received", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("bundle", BigInteger),
        *(
            Column(f"{part}_{what}", sql_type)
            for part in ("packet", *stamps)
            for what, sql_type in (("offset", BigInteger), ("length", Integer))
        ),
    )


bundle = Table(
    "bundle",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("batch", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
)

ledger = Table(
    "ledger",
    metadata,
    Column("batch", BigInteger, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("night", Date, nullable=False),
    Column("from_position", BigInteger, nullable=False),
    Column("to_position", BigInteger, nullable=False),
    Column("received", Integer, nullable=False),
    Column("stored", Integer, nullable=False),
    Column("duplicate", Integer, nullable=False),
    Column("private", Integer, nullable=False),
    Column("rejected", Integer, nullable=False),
    Column("time", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

position = Table(
    "position",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("incarnation", Integer, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("topic_id", Uuid),
)

held = Table(
    "held",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("next_offset", BigInteger, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("released", DateTime(timezone=True)),
)


def _kept_aside(*more: Column[Any]) -> Sequence[Column[Any]]:
    """What `reject` and `conflict` have in common: whence the bytes came and where they lie."""
    return (
        Column("source", Text, primary_key=True),
        Column("sha256", LargeBinary, primary_key=True),
        Column("batch", BigInteger, nullable=False),
        Column("night", Date, nullable=False),
        Column("partition", Integer, nullable=False),
        Column("position", BigInteger, nullable=False),
        Column("name", Text, nullable=False),
        Column("reason", Text, nullable=False),
        *more,
    )


reject = Table(
    "reject",
    metadata,
    *_kept_aside(
        Column("bundle", BigInteger),
        Column("packet_offset", BigInteger, nullable=False),
        Column("packet_length", Integer, nullable=False),
    ),
)
conflict = Table(
    "conflict",
    metadata,
    *_kept_aside(
        Column("candid", BigInteger, primary_key=True),
        Column("bundle", BigInteger),
        Column("packet_offset", BigInteger),
        Column("packet_length", Integer),
    ),
)

replayed = Table(
    "replayed",
    metadata,
    Column("source", Text, primary_key=True),
    Column("sha256", LargeBinary, primary_key=True),
    Column("batch", BigInteger, nullable=False),
)

counter = Table(
    "counter",
    metadata,
    Column("batch", BigInteger, nullable=False),
    Column("lco_id", BigInteger, nullable=False),
)

migration = Table(
    "migration",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("applied", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
