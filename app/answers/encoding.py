"""Compression of answers: zstd, gzip or br, as the client prefers.

The levels were measured (docs/decisions/0009). cramjam, which Kafka's codecs need anyway, provides
zstd and brotli.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol

import cramjam
from fastapi import Request
from isal import igzip, isal_zlib

from app.answers.accept import MAX_LENGTH, read_weights, weight_of
from archive.objects import Bytes

_LEVEL: Final = 1
_GZIP: Final = 31
"""zlib's window of 2^15 bytes in a gzip file."""
_BUFFER: Final = 4
"""ISA-L's buffers: 228 kB a stream, of which there may be hundreds, for 356 of its own choice. The
result is as short, events are as fast, exports 7 % slower (measured)."""


class Compressor(Protocol):
    """Compresses a stream piece by piece; each result of `compress` can be expanded at once."""

    def compress(self, data: Bytes) -> bytes: ...

    def flush(self) -> bytes: ...


class _Gzip:
    """gzip that gives each piece at once: a client sees rows as they are made."""

    def __init__(self) -> None:
        self._compressor = isal_zlib.compressobj(_LEVEL, wbits=_GZIP, memLevel=_BUFFER)

    def compress(self, data: Bytes) -> bytes:
        return self._compressor.compress(data) + self._compressor.flush(isal_zlib.Z_SYNC_FLUSH)

    def flush(self) -> bytes:
        return self._compressor.flush()


class _Cramjam:
    """A compressor of cramjam, which returns its data only when it is flushed."""

    def __init__(self, compressor: Any) -> None:
        self._compressor = compressor

    def compress(self, data: Bytes) -> bytes:
        self._compressor.compress(bytes(data))
        return bytes(self._compressor.flush())

    def flush(self) -> bytes:
        return bytes(self._compressor.finish())


class Coding(NamedTuple):
    """A content coding: a whole body at once, or a stream."""

    name: str
    whole: Callable[[bytes], bytes]
    stream: Callable[[], Compressor]


CODINGS: Final = (
    Coding(
        "zstd",
        lambda data: bytes(cramjam.zstd.compress(data, _LEVEL)),
        lambda: _Cramjam(cramjam.zstd.Compressor(_LEVEL)),
    ),
    Coding(
        "gzip",
        lambda data: igzip.compress(data, _LEVEL, mtime=0),
        _Gzip,
    ),
    Coding(
        "br",
        lambda data: bytes(cramjam.brotli.compress(data, _LEVEL)),
        lambda: _Cramjam(cramjam.brotli.Compressor(_LEVEL)),
    ),
)
"""If a client prefers several equally, the first of these is used."""
_ALIASES: Final = {"x-gzip": "gzip"}


def accepted_codings(accepted: str) -> dict[str, float]:
    """What an Accept-Encoding weighs, each coding under its one name."""
    return {_ALIASES.get(name, name): q for name, q in read_weights(accepted).items()}


def coding_of(request: Request) -> Coding | None:
    """How to compress the answer; None if the client accepts no coding, or prefers none.

    A client that does not mention codings may not know them.
    """
    return _best(request.headers.get("accept-encoding", "")[:MAX_LENGTH])


@lru_cache(maxsize=64)
def _best(accepted: str) -> Coding | None:
    known = accepted_codings(accepted)
    best = max(CODINGS, key=lambda coding: weight_of(known, coding.name))
    liked = weight_of(known, best.name)
    return best if liked > 0 and liked >= known.get("identity", 0.0) else None
