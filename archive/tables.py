"""The archive's tables as SQLAlchemy Core sees them; `sql/schema.sql` is the truth, with comments.

A test compares the two name by name and type by type.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
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

from archive.columns import CANDIDATE, DERIVED, Kind

metadata = MetaData()

SQL_TYPE: Final[dict[Kind, type[types.TypeEngine[Any]]]] = {
    Kind.INTEGER: Integer,
    Kind.BIGINT: BigInteger,
    Kind.REAL: REAL,
    Kind.DOUBLE: Double,
    Kind.TEXT: Text,
    Kind.BOOLEAN: Boolean,
}
FILTER_OF_FID: Final = {1: "g", 2: "r", 3: "i"}
STAMPS: Final = ("science", "template", "difference")


alert = Table(
    "alert",
    metadata,
    Column("lco_id", BigInteger, nullable=False),
    Column("batch", BigInteger, nullable=False),
    *(
        Column(c.name, SQL_TYPE[c.kind], primary_key=c.name == "candid", nullable=not c.required)
        for c in CANDIDATE
    ),
    *(
        Column(c.name, SQL_TYPE[c.kind], nullable=not c.required)
        for c in DERIVED
        if c.name != "filter"
    ),
    Column("filter", Text, Computed("", persisted=True)),
    Column("sentinels", BigInteger, nullable=False),
    Column("extra", JSONB),
    Column("payload_hash", LargeBinary, nullable=False),
    Column("received", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("bundle", BigInteger),
    Column("packet_offset", BigInteger),
    Column("packet_length", Integer),
    *(
        column
        for stamp in STAMPS
        for column in (
            Column(f"{stamp}_offset", BigInteger),
            Column(f"{stamp}_length", Integer),
        )
    ),
)

LIMIT: Final = {"jd": Double, "pid": BigInteger, "fid": Integer, "diffmaglim": REAL}
DETECTION: Final = {
    "candid": BigInteger,
    "jd": Double,
    "pid": BigInteger,
    "fid": Integer,
    "magpsf": REAL,
    "sigmapsf": REAL,
    "isdiffpos": Boolean,
    "magnr": REAL,
    "sigmagnr": REAL,
    "distnr": REAL,
    "rb": REAL,
    "diffmaglim": REAL,
}
FORCED: Final = {
    "jd": Double,
    "pid": BigInteger,
    "fid": Integer,
    "forcediffimflux": REAL,
    "forcediffimfluxunc": REAL,
    "magzpsci": REAL,
    "procstatus": Text,
    "exptime": REAL,
    "diffmaglim": REAL,
    "magnr": REAL,
    "sigmagnr": REAL,
    "distnr": REAL,
}
HISTORIES: Final[dict[str, dict[str, type[types.TypeEngine[Any]]]]] = {
    "limit": LIMIT,
    "detection": DETECTION,
    "forced": FORCED,
}
"""The lists of a packet's history: `history.<list>_<field>` is an array, one element an entry."""

history = Table(
    "history",
    metadata,
    Column("candid", BigInteger, primary_key=True),
    Column("batch", BigInteger, nullable=False),
    *(
        Column(f"{kind}_{field}", ARRAY(sql_type))
        for kind, fields in HISTORIES.items()
        for field, sql_type in fields.items()
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
