"""The tables of schema `app`: the app's own data, written as mars_app.

`sql/schema.sql` is the truth, with comments; a test compares the two. They stand here, not in
`archive/`: the consumer has no part in them.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE, JSONB

metadata = MetaData(schema="app")

name = Table(
    "name",
    metadata,
    Column("name", Text, primary_key=True),
    Column("canonical", Text),
    Column("ra", Double),
    Column("dec", Double),
    Column("source", Text, nullable=False),
    Column("resolved", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

job = Table(
    "job",
    metadata,
    Column("id", Text, primary_key=True),
    Column("client", Text, nullable=False),
    Column("status", Text, nullable=False, server_default="queued"),
    Column("parameters", JSONB, nullable=False),
    Column("parts", ARRAY(Integer), nullable=False),
    Column("expected", Integer),
    Column("done", Integer, nullable=False, server_default="0"),
    Column("as_of", BigInteger),
    Column("starts", Integer, nullable=False, server_default="0"),
    Column("found", BigInteger),
    Column("size", BigInteger),
    Column("error", Text),
    Column("created", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("ended", DateTime(timezone=True)),
    Column("expires", DateTime(timezone=True), nullable=False),
    Column("kind", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("is_estimate", Boolean, nullable=False, server_default="false"),
    Column("cap", Integer),
    Column("next", Text),
    Column("started", DateTime(timezone=True)),
)

region = Table(
    "region",
    metadata,
    Column("id", Text, primary_key=True),
    Column("client", Text, nullable=False),
    Column("cells", INT8MULTIRANGE, nullable=False),
    Column("covering", INT8MULTIRANGE),
    Column("max_order", SmallInteger, nullable=False),
    Column("area", Double, nullable=False),
    Column("credible_level", Double),
    Column("created", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires", DateTime(timezone=True), nullable=False),
    Column("secret", LargeBinary),
)

token = Table(
    "token",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("made", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("revoked", DateTime(timezone=True)),
)

watch = Table(
    "watch",
    metadata,
    Column("id", Text, primary_key=True),
    Column("client", Text, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("filters", JSONB, nullable=False),
    Column("positions", Integer, nullable=False),
    Column("widest", Double),
    Column("upto", BigInteger, nullable=False),
    Column("created", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires", DateTime(timezone=True), nullable=False),
    Column("found", BigInteger, nullable=False, server_default="0"),
)

watch_position = Table(
    "watch_position",
    metadata,
    Column("watch", Text, ForeignKey("app.watch.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("ra", Double, nullable=False),
    Column("dec", Double, nullable=False),
    Column("radius", Double, nullable=False),
)

hit = Table(
    "hit",
    metadata,
    Column("watch", Text, ForeignKey("app.watch.id"), primary_key=True),
    Column("lco_id", BigInteger, primary_key=True),
    Column("found", DateTime(timezone=True), nullable=False, server_default=func.now()),
)


def _progress() -> Iterator[Column[Any]]:
    """The columns of a delivery that say how far it is."""
    yield Column("status", Text, nullable=False, server_default="unconfirmed")
    yield Column("cursor", BigInteger, nullable=False)
    yield Column("reach", BigInteger)
    yield Column("tries", SmallInteger, nullable=False, server_default="0")
    yield Column("tried", DateTime(timezone=True))
    yield Column("outcome", Text)
    for name in ("due", "created"):
        yield Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


webhook = Table(
    "webhook",
    metadata,
    Column("watch", Text, ForeignKey("app.watch.id"), primary_key=True),
    Column("client", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("secret", Text, nullable=False),
    *_progress(),
)

subscription = Table(
    "subscription",
    metadata,
    Column("watch", Text, ForeignKey("app.watch.id"), primary_key=True),
    Column("client", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("key", Text, nullable=False),
    *_progress(),
)

topic = Table(
    "topic",
    metadata,
    Column("watch", Text, ForeignKey("app.watch.id"), primary_key=True),
    Column("name", Text, nullable=False),
    Column("error", Text),
)

mail_question = Table(
    "mail_question",
    metadata,
    Column("address", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("asked", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
