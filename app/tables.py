"""The tables of schema `app`: what the app keeps for itself, and writes as mars_app.

`sql/schema.sql` is the truth, with comments; a test compares the two. They stand here, not in
`archive/`: the consumer has no part in them.
"""

from sqlalchemy import Column, DateTime, Double, MetaData, Table, Text, func

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
