"""Tarballs as others might make them, and what the reader makes of a path."""

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

from consumer.files.reading import Remark, read
from consumer.files.tarballs import File


def tarred(members: Iterable[tuple[str, bytes]], packed: str = "gz") -> bytes:
    """A tarball; `packed` is "gz", "bz2", "xz" or ""."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=f"w:{packed}") as tar:  # type: ignore[call-overload]
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return made.getvalue()


def numbered(messages: Iterable[bytes]) -> list[tuple[str, bytes]]:
    """Messages under the names 0.avro, 1.avro …"""
    return [(f"{n}.avro", data) for n, data in enumerate(messages)]


def tarball(path: Path, messages: Iterable[bytes]) -> Path:
    """Write a tarball of messages."""
    path.write_bytes(tarred(numbered(messages), "gz"))
    return path


def found(path: Path | str) -> tuple[list[tuple[str, bytes]], list[Remark]]:
    """The packets of a path, and what is to be said of it."""
    items = list(read(str(path)))
    files = [(item.name, item.data) for item in items if isinstance(item, File)]
    return files, [item for item in items if isinstance(item, Remark)]
