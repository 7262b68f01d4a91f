"""The positions of a watch between the client and the database: on disk, where they are many."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import IO, Final, NamedTuple

import orjson

from app.match.targets import Target

SLICE: Final = 20_000
"""Positions that are held in memory, and written by one statement."""
_IN_MEMORY: Final = 1_000_000
"""Bytes for which no file is made: those of 10,000 positions."""


class Slice(NamedTuple):
    """Some positions, column by column; the last three in degrees."""

    name: list[str]
    ra: list[float]
    dec: list[float]
    radius: list[float]


class Positions:
    """Positions as they come; whoever reads them again gets them in slices."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._waiting = file, Slice([], [], [], [])
        self.count = 0
        self.widest: float | None = None
        """The greatest radius; None while there are none [deg]."""

    def add(self, targets: Sequence[Target]) -> None:
        """Keep some more."""
        for target in targets:
            self._waiting.name.append(target.id)
            self._waiting.ra.append(target.cone.ra)
            self._waiting.dec.append(target.cone.dec)
            self._waiting.radius.append(target.cone.radius)
            self.widest = max(self.widest or 0.0, target.cone.radius)
        self.count += len(targets)
        if len(self._waiting.name) >= SLICE:
            self._file.write(orjson.dumps(list(self._waiting)) + b"\n")
            self._waiting = Slice([], [], [], [])

    def slices(self) -> Iterator[Slice]:
        """All of them, to the last bit."""
        self._file.seek(0)
        for line in self._file:
            yield Slice(*orjson.loads(line))
        if self._waiting.name:
            yield self._waiting


@contextmanager
def open_positions() -> Iterator[Positions]:
    """Room for positions, which is gone afterwards."""
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        yield Positions(file)
