"""Packets as Avro object container files, the way ZTF sends them: one block, usually one record."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from functools import cache
from typing import Any, Final, Literal

import cramjam

from dev.simulator import schema
from dev.simulator.encoding import Entry, Piece, encoder, long, text

Codec = Literal["null", "deflate", "snappy"]
Record = dict[str, Any]

MAGIC: Final = b"Obj\x01"
_CANDIDATE: Final = encoder(schema.fields(schema.CANDIDATE))
encoded_detection: Final = encoder(schema.history_fields())
_FORCED: Final = encoder(schema.fields(schema.FORCED))


def message(record: Record) -> bytes:
    """The bytes of one packet; its sync marker follows from its candid."""
    return container([encoded(record)], sync_marker(record["candid"]))


def container(bodies: Sequence[bytes], sync: bytes, codec: Codec = "null") -> bytes:
    """An object container file of these encoded records; without any, it has no block."""
    if not bodies:
        return header(codec) + sync
    content = compressed(b"".join(bodies), codec)
    return b"".join((header(codec), sync, long(len(bodies)), long(len(content)), content, sync))


def sync_marker(candid: int) -> bytes:
    """16 bytes that look random, and are the same whenever the packet is."""
    return hashlib.md5(str(candid).encode(), usedforsecurity=False).digest()


@cache
def header(codec: Codec) -> bytes:
    """Magic and metadata: a map of two entries, and the end of the map."""
    entries = (("avro.schema", schema.SCHEMA_TEXT), ("avro.codec", codec))
    return MAGIC + long(2) + b"".join(text(key) + text(value) for key, value in entries) + long(0)


def compressed(content: bytes, codec: Codec) -> bytes:
    """A block's content by codec: raw deflate, or snappy and the CRC-32 of what it holds."""
    if codec == "deflate":
        press = zlib.compressobj(6, zlib.DEFLATED, -15)
        return press.compress(content) + press.flush()
    if codec == "snappy":
        return bytes(cramjam.snappy.compress_raw(content)) + struct.pack(">I", zlib.crc32(content))
    return content


def encoded(record: Record) -> bytes:
    """One alert in Avro's binary form."""
    return b"".join((
        text(record["schemavsn"]), text(record["publisher"]), text(record["objectId"]),
        long(record["candid"]), _CANDIDATE(record["candidate"]),
        array(encoded_detection, record["prv_candidates"]), array(_FORCED, record["fp_hists"]),
        *(cutout(record[f"cutout{kind}"]) for kind in ("Science", "Template", "Difference")),
    ))  # fmt: skip


def array(encode: Piece, items: Sequence[Record] | None) -> bytes:
    """A nullable array: branch of the union, one block of items, the end."""
    if items is None:
        return long(0)
    if not items:
        return long(1) + long(0)
    bodies = [item.wire if isinstance(item, Entry) else encode(item) for item in items]
    return b"".join((long(1), long(len(items)), *bodies, long(0)))


def cutout(stamp: Record | None) -> bytes:
    """A nullable stamp: branch of the union, name, bytes."""
    if stamp is None:
        return long(0)
    data = stamp["stampData"]
    return b"".join((long(1), text(stamp["fileName"]), long(len(data)), data))
