"""A message as it came -> its packets, and where each cutout lies."""

import base64
import hashlib
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, NamedTuple

import orjson

from archive.binary import Span
from archive.columns import CANDIDATE, Kind
from archive.container import Block, blocks
from archive.decoder import Read, compile_reader
from archive.errors import DamagedPacket, RefusedPacket
from archive.tables import DETECTION, FORCED, LIMIT, STAMPS

MAX_SCHEMA: Final = 256_000

# An entry of prv_candidates is an upper limit, a detection or, in schema 3.5, forced photometry.
EARLIER: Final = ("programid", *dict.fromkeys([*DETECTION, *LIMIT, *FORCED]))
FORCED_ENTRY: Final = ("programid", *FORCED)

_FORCED_OF_EARLIER: Final = itemgetter(*map(EARLIER.index, FORCED_ENTRY))
_REQUIRED: Final = tuple(c.name for c in CANDIDATE if c.required)
_TEXTS: Final = tuple(c.name for c in CANDIDATE if c.kind in (Kind.TEXT, Kind.BOOLEAN))
USUAL_SIGNS: Final = frozenset({"t", "f", None})
_PROCSTATUS: Final = FORCED_ENTRY.index("procstatus")
_AVRO_TYPES: Final = {
    Kind.INTEGER: {"int"},
    Kind.BIGINT: {"int", "long"},
    Kind.REAL: {"float"},
    Kind.DOUBLE: {"float", "double"},
    Kind.TEXT: {"string"},
    Kind.BOOLEAN: {"string"},
}
_COLUMNS: Final = {c.name: c for c in CANDIDATE}
_TOP: Final = frozenset(
    "schemavsn publisher objectId candid candidate prv_candidates fp_hists "
    "cutoutScience cutoutTemplate cutoutDifference".split()
)
_STAMP_FIELDS: Final = tuple(f"cutout{stamp.capitalize()}" for stamp in STAMPS)


class Layout(NamedTuple):
    """What a schema says: how to read a record, and which of its fields we know nothing of."""

    read: Read
    unknown: tuple[str, ...]
    unknown_candidate: tuple[str, ...]
    earlier_is_forced: bool
    """Schema 3.5: prv_candidates has no `candid`, and holds forced photometry."""


class Packet(NamedTuple):
    """One record of a message."""

    object_id: str
    candid: int
    candidate: dict[str, Any]
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


class Message(NamedTuple):
    """What was in one message: sound packets, and what was wrong with the rest, if anything."""

    packets: list[Packet]
    damage: str | None
    refused: bool = False
    """The damage is no damage of the bytes: a RefusedPacket."""


def decode(data: bytes) -> Message:
    """Read a message. Never raises for what is in `data`: damage is told in the answer."""
    packets: list[Packet] = []
    try:
        for block in blocks(data):
            packets += _records(layout_of(block.schema), block)
    except DamagedPacket as damage:
        return Message(packets, str(damage), isinstance(damage, RefusedPacket))
    return Message(packets, None if packets else "no record in the file")


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


# The container hands out one object for one text, and Python keeps a bytes object's hash: no call
# but the first hashes 25 kB.
@lru_cache(maxsize=64)
def layout_of(text: bytes) -> Layout:
    """Read the text of an alert's schema. Raises RefusedPacket where it is no alert's.

    A type that does not fit its column is refused here, for all packets of the schema at once:
    it needs a new column, and until then the packets wait among the rejects.
    """
    if len(text) > MAX_SCHEMA:
        raise RefusedPacket(f"a schema of {len(text)} bytes, more than the {MAX_SCHEMA} read")
    try:
        schema = orjson.loads(text)
        if isinstance(schema, list):
            raise RefusedPacket("not the schema of an alert: a union, no record")
        top = {f["name"]: _branches(f["type"]) for f in schema["fields"]}
        candidate = _record_fields(top["candidate"])
        earlier = _record_fields(top["prv_candidates"])
    except (ValueError, LookupError, TypeError) as error:
        raise RefusedPacket(f"not the schema of an alert: {error!r}") from error
    for name, column in _COLUMNS.items():
        misfit = set(map(str, candidate.get(name, []))) - _AVRO_TYPES[column.kind] - {"null"}
        if misfit:
            raise RefusedPacket(f"candidate.{name} is {misfit.pop()}, its column {column.kind}")
    return Layout(
        compile_reader(schema, {"prv_candidates": EARLIER, "fp_hists": FORCED_ENTRY}, "stampData"),
        tuple(name for name in top if name not in _TOP),
        tuple(name for name in candidate if name not in _COLUMNS),
        "candid" not in earlier,
    )


def _branches(avro_type: Any) -> list[Any]:
    return avro_type if isinstance(avro_type, list) else [avro_type]


def _record_fields(branches: list[Any]) -> dict[str, list[Any]]:
    """Fields of the record, or of the array of records, among a field's branches."""
    for branch in branches:
        if isinstance(branch, dict) and branch["type"] == "array":
            return _record_fields(_branches(branch["items"]))
        if isinstance(branch, dict) and branch["type"] == "record":
            return {f["name"]: _branches(f["type"]) for f in branch["fields"]}
    raise LookupError("no record")


def _packet(layout: Layout, record: dict[str, Any], body: bytes, payload_hash: bytes) -> Packet:
    try:
        candidate: dict[str, Any] = record["candidate"]
        earlier = record["prv_candidates"] or []
        forced = record.get("fp_hists") or []
        if layout.earlier_is_forced:
            forced, earlier = [_FORCED_OF_EARLIER(entry) for entry in earlier], []
        packet = Packet(
            object_id=record["objectId"],
            candid=record["candid"],
            candidate=candidate,
            schemavsn=record.get("schemavsn"),
            publisher=record.get("publisher"),
            earlier=earlier,
            forced=forced,
            extra=_extra(layout, record),
            stamps=tuple(_stamp(record.get(field)) for field in _STAMP_FIELDS),
            body=body,
            payload_hash=payload_hash,
        )
    except (LookupError, TypeError, AttributeError) as error:
        raise RefusedPacket(f"no alert: {error!r}") from error
    _check(packet)
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
    # jsonb holds no NUL; its escape is all that differs.
    return text.replace("\\u0000", "\\ufffd")


def _stamp(cutout: dict[str, Any] | None) -> Span | None:
    span = cutout["stampData"] if cutout else None
    return span if isinstance(span, Span) and span.length else None


def _check(packet: Packet) -> None:
    """Raise RefusedPacket where a row could not be made of the packet, or would mislead."""
    candidate = packet.candidate
    for name in _REQUIRED:
        if candidate.get(name) is None:
            raise RefusedPacket(f"candidate.{name} is missing")
    if not packet.object_id or packet.candid != candidate["candid"]:
        raise RefusedPacket(f"ids that disagree: {packet.object_id!r} {packet.candid}")
    # NaN compares false, so it fails these as well.
    for name, low, high in (("jd", 2400000.5, 2500000.0), ("ra", 0.0, 360.0), ("dec", -90.0, 90.0)):
        if not low <= candidate[name] <= high:
            raise RefusedPacket(f"candidate.{name} = {candidate[name]} is not in [{low}, {high}]")
    texts = [packet.object_id, packet.schemavsn, packet.publisher]
    texts += [candidate.get(name) for name in _TEXTS]
    texts += {entry[_PROCSTATUS] for entry in packet.forced}
    if any(text and "\0" in text for text in texts):
        raise RefusedPacket("a text that holds a NUL character")
