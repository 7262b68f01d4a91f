"""Who may write a survey's catalog, and the folder in which rows wait meanwhile."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.published import Shelf
from catalog.settings import Settings
from catalog.source import Lock

_NAME: Final = "mars-catalog-"


class Writer(NamedTuple):
    """The archive, the catalog of one survey of it, and the right to write that."""

    engine: AsyncEngine
    shelf: Shelf
    settings: Settings
    lock: Lock


@contextmanager
def working_folder() -> Iterator[Path]:
    """A folder on the local disk (TMPDIR says where); those of processes that died go."""
    for left in Path(tempfile.gettempdir()).glob(f"{_NAME}*"):
        pid = left.name.removeprefix(_NAME).partition("-")[0]
        if pid.isdigit() and not _lives(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{_NAME}{os.getpid()}-") as name:
        yield Path(name)


def _lives(pid: int) -> bool:
    with suppress(PermissionError):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
    return True
