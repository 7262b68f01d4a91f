"""The toy as a value for the archive, the consumer and the app.

A packet is a line of JSON, and behind it the bytes of its thumbnail.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import MetaData

from app.search.vocabulary import Vocabulary
from app.surveys.wording import Wording
from archive.binary import Span
from archive.columns import BIGINT, BOOLEAN, DOUBLE, INTEGER, REAL, TEXT, Column
from archive.survey import Message, Survey
from archive.tables import alert_table
from consumer.rows import Intake

SENT: Final = (
    Column("id", BIGINT, "", "meta.id;meta.main", "number", required=True, as_text=True),
    Column("jd", DOUBLE, "d", "time.start", "start of exposure", required=True),
    Column("ra", DOUBLE, "deg", "pos.eq.ra;meta.main", "right ascension", required=True),
    Column("dec", DOUBLE, "deg", "pos.eq.dec;meta.main", "declination", required=True),
    Column("mag", REAL, "mag", "phot.mag", "magnitude", sentinel=99.0),
    Column("visits", INTEGER, "", "meta.number", "visits so far"),
    Column("rising", BOOLEAN, "", "meta.code", "whether it gets brighter"),
    Column("note", TEXT, "", "meta.note", "what the observer says"),
)
DERIVED: Final = (
    Column("object_id", TEXT, "", "meta.id;src", "name of the object", required=True),
    Column("filter", TEXT, "", "meta.id;instr.filter", "band"),
    Column("l", DOUBLE, "deg", "pos.galactic.lon", "galactic longitude"),
    Column("b", DOUBLE, "deg", "pos.galactic.lat", "galactic latitude"),
)
STAMPS: Final = ("thumbnail",)


class Packet(NamedTuple):
    """One alert of the toy."""

    id: int
    object_id: str
    fields: Mapping[str, Any]
    extra: str | None
    stamps: tuple[Span | None, ...]
    body: bytes
    payload_hash: bytes


def read(data: bytes) -> Message[Packet]:
    """The packet of a message, or what is wrong with it."""
    line, newline, image = data.partition(b"\n")
    try:
        fields = json.loads(line)
        packet = Packet(
            fields["id"],
            fields["object"],
            fields,
            None,
            (Span(len(line) + len(newline), len(image)) if image else None,),
            data,
            hashlib.sha256(line).digest(),
        )
    except (ValueError, KeyError) as error:
        return Message([], f"not the toy's: {error!r}")
    return Message([packet], None)


def is_public(packet: Packet) -> bool:
    """Private is what says so."""
    return not packet.fields.get("private")


def derive(packets: Sequence[Packet], _: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The band is sent under another name."""
    return {"filter": [packet.fields.get("band") for packet in packets]}


TOY: Final = Survey(
    name="toy",
    key="id",
    sent=SENT,
    derived=DERIVED,
    bands=("u", "y"),
    stamps=STAMPS,
    alert=alert_table(MetaData(), "toy", key="id", sent=SENT, derived=DERIVED, stamps=STAMPS),
    history=None,
    read=read,
    is_public=is_public,
)
TOY_INTAKE: Final = Intake(survey=TOY, derive=derive)
TOY_VOCABULARY: Final = Vocabulary(
    Wording(survey=TOY, title="Toy Survey", examples={"mag": "18", "id": "7"})
)
