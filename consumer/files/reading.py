"""Folders, .avro files, nightly tarballs and their addresses -> packets, in a fixed order.

Nothing that is met on the way ends the reading of the rest: it is told as a remark.
"""

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import httpx

from consumer.files.names import is_address, name_of
from consumer.files.tarballs import CHUNK, MAX_KEPT, File, Kind, LeftOut, kind_of, members

TIMEOUT_S: Final = 60
"""Seconds without a byte from a server."""
_AGAIN: Final = "get it anew and run it again"
_READ: Final = ".avro, .tar, .tar.gz, .tar.bz2 and .tar.xz are read"
_NAMED: Final = 3
Advance = Callable[[int], object]


class Remark(NamedTuple):
    """What is to be said of a path."""

    place: str
    """The path, or a file in it."""
    text: str
    fault: bool
    """The path was not read whole."""


def read(path: str, advance: Advance = lambda _: None) -> Iterator[File | Remark]:
    """Each packet of a folder, .avro file or tarball, or of the tarball at an http(s) address.

    `advance` is told how many of the bytes that `size_of` announces were read.
    """
    counts: Counter[Kind] = Counter()
    names: dict[Kind, list[str]] = {}
    for item in _found(path, advance):
        if isinstance(item, LeftOut):
            counts[item.kind] += 1
            if counts[item.kind] <= _NAMED:
                names.setdefault(item.kind, []).append(item.name)
        else:
            yield item
    for kind, count in counts.items():
        named = ", ".join(names[kind]) + (", …" if count > _NAMED else "")
        files = "file" if count == 1 else "files"
        yield Remark(path, f"{count} {files} left out, {kind.value}: {named}", kind is Kind.PACKED)


def size_of(path: str) -> int | None:
    """Bytes that will be read; None for an address."""
    if is_address(path):
        return None
    places = _walk(path) if os.path.isdir(path) else iter([path])
    read = (p for p in places if isinstance(p, str) and kind_of(p) in (Kind.PACKET, Kind.TARBALL))
    return sum(map(_readable_size, read))


def _readable_size(path: str) -> int:
    """Bytes of a file; 0 where it cannot be looked at, which `read` tells when it comes to it."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _found(path: str, advance: Advance) -> Iterator[File | LeftOut | Remark]:
    kind = kind_of(name_of(path) if is_address(path) else path)
    if is_address(path):
        if kind is Kind.PACKET:
            yield Remark(path, "not read: an address must be that of a tarball", True)
        else:
            yield from _tarball(path, _downloaded(path, advance))
    elif os.path.isdir(path):
        yield from _folder(path, advance)
    elif not os.path.lexists(path):
        yield Remark(path, "no such file or folder", True)
    elif kind in (Kind.PACKED, Kind.OTHER):
        yield Remark(path, f"{kind.value}: {_READ}", True)
    else:
        yield from _file(path, os.path.basename(path), advance)


def _folder(root: str, advance: Advance) -> Iterator[File | LeftOut | Remark]:
    empty = True
    for place in _walk(root):
        if isinstance(place, Remark):
            empty = False
            yield place
            continue
        name = os.path.relpath(place, root)
        for item in _file(place, name, advance, inside=f"{name}/"):
            empty = empty and isinstance(item, LeftOut)
            yield item
    if empty:
        yield Remark(root, "no .avro file and no tarball in it", True)


def _walk(root: str) -> Iterator[str | Remark]:
    """Every file below a folder; links are followed, but into each folder once."""
    errors: list[OSError] = []
    seen = set()
    for folder, folders, names in os.walk(root, onerror=errors.append, followlinks=True):
        held = os.stat(folder)
        if (held.st_dev, held.st_ino) in seen:
            folders.clear()
            continue
        seen.add((held.st_dev, held.st_ino))
        folders.sort()
        yield from (os.path.join(folder, name) for name in sorted(names))
    for error in errors:
        yield Remark(str(error.filename), f"not listed: {_why(error)}", True)


def _file(
    place: str, name: str, advance: Advance, inside: str = ""
) -> Iterator[File | LeftOut | Remark]:
    """What is in one file of the disk; the names of what is in a tarball begin with `inside`."""
    kind = kind_of(name)
    if kind not in (Kind.PACKET, Kind.TARBALL):
        yield LeftOut(name, kind)
        return
    try:
        held = os.stat(place)
        if not stat.S_ISREG(held.st_mode):
            yield Remark(place, "no regular file", True)
        elif kind is Kind.TARBALL:
            yield from _tarball(place, _pieces(place, advance), inside)
        else:
            with open(place, "rb") as opened:
                data = opened.read(MAX_KEPT)
            advance(held.st_size)
            yield File(name, data)
    except OSError as error:
        yield Remark(place, _why(error), True)


def _tarball(
    place: str, chunks: Iterator[bytes], inside: str = ""
) -> Iterator[File | LeftOut | Remark]:
    packets = others = 0
    try:
        for item in members(chunks):
            packets += isinstance(item, File)
            others += isinstance(item, LeftOut) and item.kind is not Kind.DOUBLE
            yield item._replace(name=inside + item.name)
    except Exception as error:
        # tarfile and the decompressors raise whatever the damage leads to.
        kept = f" ({packets} read before)" if packets else ""
        yield Remark(place, _why(error) + kept, True)
    else:
        if others and not packets:
            yield Remark(place, "no .avro file in it", True)
        elif not packets:
            yield Remark(place, "an empty night: nothing in the tarball", False)


def _pieces(place: str, advance: Advance) -> Iterator[bytes]:
    with open(place, "rb") as file:
        while chunk := file.read(CHUNK):
            advance(len(chunk))
            yield chunk


def _downloaded(address: str, advance: Advance) -> Iterator[bytes]:
    """The bytes of a file; where the server packs them although asked not to, as they were."""
    asked = {"Accept-Encoding": "identity"}
    with httpx.stream(
        "GET", address, headers=asked, follow_redirects=True, timeout=TIMEOUT_S
    ) as answer:
        answer.raise_for_status()
        for chunk in answer.iter_bytes(CHUNK):
            advance(len(chunk))
            yield chunk


def _why(error: Exception) -> str:
    """Why a path was not read whole, in words for people."""
    match error:
        case httpx.HTTPStatusError(response=answer):
            why = f"the server answers {answer.status_code} {answer.reason_phrase}".rstrip()
        case httpx.TimeoutException():
            why = f"no answer for {TIMEOUT_S} s; run it again"
        case httpx.TransportError():
            why = f"the connection broke: {error}; run it again"
        case httpx.HTTPError() | httpx.InvalidURL():
            why = str(error)
        case OSError(strerror=str(reason)):
            why = reason.lower()
        case EOFError():
            why = f"{error}; {_AGAIN}"
        case _:
            why = f"damaged: {error or repr(error)}; {_AGAIN}"
    return why
