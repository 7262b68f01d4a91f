"""Files of the copy on a local disk, where a scan reads them ten times as fast as from the store.

A file never changes under its name, so several processes may share a directory. What does not fit
is read from the store.
"""

import hashlib
import logging
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from app.columns.copy import Leaf
from app.columns.spool import PREFIX
from archive.objects import ObjectStore

log = logging.getLogger(__name__)
_LEFT_S: Final = 3600.0
"""Age at which is deleted what the present copy does not need, and what a killed process left: no
scan takes so long."""


class Cache:
    """A directory for the files of one bucket, of `most` bytes at most."""

    def __init__(self, directory: Path, most: int, bucket: str) -> None:
        self.directory, self._most, self._bucket = directory, most, bucket

    async def keep(self, store: ObjectStore, leaves: Iterable[Leaf]) -> list[str]:
        """Where DuckDB finds each file: on the disk, if need be fetched now, else in the store.

        Raises StoreUnavailable.
        """
        places, left = [], self._most
        kept = set()
        for leaf in leaves:
            left -= leaf.size
            if left >= 0:
                path = self._path_of(leaf)
                try:
                    await self._have(store, leaf, path)
                except OSError as error:
                    log.warning("no room for columns", extra={"error": repr(error)})
                    left = -1
                else:
                    kept.add(path)
                    places.append(str(path))
                    continue
            places.append(f"s3://{self._bucket}/{leaf.key}")
        self._tidy(kept)
        return places

    def _path_of(self, leaf: Leaf) -> Path:
        name = f"{self._bucket}/{leaf.key}/{leaf.size}/{leaf.sum}"
        return self.directory / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.parquet"

    async def _have(self, store: ObjectStore, leaf: Leaf, path: Path) -> None:
        """Make sure that a file is here, and looks used. Raises OSError if the disk takes none."""
        if not _is_here(leaf, path):
            await self._fetch(store, leaf, path)

    async def _fetch(self, store: ObjectStore, leaf: Leaf, path: Path) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            with part.open("wb") as file:
                async for chunk in store.stream(leaf.key, 0, leaf.size):
                    file.write(chunk)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def _tidy(self, kept: set[Path]) -> None:
        if not self.directory.exists():
            return
        before = time.time() - _LEFT_S
        for path in set(self.directory.iterdir()) - kept:
            ours = path.suffix in (".parquet", ".part") or path.name.startswith(PREFIX)
            if not ours or path.stat().st_mtime > before:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _is_here(leaf: Leaf, path: Path) -> bool:
    """Whether a file is on the disk; if so, it looks used from now on."""
    if not (path.exists() and path.stat().st_size == leaf.size):
        return False
    path.touch()
    return True
