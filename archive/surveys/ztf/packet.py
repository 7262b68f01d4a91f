"""A message as it came -> its packets, and where each cutout lies."""

import base64
import hashlib
import re
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, Final, NamedTuple

import orjson

from archive.binary import Span
from archive.columns import LONGEST, Kind
from archive.container import Block, blocks
from archive.errors import DamagedPacket, RefusedPacket, reason_of
from archive.survey import Message
from archive.surveys.ztf.columns import CANDIDATE, DERIVED
from archive.surveys.ztf.layout import (
    EARLIER,
    FORCED_ENTRY,
    PICKED,
    STAMP_FIELDS,
    Layout,
    layout_of,
)

PUBLIC: Final = 1
"""The programid of what is public."""
MAX_EXTRA: Final = 1_000_000
USUAL_SIGNS: Final = frozenset({"t", "f", None})
INTEGER_BOUNDS: Final = (-(2**31), 2**31 - 1)

_FORCED_OF_EARLIER: Final = itemgetter(*map(EARLIER.index, FORCED_ENTRY))
_REQUIRED: Final = tuple(c.name for c in CANDIDATE if c.required)
_TEXTS: Final = tuple((c.name, c.longest) for c in CANDIDATE if c.kind in (Kind.TEXT, Kind.BOOLEAN))
_LONGEST: Final = {c.name: c.longest for c in DERIVED}
_PROCSTATUS: Final = FORCED_ENTRY.index("procstatus")
# An escaped NUL: after an even number of backslashes, or it is a backslash and "u0000".
_NUL: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


class Packet(NamedTuple):
    """One record of a message."""

    object_id: str
    id: int
    """ZTF's candid."""
    fields: dict[str, Any]
    """Candidate fields under ZTF's names, values as sent; what the schema lacks is missing."""
    schemavsn: str | None
    publisher: str | None
    earlier: list[tuple[Any, ...]]
    """Entries of prv_candidates, each with the fields EARLIER; empty for null."""
    forced: list[tuple[Any, ...]]
    """Entries of fp_hists (schema 3.5: of prv_candidates), each with the fields FORCED_ENTRY."""
    extra: str | None
    """JSON of the fields that have no column: {"alert": {…}, "candidate": {…}}."""
    stamps: tuple[Span | None, ...]
    """Science, template, difference: where the gzipped FITS lies in `body`; None: there is none."""
    body: bytes
    """What `stamps` point into: the message itself, or its expanded block."""
    payload_hash: bytes
    """SHA-256 of the record as encoded, without header and sync marker, which differ at random."""


def decode(data: bytes) -> Message[Packet]:
    """Read a message. Never raises for what is in `data`: damage is told in the answer.

    Of every packet in the answer rows can be made, and inserted.
    """
    packets: list[Packet] = []
    try:
        packets.extend(packets_of(data))
    except DamagedPacket as damage:
        return Message(packets, reason_of(damage), isinstance(damage, RefusedPacket))
    except Exception as error:
        # The last net: a fault of ours must hold up no partition. No known message gets here.
        return Message(packets, f"cannot be read: {reason_of(error)}", refused=True)
    return Message(packets, None if packets else "no record in the file")


def packets_of(data: bytes) -> Iterator[Packet]:
    """The packets of a message, block by block; raises DamagedPacket at the first that is none."""
    for block in blocks(data):
        yield from _records(layout_of(block.schema), block)


def _records(layout: Layout, block: Block) -> list[Packet]:
    packets = []
    p = block.start
    for _ in range(block.records):
        start = p
        try:
            record, p = layout.read(block.body, p, block.end)
        except DamagedPacket:
            raise
        except Exception as error:
            # IndexError, struct.error, UnicodeDecodeError …: the reader trusts its bytes.
            raise DamagedPacket(f"does not fit its schema: {error}") from error
        if p > block.end:
            raise DamagedPacket("a record runs over the end of its block")
        payload_hash = hashlib.sha256(block.body[start:p]).digest()
        packets.append(_packet(layout, record, block.body, payload_hash))
    if p != block.end:
        raise DamagedPacket(f"{block.end - p} bytes follow the last record of a block")
    return packets


def _packet(layout: Layout, record: dict[str, Any], body: bytes, payload_hash: bytes) -> Packet:
    candidate: dict[str, Any] | None = record["candidate"]
    if candidate is None:
        raise RefusedPacket("candidate is missing")
    _check_widths(layout, record)
    earlier = record.get("prv_candidates") or []
    forced = record.get("fp_hists") or []
    if layout.earlier_is_forced:
        forced, earlier = [*map(_FORCED_OF_EARLIER, earlier), *forced], []
    packet = Packet(
        object_id=record["objectId"],
        id=record["candid"],
        fields=candidate,
        schemavsn=record.get("schemavsn"),
        publisher=record.get("publisher"),
        earlier=earlier,
        forced=forced,
        extra=_extra(layout, record),
        stamps=tuple(_stamp(record.get(field)) for field in STAMP_FIELDS),
        body=body,
        payload_hash=payload_hash,
    )
    _check(packet)
    _check_texts(packet)
    # The same direction; the column's bound, as that of a remainder, leaves 360 out.
    candidate["ra"] %= 360
    return packet


def _extra(layout: Layout, record: dict[str, Any]) -> str | None:
    candidate = record["candidate"]
    parts = {
        "alert": {name: record[name] for name in layout.unknown},
        "candidate": {name: candidate.pop(name) for name in layout.unknown_candidate},
    }
    # A spelling of isdiffpos that is not ZTF's usual one would be lost in the boolean.
    if candidate.get("isdiffpos") not in USUAL_SIGNS:
        parts["candidate"]["isdiffpos"] = candidate.get("isdiffpos")
    if not any(parts.values()):
        return None
    text = orjson.dumps(parts, default=lambda value: base64.b64encode(value).decode()).decode()
    if len(text) > MAX_EXTRA:
        names = (*layout.unknown, *(f"candidate.{name}" for name in layout.unknown_candidate))
        raise RefusedPacket(f"{', '.join(names)}: {len(text)} characters without a column")
    # jsonb holds no NUL.
    return _NUL.sub(r"\1\\ufffd", text)


def _stamp(cutout: dict[str, Any] | None) -> Span | None:
    span: Span | None = cutout["stampData"] if cutout else None
    return span if span and span.length else None


def _check_widths(layout: Layout, record: dict[str, Any]) -> None:
    """Raise RefusedPacket where an integer is too large for its column."""
    low, high = INTEGER_BOUNDS
    for path in layout.wide:
        holder, name = path
        if holder == "candidate":
            values = [record[holder][name]]
        else:
            n = PICKED[holder,].index(name)
            values = [entry[n] for entry in record[holder] or ()]
        for value in values:
            if value is not None and not low <= value <= high:
                raise RefusedPacket(f"{holder}.{name} = {value} is not in [{low}, {high}]")


def _check(packet: Packet) -> None:
    """Raise RefusedPacket where a row could not be made of the packet, or would mislead."""
    candidate = packet.fields
    for name in _REQUIRED:
        if candidate[name] is None:
            raise RefusedPacket(f"candidate.{name} is missing")
    for name, value in (("objectId", packet.object_id), ("candid", packet.id)):
        if value in ("", None):
            raise RefusedPacket(f"{name} is missing")
    if packet.id != candidate["candid"]:
        raise RefusedPacket(
            f"candid and candidate.candid disagree: {packet.id}, {candidate['candid']}"
        )
    # NaN compares false, so it fails these as well.
    for name, low, high in (("jd", 2400000.5, 2500000.0), ("ra", 0.0, 360.0), ("dec", -90.0, 90.0)):
        if not low <= candidate[name] <= high:
            raise RefusedPacket(f"candidate.{name} = {candidate[name]} is not in [{low}, {high}]")


def _check_texts(packet: Packet) -> None:
    """Raise RefusedPacket where PostgreSQL, or an index of it, could not hold a text."""
    candidate = packet.fields
    texts = [
        ("objectId", packet.object_id, _LONGEST["object_id"]),
        ("schemavsn", packet.schemavsn, _LONGEST["schemavsn"]),
        ("publisher", packet.publisher, _LONGEST["publisher"]),
        *((f"candidate.{name}", candidate.get(name), longest) for name, longest in _TEXTS),
    ]
    statuses = {entry[_PROCSTATUS] for entry in packet.forced}
    texts += [("fp_hists.procstatus", status, LONGEST) for status in statuses]
    for field, text, longest in texts:
        if text and "\0" in text:
            raise RefusedPacket(f"{field} holds a NUL character")
        if text and len(text) > longest:
            raise RefusedPacket(f"{field} has {len(text)} characters, more than {longest}")


def is_public(packet: Packet) -> bool:
    """Whether the alert itself is public; rows of its history may still be private."""
    return bool(packet.fields["programid"] == PUBLIC)
