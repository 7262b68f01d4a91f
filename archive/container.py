"""Avro object container files, block by block. The only importer of fastavro.

Apache Avro specification 1.11, "Object Container Files": a header with the schema, then blocks,
each closed by the header's sync marker. A block counts only after its marker was seen: damaged
files yield a good-looking record first.
"""

import io
import zlib
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import cramjam
import fastavro

from archive.binary import long
from archive.errors import DamagedPacket

MAX_MESSAGE: Final = 2_000_000
MAX_RECORDS: Final = 100
MAX_EXPANDED: Final = 8_000_000
SYNC: Final = 16

_HEADER: Final = fastavro.parse_schema(
    {
        "type": "record",
        "name": "header",
        "fields": [
            {"name": "magic", "type": {"type": "fixed", "name": "magic", "size": 4}},
            {"name": "meta", "type": {"type": "map", "values": "bytes"}},
            {"name": "sync", "type": {"type": "fixed", "name": "sync", "size": SYNC}},
        ],
    }
)


class Header(NamedTuple):
    """The header's bytes up to the sync marker, and what they say."""

    head: bytes
    schema: bytes
    codec: str


class Block(NamedTuple):
    """`records` records, one after the other, in `body` from `start` to `end`."""

    schema: bytes
    records: int
    body: bytes
    """The file itself, or the expanded block where a codec was used."""
    start: int
    end: int


def blocks(data: bytes) -> Iterator[Block]:
    """The sound blocks of a file, in order; raises DamagedPacket at the first that is not."""
    if len(data) > MAX_MESSAGE:
        raise DamagedPacket(f"{len(data)} bytes, more than the {MAX_MESSAGE} that are read")
    header = _header(data)
    p = len(header.head) + SYNC
    sync = data[p - SYNC : p]
    records = 0
    while p < len(data):
        try:
            count, p = long(data, p)
            size, p = long(data, p)
        except IndexError:
            raise DamagedPacket("the file ends inside a block's head") from None
        if not (0 <= size <= len(data) - p and 0 <= count <= MAX_RECORDS - records):
            raise DamagedPacket(f"a block of {count} records in {size} bytes, {len(data) - p} left")
        end = p + size
        if data[end : end + SYNC] != sync:
            raise DamagedPacket("a block does not end in the sync marker")
        if header.codec == "null":
            yield Block(header.schema, count, data, p, end)
        else:
            body = _expand(data[p:end], header.codec)
            yield Block(header.schema, count, body, 0, len(body))
        records += count
        p = end + SYNC


# Nearly every message begins with the same bytes as one before, up to the sync marker: 25 kB
# compared in a microsecond, where reading the header costs fifty.
_latest: list[Header] = []


def _header(data: bytes) -> Header:
    for latest in _latest:
        if data.startswith(latest.head):
            return latest
    if not data.startswith(b"Obj\x01"):
        raise DamagedPacket("not an Avro file" if data else "an empty message")
    stream = io.BytesIO(data)
    try:
        header: Any = fastavro.schemaless_reader(stream, _HEADER, None)
        meta = header["meta"]
        schema, codec = meta["avro.schema"], meta.get("avro.codec", b"null").decode()
    except Exception as error:
        # fastavro raises whatever the damage leads to.
        raise DamagedPacket(f"a broken header: {error!r}") from error
    latest = Header(data[: stream.tell() - SYNC], schema, codec)
    _latest[:] = [latest, *_latest[:3]]
    return latest


def _expand(block: bytes, codec: str) -> bytes:
    """Undo a block's compression; raises DamagedPacket beyond MAX_EXPANDED bytes."""
    try:
        if codec == "deflate":
            expanded = zlib.decompressobj(-15).decompress(block, MAX_EXPANDED + 1)
        elif codec == "snappy":
            # Its own head tells the size, so a bomb is known before it goes off.
            if cramjam.snappy.decompress_raw_len(block[:-4]) > MAX_EXPANDED:
                raise DamagedPacket(f"a block of more than {MAX_EXPANDED} bytes")
            expanded = bytes(cramjam.snappy.decompress_raw(block[:-4]))
            if zlib.crc32(expanded).to_bytes(4, "big") != block[-4:]:
                raise DamagedPacket("a snappy block with a wrong checksum")
        else:
            raise DamagedPacket(f"codec {codec!r} is not read; null, deflate and snappy are")
    except (zlib.error, cramjam.DecompressionError) as error:
        raise DamagedPacket(f"a {codec} block that does not expand: {error}") from error
    if len(expanded) > MAX_EXPANDED:
        raise DamagedPacket(f"a block of more than {MAX_EXPANDED} bytes")
    return expanded
