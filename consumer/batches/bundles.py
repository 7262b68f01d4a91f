"""How a batch's bytes lie in its object: original messages end to end, byte for byte."""

import hashlib
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple
from urllib.parse import quote

from archive.survey import Packet
from consumer.batches.sorting import Raw
from consumer.rows import Place

MAX_FOLDER: Final = 200


class Bundle(NamedTuple):
    """An object to be put."""

    key: str
    data: bytes
    sha256: bytes


def pack_packets(
    prefix: str,
    messages: Sequence[Raw],
    packets: Iterable[tuple[int, Packet]],
    withheld: AbstractSet[int],
) -> tuple[Bundle | None, list[Place]]:
    """The bundle of a batch, under `prefix`, and where in it each packet lies.

    Of a withheld message, and of one whose block was compressed, the stamps are added on their own,
    so that each is one ranged GET all the same.
    """
    parts = _Parts()
    begins: dict[int, int] = {}
    places = []
    for i, packet in packets:
        data = messages[i].data
        if i not in withheld and i not in begins:
            begins[i] = parts.add(data)
        begin = begins.get(i)
        inside = begin is not None and packet.body is data
        stamps = tuple(
            span
            and (
                begin + span.offset  # type: ignore[operator] # not None when inside
                if inside
                else parts.add(packet.body[span.offset : span.offset + span.length]),
                span.length,
            )
            for span in packet.stamps
        )
        places.append(Place(None if begin is None else (begin, len(data)), stamps))
    return parts.bundle(prefix, messages), places


def pack_messages(
    prefix: str, messages: Sequence[Raw], kept: Iterable[int]
) -> tuple[Bundle | None, dict[int, int]]:
    """Whole messages that are kept aside under `prefix`, and where each begins."""
    parts = _Parts()
    begins = {i: parts.add(messages[i].data) for i in kept}
    return parts.bundle(prefix, messages), begins


def _folder_of(source: str) -> str:
    """The source as a part of a key. Stores on a file system take 255 bytes of each part."""
    quoted = quote(source, safe="")
    if len(quoted) <= MAX_FOLDER:
        return quoted
    return quoted[: MAX_FOLDER - 17] + "~" + hashlib.sha256(source.encode()).hexdigest()[:16]


class _Parts:
    """Bytes in the order in which they were added."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, data: bytes) -> int:
        """Append; returns where the data begin."""
        self._parts.append(data)
        self._size += len(data)
        return self._size - len(data)

    def bundle(self, prefix: str, messages: Sequence[Raw]) -> Bundle | None:
        """The object, named for what it holds, so that the same overwrites itself; None: empty."""
        if not self._size:
            return None
        data = b"".join(self._parts)
        sha256 = hashlib.sha256(data).digest()
        first = messages[0]
        last = max(
            m.position
            for m in messages
            if (m.source, m.partition) == (first.source, first.partition)
        )
        key = (
            f"{prefix}/{first.night:%Y%m%d}/{_folder_of(first.source)}/"
            f"{first.partition}-{first.position}-{last}-{sha256.hex()[:16]}"
        )
        return Bundle(key, data, sha256)
