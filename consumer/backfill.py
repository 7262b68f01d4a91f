"""Folders, .avro files and nightly tarballs -> the same batches as the stream's.

Everything is read again each time and known packets are counted as duplicates (0.2 ms each), so a
backfill can be stopped anywhere and run again. Tarballs are read as a stream, never extracted.
"""

import asyncio
import io
import logging
import tarfile
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import unquote, urlsplit

import httpx
from tqdm import tqdm

from archive.errors import BadInput
from consumer.ingest import Archive, Batch, ingest_each
from consumer.settings import Settings
from consumer.sorting import Raw
from consumer.topics import night_of

log = logging.getLogger(__name__)

# What is larger than the decoder reads is kept as a reject, up to this many bytes of it.
MAX_KEPT: Final = 32_000_000
_TARBALL: Final = (".tar", ".tar.gz", ".tgz")
Advance = Callable[[int], object]


def messages(path: str, advance: Advance = lambda _: None) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of each file of a folder, .avro file or tarball, in a fixed order.

    `path` may be an http(s) address of a tarball. `advance` is told how many of the bytes that
    `size_of` announces were read. Raises BadInput where there is nothing to read or a tarball is
    broken.
    """
    if _is_tarball(path):
        yield from _members(path, advance)
        return
    root = Path(path)
    if root.is_file():
        yield root.name, _read(root, advance)
        return
    if not root.is_dir():
        raise BadInput(f"{path}: no such file or folder")
    files = [f for f in sorted(root.rglob("*")) if f.is_file()]
    for file in files:
        name = str(file.relative_to(root))
        if file.suffix == ".avro":
            yield name, _read(file, advance)
        elif _is_tarball(name):
            for member, data in _members(str(file), advance):
                yield f"{name}/{member}", data


def size_of(path: str) -> int | None:
    """Bytes that will be read; None for an address."""
    root = Path(path)
    if _is_address(path) or not root.exists():
        return None
    files = [root] if root.is_file() else root.rglob("*")
    return sum(f.stat().st_size for f in files if f.suffix == ".avro" or _is_tarball(f.name))


def source_of(path: str) -> str:
    """The name by which the ledger knows a path: that of the tarball, or of the folder."""
    if _is_address(path):
        return unquote(urlsplit(path).path).rpartition("/")[2]
    root = Path(path).resolve()
    return root.parent.name if root.is_file() and root.suffix == ".avro" else root.name


async def backfill(
    archive: Archive, settings: Settings, paths: list[str], stop: asyncio.Event
) -> Counter[str]:
    """Take in all of `paths`; returns the totals by outcome. `stop` ends it after a batch."""
    totals: Counter[str] = Counter()
    sizes = [size_of(path) for path in paths]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    with tqdm(total=total, unit="B", unit_scale=True, disable=None) as bar:
        batches = _until(stop, (b for path in paths for b in _batches(path, settings, bar.update)))
        async with aclosing(ingest_each(archive, "backfill", batches)) as taken:
            async for _, outcome in taken:
                totals.update(outcome.counts)
                for name, reason in outcome.rejects:
                    log.warning("rejected", extra={"packet": name, "reason": reason})
                bar.set_postfix({k: v for k, v in totals.items() if v}, refresh=False)
    return totals


async def _until(stop: asyncio.Event, batches: Iterator[list[Raw]]) -> AsyncIterator[Batch]:
    """The batches, each read and unzipped in a thread, until `stop` is set."""
    while not stop.is_set():
        messages = await asyncio.to_thread(next, batches, None)
        if messages is None:
            return
        yield Batch(messages)


def _batches(path: str, settings: Settings, advance: Advance) -> Iterator[list[Raw]]:
    source = source_of(path)
    night = night_of(source, datetime.now(UTC))
    batch: list[Raw] = []
    size, position = 0, -1
    for position, (name, data) in enumerate(messages(path, advance)):
        batch.append(Raw(source, 0, position, name, night, data))
        size += len(data)
        if len(batch) >= settings.batch_messages or size >= settings.batch_bytes:
            yield batch
            batch, size = [], 0
    if position < 0:
        raise BadInput(f"{path}: no .avro file and no tarball with one in it")
    if batch:
        yield batch


def _read(file: Path, advance: Advance) -> bytes:
    with file.open("rb") as opened:
        data = opened.read(MAX_KEPT)
    advance(file.stat().st_size)
    return data


def _members(path: str, advance: Advance) -> Iterator[tuple[str, bytes]]:
    try:
        with _opened(path, advance) as stream, tarfile.open(fileobj=stream, mode="r|*") as tar:
            for member in tar:
                if member.isfile() and member.name.endswith(".avro"):
                    content = tar.extractfile(member)
                    assert content is not None
                    yield member.name.rpartition("/")[2], content.read(MAX_KEPT)
    except (tarfile.TarError, EOFError, zlib.error, OSError, httpx.HTTPError) as error:
        raise BadInput(f"{path}: {type(error).__name__}: {error}; run it again") from error


@contextmanager
def _opened(path: str, advance: Advance) -> Iterator[IO[bytes]]:
    if _is_address(path):
        with httpx.stream("GET", path, follow_redirects=True, timeout=60) as answer:
            answer.raise_for_status()
            yield io.BufferedReader(_Stream(answer.iter_raw(), advance), 1 << 20)
    else:
        with Path(path).open("rb") as file:
            chunks = iter(lambda: file.read(1 << 20), b"")
            yield io.BufferedReader(_Stream(chunks, advance), 1 << 20)


class _Stream(io.RawIOBase):
    """Chunks as a file that can only be read forward, telling how many bytes went by."""

    def __init__(self, chunks: Iterator[bytes], advance: Advance) -> None:
        self._chunks = chunks
        self._advance = advance
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = next(self._chunks, b"")
            self._advance(len(self._rest))
        n = min(len(buffer), len(self._rest))
        buffer[:n], self._rest = self._rest[:n], self._rest[n:]
        return n


def _is_address(path: str) -> bool:
    return path.startswith(("http://", "https://"))


def _is_tarball(path: str) -> bool:
    return (urlsplit(path).path if _is_address(path) else path).endswith(_TARBALL)
