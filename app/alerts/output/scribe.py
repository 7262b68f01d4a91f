"""The process that writes parts of long answers: `python -m app.alerts.output.scribe`.

A row of all columns takes up to 25 µs, in which no other thread of a process gets the interpreter;
here it costs the app nothing, and two of them use two cores (app/columns/hands.py).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from app.alerts.output.items import alert_table, alert_values
from app.answers.formats import FORMATS
from app.answers.tabular import PIECE, Origin
from app.columns.hands import serve
from app.columns.spool import Bucket, drop_bucket, read_bucket
from app.search.vocabulary import VOCABULARIES

PROGRAM: Final = "app.alerts.output.scribe"


class Order(NamedTuple):
    """Rows that follow others, as the bytes of a file."""

    format: str
    fields: Sequence[str]
    survey: str
    service: str
    """Address of the service, with which links begin."""
    rows: Bucket
    into: Path
    """A file that is there already: none appears in a folder that is being removed meanwhile."""


def write_bucket(order: Order) -> None:
    """Do an order. The rows are gone then, and not before."""
    vocabulary, wanted = VOCABULARIES[order.survey], FORMATS[order.format]
    assert wanted.writer is not None
    table, origin = alert_table(order.fields, vocabulary), Origin(order.service, "", None)
    writer = wanted.writer(table, origin, begun=True)
    rows = read_bucket(order.rows)
    # Buffered: a bare file may write less than it is given, and say so in silence.
    with order.into.open("r+b") as file:
        for n in range(0, len(rows), PIECE):
            some = rows.slice(n, PIECE)
            file.write(
                writer.rows(alert_values(order.fields, some, f"{order.service}/api/v1", vocabulary))
            )
    drop_bucket(order.rows)


if __name__ == "__main__":
    serve(write_bucket)
