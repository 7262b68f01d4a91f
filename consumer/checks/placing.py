"""Whether the bytes of a bundle are those that the rows which point into it speak of."""

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from archive.survey import Message, Packet, Survey


def parts_of(survey: Survey) -> tuple[str, ...]:
    """What of a packet has a range of bytes."""
    return "packet", *survey.stamps


def damage_of(put: Any, size: int, data: bytes) -> str | None:
    """What is wrong with an object of `size` bytes that begins with `data`, by its bundle's row."""
    if size < put.size:
        return f"truncated, {size} of {put.size} bytes are there"
    if hashlib.sha256(data[: put.size]).digest() != put.sha256:
        return "other bytes than were put"
    if size > put.size:
        return f"longer than was put, {size} bytes for {put.size}"
    return None


def misplaced(
    survey: Survey | None, alerts: Sequence[Any], aside: Sequence[Any], data: bytes
) -> Iterator[tuple[str, str]]:
    """Which row it is whose bytes are not its own, and what is wrong with them.

    Without a survey there are no alerts.
    """
    if survey is not None:
        yield from _misplaced_alerts(survey, alerts, data)
    for row in aside:
        kept = _part(row, "packet", data)
        if kept is None or hashlib.sha256(kept).digest() != row.sha256:
            place = f"{row.kind} {row.source}/{row.partition}/{row.position}"
            yield place, "its bytes are others than those that came"


def _misplaced_alerts(
    survey: Survey, alerts: Sequence[Any], data: bytes
) -> Iterator[tuple[str, str]]:
    read = lru_cache(maxsize=1)(survey.read)  # the records of one message are rows side by side
    sound = []
    for row in sorted(alerts, key=lambda row: row.packet_offset or 0):
        faults = list(_wrong_alert(survey, row, data, read))
        yield from ((f"alert {row.id}", fault) for fault in faults)
        sound += [] if faults else [row]
    for alert_id, stamp in _overlapping(survey, sound):
        yield f"alert {alert_id}", f"its {stamp} stamp lies where other bytes do"


def _wrong_alert(survey: Survey, row: Any, data: bytes, read: Any) -> Iterator[str]:
    packet = None
    if row.packet_offset is not None:
        message: Message[Any] = read(_part(row, "packet", data) or b"")
        mine = [p for p in message.packets if p.id == row.id]
        packet = next((p for p in mine if p.payload_hash == row.payload_hash), None)
        if packet is None:
            yield "its bytes are another packet's"
            return
    for n, stamp in enumerate(survey.stamps):
        if getattr(row, f"{stamp}_offset") is not None and _part(row, stamp, data) is None:
            yield f"its {stamp} stamp lies beyond the end"
        elif packet is not None:
            if _part(row, stamp, data) != _inside(packet, n):
                yield f"its {stamp} stamp is not that of its packet"
        elif not _is_sound(_part(row, stamp, data)):
            yield f"its {stamp} stamp is not one whole gzip"


def _part(row: Any, part: str, data: bytes) -> bytes | None:
    """The bytes of a range; None where there is none, or not all of it."""
    offset, length = getattr(row, f"{part}_offset"), getattr(row, f"{part}_length")
    if offset is None or length is None or not 0 <= offset <= offset + length <= len(data):
        return None
    return data[offset : offset + length]


def _inside(packet: Packet, n: int) -> bytes | None:
    span = packet.stamps[n]
    return None if span is None else packet.body[span.offset : span.offset + span.length]


def _is_sound(stamp: bytes | None) -> bool:
    """Of a packet that is withheld, gzip's own checksum tells; a stamp may also be no gzip."""
    if stamp is None or stamp[:2] != b"\x1f\x8b":
        return True
    unpacker = zlib.decompressobj(wbits=31)
    try:
        while stamp and not unpacker.eof:
            unpacker.decompress(stamp, 1 << 20)
            stamp = unpacker.unconsumed_tail
    except zlib.error:
        return False
    return unpacker.eof and not unpacker.unused_data


def _overlapping(survey: Survey, alerts: Sequence[Any]) -> Iterator[tuple[int, str]]:
    """Stamps of withheld packets that share bytes with something else in the bundle."""
    ranges = {
        (getattr(row, f"{part}_offset"), getattr(row, f"{part}_length")):
            (row.packet_offset is None, row.id, part)
        for row in alerts
        for part in parts_of(survey)
        if getattr(row, f"{part}_offset") is not None
        and (part == "packet" or row.packet_offset is None)
    }  # fmt: skip
    end = 0
    before: tuple[bool, int, str] = (False, 0, "")
    for (offset, length), this in sorted(ranges.items()):
        if offset < end:
            withheld, alert_id, part = this if this[0] else before
            if withheld:
                yield alert_id, part
        if offset + length > end:
            end, before = offset + length, this
