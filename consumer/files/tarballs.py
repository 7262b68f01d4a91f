"""Tarballs, read as a stream from their first byte to their last, never extracted.

Python's tarfile takes a damaged header for the end of the tarball, does not ask for the mark at the
end, and sees no checksum of gzip in a stream: half a night would pass for a whole one. Here each of
these is an error.
"""

import bz2
import lzma
import re
import tarfile
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from itertools import chain
from typing import Any, Final, NamedTuple

from isal.igzip_lib import DECOMP_GZIP, IgzipDecompressor

CHUNK: Final = 1 << 16
MAX_KEPT: Final = 32_000_000
"""Of what is larger than the decoder reads so many bytes are kept, as a reject."""
MAX_MEMBER: Final = 1 << 34
"""Bytes of a member that is passed over: what says that it is larger is a bomb."""
MAX_TAIL: Final = 1 << 26
"""Bytes of padding behind the end of a tarball; tar's habit is 10 kB."""
_MAX_HEADER: Final = 1 << 20
"""Bytes of a long name or of attributes: tarfile reads them whole."""
_HEADERS: Final = frozenset({b"L", b"K", b"x", b"g", b"X"})
_LAYERS: Final = 3
"""A server may have packed a tarball once more, and whoever saved it kept both layers."""
_SHORT: Final = "cut short"
_SUFFIXES: Final = (
    ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz",
)  # fmt: skip
_PACKED: Final = re.compile(r"\.(avro|tar|tgz|tbz2?|txz)\.[^/]*$")


class Kind(Enum):
    """What a file is by its name; of what is left out, the words for it."""

    PACKET = "an .avro file"
    TARBALL = "a tarball"
    DOUBLE = "AppleDouble of a Mac"
    PACKED = "packed otherwise, or in part"
    SPECIAL = "links, devices or pipes"
    OTHER = "neither .avro nor tarball"


class File(NamedTuple):
    """A packet as it lies in a file."""

    name: str
    data: bytes


class LeftOut(NamedTuple):
    """A file that is not read."""

    name: str
    kind: Kind


def kind_of(name: str) -> Kind:
    """What the file of this name is."""
    base = name.rpartition("/")[2].lower()
    if base.startswith("._"):
        return Kind.DOUBLE
    if base.endswith(".avro"):
        return Kind.PACKET
    if base.endswith(_SUFFIXES):
        return Kind.TARBALL
    return Kind.PACKED if _PACKED.search(base) else Kind.OTHER


def members(chunks: Iterator[bytes]) -> Iterator[File | LeftOut]:
    """Every file of a tarball, in its order; folders are passed over.

    Raises EOFError where the bytes end too early, and whatever tarfile and the decompressors make
    of damage.
    """
    stream: Any = _Forward(_unpacked(chunks))
    with tarfile.open(fileobj=stream, mode="r|", bufsize=CHUNK, tarinfo=_Header) as tar:
        while (member := tar.next()) is not None:
            # It keeps them all, to find again what links lead to.
            tar.members.clear()  # type: ignore[attr-defined] # undocumented, but public
            if not member.isdir():
                yield _file(tar, member)
        _check_tail(tar.fileobj)


def _file(tar: tarfile.TarFile, member: tarfile.TarInfo) -> File | LeftOut:
    name = member.name.rpartition("/")[2]
    kind = kind_of(name)
    if kind is Kind.TARBALL:
        return LeftOut(name, Kind.PACKED)
    content = tar.extractfile(member) if member.isfile() else None
    if content is None:
        return LeftOut(name, Kind.SPECIAL)
    if kind is not Kind.PACKET:
        return LeftOut(name, kind)
    return File(name, content.read(min(member.size, MAX_KEPT)))


def _check_tail(stream: Any) -> None:
    """Read what follows the end, with it the checksum of the compression."""
    for _ in range(0, MAX_TAIL, tarfile.BLOCKSIZE):
        try:
            if stream.read(tarfile.BLOCKSIZE).strip(b"\0"):
                raise tarfile.ReadError("more follows its end")
        except _End:
            return
    raise tarfile.ReadError(f"more than {MAX_TAIL} bytes follow its end")


class _Header(tarfile.TarInfo):
    """A member's header; one that is none is an error wherever it stands."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_Header":
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if not buf.strip(b"\0"):
                raise  # the mark at the end
            raise tarfile.ReadError(_no_header(buf)) from error
        most = _MAX_HEADER if header.type in _HEADERS else MAX_MEMBER
        if not 0 <= header.size <= most:
            raise tarfile.ReadError(f"a member of {header.size} bytes, more than {most}")
        return header


def _no_header(found: bytes | bytearray) -> str:
    return f"{bytes(found[:16])!r} where a member of a tarball should begin"


class _End(EOFError):
    """The bytes end, and all compressions of them did."""


class _Forward:
    """Chunks as what tarfile reads; to read beyond their end raises _End."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._head = b""

    def read(self, _size: int) -> bytes:
        """The next bytes, however many are there."""
        for chunk in self._chunks:
            if chunk:
                if len(self._head) < tarfile.BLOCKSIZE:
                    self._head += chunk
                return chunk
        if not self._head:
            raise _End("empty, without even the end of a tarball")
        if len(self._head) < tarfile.BLOCKSIZE:
            raise tarfile.ReadError(_no_header(self._head))
        raise _End(_SHORT)


def _gzip() -> Any:
    return IgzipDecompressor(flag=DECOMP_GZIP)


_DECOMPRESSORS: Final[Sequence[tuple[bytes, Callable[[], Any]]]] = (
    (b"\x1f\x8b", _gzip),
    (b"BZh", bz2.BZ2Decompressor),
    (b"\xfd7zXZ\0", lzma.LZMADecompressor),
)


def _unpacked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """What is inside all layers of compression, told by what the bytes begin with."""
    for _ in range(_LAYERS):
        head = b""
        for chunk in chunks:
            head += chunk
            if len(head) >= max(len(magic) for magic, _ in _DECOMPRESSORS):
                break
        chunks = chain([head], chunks)
        make = next((make for magic, make in _DECOMPRESSORS if head.startswith(magic)), None)
        if make is None:
            break
        chunks = _expanded(chunks, make)
    return chunks


def _expanded(chunks: Iterator[bytes], make: Callable[[], Any]) -> Iterator[bytes]:
    """Undo a compression of one or more parts; raises EOFError where the last is not whole."""
    part, begun = make(), False
    for chunk in chunks:
        rest = chunk
        while rest or (begun and not part.needs_input):
            begun = True
            yield part.decompress(rest, CHUNK)
            rest = b""
            if part.eof:
                # Zeros may fill up the last block of a tape or disk.
                rest = part.unused_data.lstrip(b"\0")
                part, begun = make(), False
    if begun:
        raise EOFError(_SHORT)
